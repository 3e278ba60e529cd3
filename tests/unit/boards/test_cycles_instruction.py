# SPDX-License-Identifier: Apache-2.0
"""Thumb instructions read from objdump's columns."""

from __future__ import annotations

import pytest

from mcuforge.boards.cycles.instruction import Instruction, Kind, decode
from mcuforge.boards.cycles.listing import parse_listing
from mcuforge.errors import InternalError


def read(text: str, address: int = 0x8000) -> Instruction:
    mnemonic, _, operands = text.partition(" ")
    return decode(address, 4 if mnemonic.endswith(".w") else 2, mnemonic, operands)


@pytest.mark.parametrize(
    ("text", "name", "kind", "reads", "writes"),
    [
        ("adds r0, #1", "add", Kind.ALU, "r0", "r0 flags"),
        ("add.w r0, r1, r2, lsl #2", "add", Kind.ALU, "r1 r2", "r0"),
        ("addne r0, r1", "add", Kind.ALU, "r0 r1 flags", "r0"),
        ("mov r4, sp", "mov", Kind.ALU, "sp", "r4"),
        ("movlt r4, #1", "mov", Kind.ALU, "flags", "r4"),
        ("cmp r5, r1", "cmp", Kind.ALU, "r5 r1", "flags"),
        ("bic.w r1, r1, #3", "bic", Kind.ALU, "r1", "r1"),
        ("movt r3, #8192", "movt", Kind.ALU, "r3", "r3"),
        ("lsls r0, r1, #4", "lsl", Kind.SHIFT, "r1", "r0 flags"),
        ("sxtb16 r2, r3, ror #8", "sxtb16", Kind.SIMD, "r3", "r2"),
        ("ssat r0, #8, r1, asr #2", "ssat", Kind.SIMD, "r1", "r0"),
        ("muls r0, r1", "mul", Kind.MULTIPLY, "r0 r1", "r0 flags"),
        ("mls r0, r1, r2, r3", "mls", Kind.MULTIPLY, "r1 r2 r3", "r0"),
        ("smlad sl, r1, r2, fp", "smlad", Kind.MULTIPLY, "r1 r2 r11", "r10"),
        ("smmlar r0, r1, r2, r3", "smmlar", Kind.MULTIPLY, "r1 r2 r3", "r0"),
        ("smull r0, r1, r2, r3", "smull", Kind.MULTIPLY, "r2 r3", "r0 r1"),
        ("smlal r0, r1, r2, r3", "smlal", Kind.MULTIPLY, "r0 r1 r2 r3", "r0 r1"),
        ("sdiv r0, r1, r2", "sdiv", Kind.DIVIDE, "r1 r2", "r0"),
        ("ldr.w r3, [r1], #4", "ldr", Kind.LOAD, "r1", "r1 r3"),
        ("ldrsb.w r6, [r1, r2]", "ldrsb", Kind.LOAD, "r1 r2", "r6"),
        ("ldr.w r3, [r1, #8]!", "ldr", Kind.LOAD, "r1", "r1 r3"),
        ("strble r3, [r1, #0]", "strb", Kind.STORE, "r1 r3 flags", ""),
        ("ldrd r2, r3, [ip, #8]", "ldrd", Kind.LOAD_MANY, "r12", "r2 r3"),
        ("ldmia.w r0!, {r1-r3, lr}", "ldmia", Kind.LOAD_MANY, "r0", "r0 r1 r2 r3 lr"),
        ("push {r4-r6, lr}", "push", Kind.STORE_MANY, "sp r4 r5 r6 lr", "sp"),
        ("bls.n 80f0 <f+0x10>", "b", Kind.BRANCH, "flags", ""),
        ("bl 9000 <g>", "bl", Kind.BRANCH, "", "lr"),
        ("blt.n 80f0 <f+0x10>", "b", Kind.BRANCH, "flags", ""),
        ("cbz r3, 80f0 <f>", "cbz", Kind.BRANCH, "r3", ""),
        ("bx lr", "bx", Kind.BRANCH, "lr", ""),
        ("vmul.f32 s0, s1, s2", "vmul", Kind.FLOAT, "s1 s2", "s0"),
        ("itte ne", "it", Kind.IT, "", ""),
        ("nop", "nop", Kind.NOP, "", ""),
    ],
)
def test_an_instruction_is_known_by_its_text(
    text: str, name: str, kind: Kind, reads: str, writes: str
) -> None:
    found = read(text)
    assert (found.name, found.kind) == (name, kind)
    assert (found.reads, found.writes) == (frozenset(reads.split()), frozenset(writes.split()))


def test_what_timings_ask_for_is_told_apart() -> None:
    assert read("smlad r0, r1, r2, r3").accumulator == "r3"
    assert read("smull r0, r1, r2, r3").accumulator is None
    assert read("add.w r0, r1, fp, lsl #2").shifted == "r11"
    assert read("lsls r0, r1, #4").shifted is None
    assert read("str r0, [r1, r2]").indexed
    assert not read("str r0, [r1], #4").indexed
    assert read("pop {r4-r7, pc}").transfers == 5
    assert read("vpush {d8-d9}").transfers == 4


def test_jumps_are_direct_or_not() -> None:
    assert [(read(x).jumps, read(x).direct) for x in ("b.n 8000 <f>", "cbnz r0, 8000 <f>")] == [
        (True, True)
    ] * 2
    for text in ("bx lr", "pop {r4, pc}", "tbb [pc, r3]", "ldr.w pc, [sp], #4", "mov pc, lr"):
        assert (read(text).jumps, read(text).direct) == (True, False), text
    assert not read("bics r0, r1").jumps


LISTING = """
00008000 <f>:
    8000:\tf851 3b04 \tldr.w\tr3, [r1], #4
    8004:\t4618      \tmov\tr0, r3
    8006:\td1fb      \tbne.n\t8000 <f>
    8008:\t00001234 \t.word\t0x00001234
    800c:\t4770      \tbx\tlr
"""


def test_a_listing_gives_what_stands_between_two_addresses() -> None:
    listing = parse_listing(LISTING)
    assert [x.name for x in listing.between(0x8000, 0x8006)] == ["ldr", "mov", "b"]
    assert [x.bytes for x in listing.between(0x8000, 0x8006)] == [4, 2, 2]
    assert [x.name for x in listing.between(0x800C, 0x800C)] == ["bx"]


@pytest.mark.parametrize(("first", "last"), [(0x8002, 0x8006), (0x8000, 0x8008), (0x8006, 0x8000)])
def test_addresses_within_instructions_and_in_data_are_our_fault(first: int, last: int) -> None:
    with pytest.raises(InternalError, match="no instruction of the image begins"):
        parse_listing(LISTING).between(first, last)
