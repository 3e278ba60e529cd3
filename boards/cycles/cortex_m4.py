# SPDX-License-Identifier: Apache-2.0
"""Cortex-M4 timings, as Arm documents them.

Arm 100166_0001 (Cortex-M4 TRM r0p1; DDI 0439 before), 3.3.1 "Table of processor instructions" and
3.3.3 "Load/store timings", zero wait states. Where Arm gives a range, a comment at the constant
states our choice. Data addresses are ignored: an access across a word costs one cycle more than
here.
"""

from collections.abc import Sequence

from mcuforge.boards.cycles.instruction import Instruction, Kind

# P, "1 to 3 depending on the alignment and width of the target instruction, and whether the
# processor manages to speculate the address early"
REFILL_DIRECT = 1
REFILL_DIRECT_SPLIT = 2  # the target is a wide instruction in two words
REFILL_INDIRECT = 3  # as 3.3.3 has it for LDR PC and TBB: the address is not known early
DIVIDE = 7  # "2 to 12", by the operands
FLOAT = {"vdiv": 14, "vsqrt": 14, "vmla": 3, "vmls": 3, "vnmla": 3, "vnmls": 3, "vfma": 3}
TABLE_BRANCH = 3  # TBB, TBH: two of the load, one of the addition, before the refill
_COMPUTES = (Kind.ALU, Kind.SHIFT, Kind.SIMD, Kind.MULTIPLY)


def cycles(before: Sequence[Instruction], block: Sequence[Instruction], taken: bool) -> int:
    """Price one instruction at a time; loads and stores in a row overlap. See `Core`."""
    total = _refill(before[-1], block[0]) if before and taken else 0
    previous = before[-1] if before and not taken else None
    for instruction in block:
        total += _cycles(instruction, previous)
        previous = instruction
    return total


def _refill(branch: Instruction, target: Instruction) -> int:
    if not branch.direct:
        return REFILL_INDIRECT
    split = target.bytes == 4 and target.address % 4 != 0
    return REFILL_DIRECT_SPLIT if split else REFILL_DIRECT


def _cycles(this: Instruction, previous: Instruction | None) -> int:
    match this.kind:
        case Kind.LOAD | Kind.STORE:
            return _access(this, previous)
        case Kind.LOAD_MANY | Kind.STORE_MANY:
            return 1 + this.transfers
        case Kind.DIVIDE:
            return DIVIDE
        case Kind.FLOAT:
            return FLOAT.get(this.name, 1)
        case Kind.IT:  # "can be folded onto the preceding 16-bit instruction"
            return 0 if previous is not None and previous.bytes == 2 else 1
        case Kind.BRANCH if this.name in ("tbb", "tbh"):
            return TABLE_BRANCH
        case _:
            return 1


def _access(this: Instruction, previous: Instruction | None) -> int:
    """Price a load or store of one register: 2 cycles, minus overlap, plus waiting."""
    fixed_store = this.kind is Kind.STORE and not this.indexed  # "always one cycle"
    base = 1 if fixed_store else 2
    if previous is None:
        return base
    depends = bool((previous.writes - previous.moved) & this.address_reads)
    if previous.kind in _COMPUTES and depends:
        return base + 1
    overlaps = previous.kind is Kind.LOAD and not depends
    return 1 if overlaps else base
