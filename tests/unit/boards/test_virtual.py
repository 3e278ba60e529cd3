# SPDX-License-Identifier: Apache-2.0
"""Strict registers, the counting of instructions, and what --exact refuses before it builds."""

import struct
import sys
from pathlib import Path

import pytest

from mcuforge.boards.catalog.board import Board, all_boards, load_board
from mcuforge.boards.virtual.bus import POLLS, Bus, Peripheral, Register
from mcuforge.boards.virtual.caches import (
    CCSIDR,
    CSSELR,
    DATA_ON,
    DCISW,
    ICIALLU,
    INSTRUCTION_ON,
    Caches,
)
from mcuforge.boards.virtual.engine import refuse_without_unicorn
from mcuforge.boards.virtual.failure import Rule, Violation
from mcuforge.boards.virtual.fe310.chip import FE310_G002
from mcuforge.boards.virtual.gd32vf103.clocks import FASTEST_HZ
from mcuforge.boards.virtual.gd32vf103.ports import IDCODE
from mcuforge.boards.virtual.image import flash_image
from mcuforge.boards.virtual.instructions import (
    first_lacking,
    instructions_of,
    is_double,
    is_of_armv7m,
)
from mcuforge.boards.virtual.machine import CHIPS, refuse_without_chip
from mcuforge.boards.virtual.processors import CacheSize
from mcuforge.boards.virtual.rp2040.ports import CHIP_ID
from mcuforge.boards.virtual.stm32f4.facts import CHIPS as STM32F4
from mcuforge.boards.virtual.stm32f7.facts import CHIPS as STM32F7
from mcuforge.boards.virtual.stm32h7.facts import CHIPS as STM32H7
from mcuforge.boards.virtual.stm32l4.facts import CHIPS as STM32L4
from mcuforge.errors import BoardError

BASE = 0x40000000
USED_HZ = {  # an RP2040 may run at 133 MHz; its maker's boards run it at 125
    "fe310_g002": FE310_G002.core_hz,
    "gd32vf103": FASTEST_HZ,
    "rp2040": 125_000_000,
}
CHIP_IDS = {"gd32vf103": IDCODE, "rp2040": CHIP_ID}


def bus(*, clocked: bool = True) -> Bus:
    registers = (
        Register("CR", 0x00, reset=0x80, writable=0x0F, read_only=0x100),
        Register("SR", 0x04, reset=0, writable=0, read_only=1, waited=True),
    )
    return Bus([Peripheral("DEV", BASE, registers, "manual")], lambda _: clocked, "map")


@pytest.mark.parametrize(
    ("address", "size", "value", "rule"),
    [
        (BASE, 4, 0x90, Rule.RESERVED),
        (BASE, 4, 0x00, Rule.RESERVED),  # a reserved bit keeps its reset value, which is 1
        (BASE + 4, 4, 0, Rule.READ_ONLY),
        (BASE + 8, 4, 0, Rule.UNMAPPED),
        (BASE + 0x400, 4, 0, Rule.UNMAPPED),
        (BASE, 1, 0, Rule.WIDTH),
        (BASE + 2, 4, 0, Rule.WIDTH),
    ],
)
def test_a_forbidden_write_is_named(address: int, size: int, value: int, rule: Rule) -> None:
    with pytest.raises(Violation) as refused:
        bus().write(address, size, value)
    assert refused.value.rule is rule


def test_allowed_writes_change_only_what_software_may_set() -> None:
    device = bus()
    device.write(BASE, 4, 0x18A)
    assert device.read(BASE, 4) == 0x8A  # bit 8 belongs to the hardware


def test_a_peripheral_without_its_clock_is_refused() -> None:
    with pytest.raises(Violation, match="clock is off") as refused:
        bus(clocked=False).read(BASE, 4)
    assert refused.value.rule is Rule.UNCLOCKED


def test_endless_polls_end_and_other_work_between_them_does_not_count() -> None:
    device = bus()
    for _ in range(POLLS):
        device.read(BASE + 4, 4)
    device.write(BASE, 4, 0x80)
    for _ in range(POLLS):
        device.read(BASE + 4, 4)
    with pytest.raises(Violation) as refused:
        device.read(BASE + 4, 4)
    assert refused.value.rule is Rule.POLL


def test_thumb_instructions_are_counted_by_their_first_halfword() -> None:
    halfwords = [0xBF00, 0xF7FF, 0xFFFE, 0xE7FE, 0xE8BD, 0x8010, 0x4770]
    code = struct.pack("<7H", *halfwords)
    assert instructions_of(code, 0, len(code), thumb=True) == 5
    assert instructions_of(code, 2, 4, thumb=True) == 1


def test_instructions_of_riscv_are_counted_by_their_lowest_bits() -> None:
    halfwords = [0x0001, 0x0013, 0x0000, 0x8082, 0x2573, 0xB000]
    code = struct.pack("<6H", *halfwords)
    assert instructions_of(code, 0, len(code), thumb=False) == 4
    assert instructions_of(code, 2, 4, thumb=False) == 1


@pytest.mark.parametrize(
    ("first", "second", "double"),
    [
        (0xEE30, 0x0B00, True),  # vadd.f64 d0, d0, d0
        (0xEEB7, 0x0AC0, True),  # vcvt.f64.f32 d0, s0
        (0xEEF7, 0x0AE0, True),  # vcvt.f64.f32 d16, s1
        (0xEEB7, 0x0BC0, True),  # vcvt.f32.f64 s0, d0
        (0xFE00, 0x0B00, True),  # vseleq.f64 d0, d0, d0
        (0xEE30, 0x0A00, False),  # vadd.f32 s0, s0, s0
        (0xEEB2, 0x0A40, False),  # vcvtb.f32.f16 s0, s0
        (0xED90, 0x0B00, False),  # vldr d0, [r0]: a move
        (0xEC51, 0x0B10, False),  # vmov r0, r1, d0
        (0xEE00, 0x0B10, False),  # vmov.32 d0[0], r0
        (0xED2D, 0x8B02, False),  # vpush {d8}
    ],
)
def test_instructions_on_doubles_are_told_from_moves(first: int, second: int, double: bool) -> None:
    assert is_double(first, second) == double
    code = struct.pack("<3H", 0xBF00, first, second)
    found = first_lacking(code, 0, len(code), doubles=False, armv6m=False)
    assert found == (2 if double else None)
    assert first_lacking(code, 0, len(code), doubles=True, armv6m=True) is None


@pytest.mark.parametrize(
    ("halfword", "larger"),
    [
        (0xB100, True),  # cbz r0
        (0xBB08, True),  # cbnz r0
        (0xBF08, True),  # it eq
        (0xBF00, False),  # nop
        (0xBF30, False),  # wfi
        (0xB500, False),  # push {lr}
        (0xBA00, False),  # rev r0, r0
    ],
)
def test_instructions_of_16_bits_that_armv6m_lacks(halfword: int, larger: bool) -> None:
    assert is_of_armv7m(halfword) == larger
    code = struct.pack("<3H", 0xF000, 0xB100, halfword)  # the first two are one instruction
    found = first_lacking(code, 0, len(code), doubles=True, armv6m=True)
    assert found == (4 if larger else None)


def test_caches_are_switched_on_only_when_nothing_old_is_in_them() -> None:
    caches = Caches(CacheSize(sets=2, ways=4), CacheSize(sets=2, ways=2))
    with pytest.raises(Violation, match="ICIALLU was not written"):
        caches.switch(INSTRUCTION_ON)
    assert caches.write(ICIALLU, 0)
    caches.switch(INSTRUCTION_ON)
    for way in range(4):
        assert caches.write(DCISW, way << 30)
    with pytest.raises(Violation, match="not invalidated 4 of its 8 lines"):
        caches.switch(INSTRUCTION_ON | DATA_ON)
    for way in range(4):
        caches.write(DCISW, way << 30 | 1 << 5)
    caches.switch(INSTRUCTION_ON | DATA_ON)
    with pytest.raises(Violation) as refused:
        caches.write(DCISW, 0)
    assert refused.value.rule is Rule.CACHE_LOST


def test_the_cache_size_register_tells_sets_and_ways_of_the_cache_that_was_selected() -> None:
    caches = Caches(CacheSize(sets=32, ways=4), CacheSize(sets=64, ways=2))
    assert caches.read(CCSIDR) == 0xF003E019  # DDI 0489, 'CCSIDR': 4 KiB of data
    assert caches.write(CSSELR, 1)
    assert caches.read(CCSIDR) == 0xF007E009  # 4 KiB of instructions
    with pytest.raises(Violation, match="one level"):
        caches.write(CSSELR, 2)


def test_a_board_without_a_virtual_chip_is_refused_with_those_that_have_one() -> None:
    with pytest.raises(BoardError) as refused:
        refuse_without_chip(load_board("hifive1"))
    assert refused.value.what == "'hifive1' has no virtual chip, which --exact needs"
    for board in ("nucleo_f446re", "disco_f746ng", "nucleo_f746zg", "hifive1-revb"):
        assert board in refused.value.hint
        refuse_without_chip(load_board(board))


def test_without_unicorn_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "unicorn", None)
    with pytest.raises(BoardError, match="unicorn, which is not installed") as refused:
        refuse_without_unicorn("nucleo_f446re")
    assert "mcuforge[exact]" in refused.value.hint


def test_a_file_that_is_not_an_elf_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "firmware.elf"
    file.write_bytes(b"MZ" * 40)
    with pytest.raises(BoardError, match="not a 32-bit little-endian ELF"):
        flash_image(file, 0x08000000, 1 << 20)


@pytest.mark.parametrize("board", [b for b in all_boards() if b.virtual], ids=lambda b: b.id)
def test_catalog_and_virtual_chip_agree_where_both_state_a_fact(board: Board) -> None:
    model = CHIPS[str(board.virtual)]
    assert board.hardware is not None
    inside = {m.name: (m.origin, m.bytes) for m in board.memory if not m.external}
    assert inside == {m.name: (m.origin, m.bytes) for m in model.memories}
    assert model.name.replace("-", "_") == board.hardware.chip
    facts = (STM32F4 | STM32F7 | STM32L4 | STM32H7).get(str(board.virtual))
    if facts is not None:
        assert facts.idcode & 0xFFF == board.hardware.chip_id
        assert board.clock_hz == facts.fastest_hz
    else:
        assert board.clock_hz == USED_HZ[str(board.virtual)]
        assert board.hardware.chip_id == CHIP_IDS.get(str(board.virtual), 0) & 0xFFF
