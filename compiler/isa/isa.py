# SPDX-License-Identifier: Apache-2.0
"""Which layouts there are for which ISA."""

from __future__ import annotations

from collections.abc import Mapping

from mcuforge.compiler.isa.armv7em import Armv7em
from mcuforge.compiler.isa.helium import Helium
from mcuforge.compiler.isa.layouts import Packing
from mcuforge.compiler.isa.rv32 import Rv32

PACKINGS: Mapping[str, Packing] = {"armv7em": Armv7em(), "helium": Helium(), "rv32": Rv32()}
UNPACKED = Packing()


def packing_of(isa: str) -> Packing:
    """The layouts of `isa`; of one without kernels of its own a packing that packs nothing."""
    return PACKINGS.get(isa, UNPACKED)
