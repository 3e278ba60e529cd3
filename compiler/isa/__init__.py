# SPDX-License-Identifier: Apache-2.0
"""The instruction sets: one package each, found by its name.

The operators may import this room. It does not import operators, only graph types and
`compiler/ops/common`.
"""

from __future__ import annotations

from mcuforge.compiler.isa.armv7em.layouts import Armv7em
from mcuforge.compiler.isa.helium.layouts import Helium
from mcuforge.compiler.isa.instruction_set import InstructionSet
from mcuforge.compiler.isa.rv32.layouts import Rv32
from mcuforge.errors import InternalError

INSTRUCTION_SETS = (InstructionSet(), Armv7em(), Helium(), Rv32())


def find_instruction_set(name: str) -> InstructionSet:
    """Find the instruction set of that name, as boards spell it; InternalError if none has it."""
    for found in INSTRUCTION_SETS:
        if found.name == name:
            return found
    known = ", ".join(isa.name for isa in INSTRUCTION_SETS)
    raise InternalError(
        f"unknown instruction set '{name}', known: {known}; add the package compiler/isa/{name} "
        f"with its prices: python -m scripts.calibrate_cost fit BOARD"
    )
