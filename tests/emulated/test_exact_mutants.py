# SPDX-License-Identifier: Apache-2.0
"""Every rule of the virtual chips has a mutant that breaks it; clean code breaks none."""

from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

from mcuforge.boards.catalog.board import Board, load_board
from mcuforge.boards.virtual.failure import Rule
from mcuforge.boards.virtual.machine import VirtualBoard
from mcuforge.boards.virtual.stm32 import clocks as stm32_clocks
from mcuforge.boards.virtual.stm32 import n25q
from mcuforge.boards.virtual.stm32h7 import clocks as stm32h7_clocks
from mcuforge.boards.virtual.stm32l4 import clocks as stm32l4_clocks
from tests.emulated.mutants import rp2040, stm32f4, stm32f7, stm32h7, stm32l4
from tests.emulated.mutants import stm32f7_memories as memories
from tests.emulated.mutants.riscv import FE310_MUTANTS, GD32VF103_MUTANTS
from tests.emulated.mutants.stm32f4 import (
    SECONDS,
    Images,
    Mutant,
    check_stopped,
    lines,
    overrun,
    use,
)

BOARDS = (
    *("nucleo_f446re", "disco_f407vg", "disco_f429zi", "disco_f746ng", "nucleo_f746zg"),
    *("nucleo_l4r5zi", "nucleo_l4r5zi-mco", "nucleo_h743zi", "nucleo_h743zi-480"),
)
MUTANTS = stm32f4.MUTANTS + stm32f7.MUTANTS + stm32l4.MUTANTS + stm32h7.MUTANTS


def wire_mco(board: Board) -> Board:
    """The board with the ST-Link's clock output at OSC_IN, as other Nucleo-144 have it."""
    assert board.hardware is not None
    wired = replace(board.hardware, internal=False, bypass=True, oscillator_hz=8_000_000)
    return replace(board, hardware=wired)


def take_revision_v(board: Board) -> Board:
    """The board with silicon that runs at 480 MHz."""
    return replace(board, clock_hz=480_000_000, tick_hz=480_000_000, virtual="stm32h743_v")


CHANGES = {"mco": wire_mco, "480": take_revision_v}


def at_speed(board_id: str) -> Board:
    """The board, with a change after a dash, at 921,600 baud: a byte leaves soon."""
    name, _, change = board_id.partition("-")
    board = CHANGES[change](load_board(name)) if change else load_board(name)
    return replace(board, baud=921_600)


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Images]:
    return {b: Images(at_speed(b), tmp_path_factory.mktemp(b)) for b in BOARDS}


@pytest.mark.parametrize("board_id", BOARDS)
@pytest.mark.parametrize("line_speed", [False, True])
def test_clean_start_up_code_breaks_no_rule(
    images: dict[str, Images], board_id: str, line_speed: bool
) -> None:
    machine = VirtualBoard(at_speed(board_id), images[board_id].clean(), line_speed=line_speed)
    use(machine)
    if line_speed:
        overrun(machine)


@pytest.mark.parametrize(
    "mutant", MUTANTS, ids=lambda mutant: f"{mutant.board}-{mutant.name.replace(' ', '-')}"
)
def test_a_mutant_is_stopped_by_its_own_rule(images: dict[str, Images], mutant: Mutant) -> None:
    check_stopped(mutant, images[mutant.board], at_speed(mutant.board))


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Images:
    """A probe with a constant in the QSPI flash and a variable in the SDRAM."""
    return Images(at_speed(memories.BOARD), tmp_path_factory.mktemp("outside"), "-DOUTSIDE")


def test_memories_outside_the_chip_work(outside: Images) -> None:
    use(VirtualBoard(at_speed(memories.BOARD), outside.clean()), 0x04030201)


@pytest.mark.parametrize("mutant", memories.MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_of_memories_is_stopped_by_its_own_rule(outside: Images, mutant: Mutant) -> None:
    check_stopped(mutant, outside, at_speed(mutant.board))


def test_another_flash_chip_is_reported(outside: Images, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(n25q, "ID", bytes((0xC2, 0x20, 0x18)))
    machine = VirtualBoard(at_speed(memories.BOARD), outside.clean())
    machine.timeout = SECONDS
    assert lines(machine, b"", 2)[1] == "m-fault-[qspi-id]"


@pytest.mark.parametrize(
    ("board_id", "clocks"),
    [
        ("nucleo_f446re", stm32_clocks),
        ("nucleo_l4r5zi", stm32l4_clocks),
        ("nucleo_h743zi", stm32h7_clocks),
    ],
)
def test_a_pll_that_does_not_lock_is_reported_at_the_right_baud_rate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, board_id: str, clocks: ModuleType
) -> None:
    board = replace(load_board(board_id), baud=115_200)
    hasty = Mutant("hasty", "stm32_wait.h", "PATIENCE 800000u", "PATIENCE 2000u", Rule.POLL)
    elf = Images(board, tmp_path).mutant(hasty)
    monkeypatch.setattr(clocks, "PLL_CYCLES", 1 << 60)
    machine = VirtualBoard(board, elf)
    machine.timeout = SECONDS
    assert lines(machine, b"", 2)[1].startswith("m-fault-[clock-pll rcc_cr=0x")


def test_every_rule_has_a_mutant() -> None:
    stm32 = (*MUTANTS, *memories.MUTANTS)
    every = (*stm32, *FE310_MUTANTS, *GD32VF103_MUTANTS, *rp2040.MUTANTS)
    assert {mutant.rule for mutant in every} == set(Rule)


@pytest.mark.parametrize("board", ["nucleo_f446re", "disco_f746ng"])
def test_illegal_instructions_and_overflows_reach_the_firmwares_own_report(
    images: dict[str, Images], board: str
) -> None:
    for command, kind in ((b"u", "usagefault pc=0x080"), (b"o", "stackoverflow ")):
        machine = VirtualBoard(at_speed(board), images[board].clean())
        machine.timeout = SECONDS
        lines(machine, b"", 1)
        assert lines(machine, command, 2)[1].startswith(f"m-fault-[{kind}")
        machine.timeout = 0.2
        machine.write(b"h")
        assert machine.read(1) == b""  # halted
