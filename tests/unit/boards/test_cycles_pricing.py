# SPDX-License-Identifier: Apache-2.0
"""Hand-written blocks priced for a Cortex-M4 and a Cortex-M7."""

from __future__ import annotations

import pytest

from mcuforge.boards.cycles.core import CORES, Core, core_of
from mcuforge.boards.cycles.cortex_m7 import MISPREDICT
from mcuforge.boards.cycles.estimate import Cost, price
from mcuforge.boards.cycles.execution_log import BasicBlock, Edges
from mcuforge.boards.cycles.instruction import Instruction, decode
from mcuforge.boards.cycles.listing import Listing
from mcuforge.errors import BoardError

BASE = 0x8000
M4, M7 = CORES["cortex-m4"], CORES["cortex-m7"]


def block(text: str, address: int = BASE) -> tuple[Instruction, ...]:
    """Instructions separated by `;`, wide where they say .w."""
    found = []
    for line in text.split(";"):
        mnemonic, _, operands = line.strip().partition(" ")
        size = 4 if mnemonic.endswith(".w") else 2
        found.append(decode(address, size, mnemonic, operands))
        address += size
    return tuple(found)


def cost(core: Core, text: str) -> int:
    return core.cycles((), block(text), False)


# the first four are examples of the manual's "Load/store timings", with the totals it gives
@pytest.mark.parametrize(
    ("text", "cycles"),
    [
        ("ldr r0, [r1]; ldr r1, [r2]", 3),
        ("ldr.w r0, [r1, r2]; str r0, [r3, #20]", 3),
        ("ldr.w r0, [r1, r2]; str r1, [r3, r2]", 3),
        ("ldr.w r0, [r1, r5]; ldr r1, [r2]; ldr r2, [r3, #4]", 4),
        ("ldr r0, [r1]; ldr r2, [r0]", 4),
        ("ldr.w r0, [r1], #4; ldr.w r2, [r1], #4", 3),  # a base that moves on is not a destination
        ("str r0, [r1, #4]", 1),
        ("str r0, [r1, r2]", 2),
        ("adds r1, #4; ldr r0, [r1]", 4),
        ("adds r1, #4; str r0, [r1, #0]", 3),
        ("adds r3, #4; ldr r0, [r1]", 3),
        ("ldrd r0, r1, [r2]; ldr r3, [r4]", 5),
        ("push {r4-r7, lr}", 6),
        ("smlad r0, r1, r2, r0; smull r4, r5, r6, r7; sxtb16 r2, r3", 3),
        ("sdiv r0, r1, r2", 7),
        ("adds r0, #1; it ne; movne r0, r1", 2),
        ("add.w r0, r0, #1; it ne; movne r0, r1", 3),
    ],
)
def test_a_cortex_m4_takes_what_its_manual_says(text: str, cycles: int) -> None:
    assert cost(M4, text) == cycles


@pytest.mark.parametrize(
    ("branch", "target", "address", "refill"),
    [
        ("bne.n 8000 <f>", "movs r0, #1", BASE + 2, 1),
        ("bne.n 8000 <f>", "mov.w r0, #1", BASE, 1),
        ("bne.n 8000 <f>", "mov.w r0, #1", BASE + 2, 2),
        ("bx lr", "movs r0, #1", BASE, 3),
    ],
)
def test_a_taken_branch_of_a_cortex_m4_refills_by_its_target(
    branch: str, target: str, address: int, refill: int
) -> None:
    before, after = block(branch), block(target, address)
    assert M4.cycles(before, after, True) == 1 + refill
    assert M4.cycles(before, after, False) == 1


def test_a_delay_loop_of_three_takes_four_cycles_on_a_cortex_m4() -> None:
    loop = block("nop; subs r0, #1; bne.n 8000 <f>")
    assert M4.cycles(loop, loop, True) == 4


@pytest.mark.parametrize(
    ("text", "cycles"),
    [
        ("adds r0, #1; adds r1, #1", 1),  # two of arithmetic
        ("adds r0, #1; add r0, r1", 2),  # one needs the other
        ("ldr r0, [r2]; ldr r1, [r3]", 1),  # two loads
        ("str r0, [r2]; str r1, [r3]", 2),  # one store
        ("smlad r0, r1, r2, r0; smlad r3, r4, r5, r3", 2),  # one multiplier
        ("smlad r0, r1, r2, r0; smlad r0, r4, r5, r0", 2),  # the sum is there in time
        ("mul r0, r1, r2; add r3, r0", 3),  # a product is not
        ("sxtb16 r0, r1; smlad r2, r3, r4, r2", 1),  # extension first in a pair
        ("smlad r2, r3, r4, r2; sxtb16 r0, r1", 2),  # not second
        ("ldr r0, [r1]; add r2, r0", 2),
        ("ldrb r0, [r1]; add r2, r0", 3),
        ("adds r1, #4; ldr r0, [r1]", 3),  # addresses are wanted early
        ("ldr.w r0, [r1], #4; ldr.w r2, [r1], #4", 2),  # a moved base is there at once
        ("ldrd r0, r1, [r2]; ldr r3, [r0]", 3),
        ("ldr.w r1, [r1, r2]; ldr r0, [r1]", 3),  # a base that is overwritten is not
        ("add.w r0, r1, r2, lsl #2; add.w r3, r4, r5, lsl #2", 2),  # one shifter
        ("ldrd r0, r1, [r2]; adds r3, #1", 2),  # alone
        ("push {r4-r7}; adds r0, #1", 3),  # 64 bits per cycle
        ("sdiv r0, r1, r2; adds r3, #1", 8),
    ],
)
def test_a_cortex_m7_pairs_what_its_pipes_take(text: str, cycles: int) -> None:
    assert cost(M7, text) == cycles


def test_a_block_is_priced_behind_the_one_before() -> None:
    load, use = block("ldrb r0, [r1]"), block("add r2, r0", BASE + 2)
    assert M7.cycles(load, use, False) == 2
    assert M7.cycles((), use, False) == 1
    loads = block("ldr r0, [r1]; ldr r2, [r3]")
    assert M4.cycles(loads, loads, False) == 2
    assert M4.cycles((), loads, False) == 3


CODE = block("movs r0, #9; adds r1, #1; subs r0, #1; bne.n 8002 <f>; bx lr")
LISTING = Listing(CODE)
ENTRY, LOOP, LEAVE = (
    BasicBlock(0x8000, 0x8006),
    BasicBlock(0x8002, 0x8006),
    BasicBlock(0x8008, 0x8008),
)
NINE_TURNS = {(-1, 0): 1, (0, 1): 1, (1, 1): 7, (1, 2): 1}


def test_executed_blocks_are_summed_instruction_by_instruction() -> None:
    (found,) = price((ENTRY, LOOP, LEAVE), (NINE_TURNS,), LISTING, M4)
    # 4 and 8 times 3 and the return; refill of one for each of the 8 branches taken
    assert found == Cost(4 + 8 * 3 + 1, 4 + 8 * 3 + 1 + 8)


def test_a_branch_costs_where_it_goes_against_its_habit() -> None:
    (found,) = price((ENTRY, LOOP, LEAVE), (NINE_TURNS,), LISTING, M7)
    steady = CODE[1:4]
    turns = M7.cycles((), CODE[:4], False) + M7.cycles(CODE[:4], steady, True)
    turns += 7 * M7.cycles(steady, steady, True) + M7.cycles(steady, CODE[4:], False)
    assert found.cycles == turns + MISPREDICT


def test_runs_are_priced_apart() -> None:
    runs: tuple[Edges, ...] = (NINE_TURNS, {(-1, 2): 1}, {})
    found = price((ENTRY, LOOP, LEAVE), runs, LISTING, M4)
    assert found[1:] == (Cost(1, 1), Cost(0, 0))


def test_cores_without_timings_are_refused() -> None:
    assert core_of("cortex-m4", "b") is M4
    assert core_of("cortex-m7", "b") is M7
    with pytest.raises(BoardError) as refused:
        core_of("rv32imac", "qemu-riscv32")
    assert (
        "rv32imac cannot be estimated, expected one of cortex-m4, cortex-m7" in refused.value.what
    )
    assert refused.value.where == "board qemu-riscv32"
    assert "without --cycles" in refused.value.hint
