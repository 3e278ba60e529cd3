# SPDX-License-Identifier: Apache-2.0
"""Every rule of the virtual chips has a mutant that breaks it; clean code breaks none."""

from dataclasses import replace

import pytest

from mcuforge.boards.catalog.board import Board, load_board
from mcuforge.boards.virtual.failure import Rule
from mcuforge.boards.virtual.machine import VirtualBoard
from tests.emulated import mutants as stm32f4
from tests.emulated import mutants_stm32f7 as stm32f7
from tests.emulated import mutants_stm32l4 as stm32l4
from tests.emulated.mutants import SECONDS, Images, Mutant, check_stopped, lines, overrun, use
from tests.emulated.mutants_riscv import FE310_MUTANTS, GD32VF103_MUTANTS

BOARDS = (
    *("nucleo_f446re", "disco_f407vg", "disco_f429zi", "disco_f746ng", "nucleo_f746zg"),
    *("nucleo_l4r5zi", "nucleo_l4r5zi-mco"),
)
MUTANTS = stm32f4.MUTANTS + stm32f7.MUTANTS + stm32l4.MUTANTS


def wire_mco(board: Board) -> Board:
    """The board with the ST-Link's clock output at OSC_IN, as other Nucleo-144 have it."""
    assert board.hardware is not None
    wired = replace(board.hardware, internal=False, bypass=True, oscillator_hz=8_000_000)
    return replace(board, hardware=wired)


CHANGES = {"mco": wire_mco}


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


def test_every_rule_has_a_mutant() -> None:
    assert {mutant.rule for mutant in (*MUTANTS, *FE310_MUTANTS, *GD32VF103_MUTANTS)} == set(Rule)


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
