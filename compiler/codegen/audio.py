# SPDX-License-Identifier: Apache-2.0
"""audio.c: the features that a model takes, with their tables, for the C of runtime_c/audio."""

import numpy as np

from mcuforge.compiler.audio.lfbe import Lfbe
from mcuforge.compiler.codegen.constants import ConstantArray
from mcuforge.compiler.codegen.model import render


def audio_c(lfbe: Lfbe) -> str:
    """Write the text of audio.c."""
    arrays = (
        ("sines", lfbe.sines, np.int32, "sin(2 pi i / window), 30 fraction bits"),
        ("shape", lfbe.shape, np.int32, "the first half of the window, 30 fraction bits"),
        ("edges", lfbe.edges, np.uint16, "where each half triangle begins"),
        ("rising", lfbe.rising, np.uint16, "the weights of rising triangles, 15 fraction bits"),
        ("logs", lfbe.logs, np.int32, "log2 at the ends of its chords, 20 fraction bits"),
    )
    return render(
        "audio.c.j2",
        lfbe=lfbe,
        arrays=[
            ConstantArray(name, data.astype(dtype), about) for name, data, dtype, about in arrays
        ],
    )
