# SPDX-License-Identifier: Apache-2.0
"""Output files that are whole or not there."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from mcuforge.errors import CompileError


def write_whole(path: Path, text: str) -> None:
    """Write `text` to `path` by rename: no reader and no crash ever sees half of it.

    Raises CompileError when the folder is missing or not writable.
    """
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except OSError as error:
        raise CompileError(
            f"cannot write the file: {error.strerror or error}",
            str(path),
            "name a file in a folder that exists and is writable",
        ) from error
