# SPDX-License-Identifier: Apache-2.0
"""Every rule of the virtual STM32F4 has a mutant that breaks it; clean code breaks none."""

import pytest

from mcuforge.boards.catalog.board import load_board
from mcuforge.boards.virtual.failure import Rule
from mcuforge.boards.virtual.machine import VirtualBoard
from tests.emulated.mutants import MUTANTS, SECONDS, Images, Mutant, check_stopped, lines, use
from tests.emulated.mutants_riscv import FE310_MUTANTS, GD32VF103_MUTANTS

BOARDS = ("nucleo_f446re", "disco_f407vg", "disco_f429zi")


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Images]:
    return {b: Images(load_board(b), tmp_path_factory.mktemp(b)) for b in BOARDS}


@pytest.mark.parametrize("board_id", BOARDS)
@pytest.mark.parametrize("line_speed", [False, True])
def test_clean_start_up_code_breaks_no_rule(
    images: dict[str, Images], board_id: str, line_speed: bool
) -> None:
    board = load_board(board_id)
    use(VirtualBoard(board, images[board_id].clean(), line_speed=line_speed))


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name.replace(" ", "-"))
def test_a_mutant_is_stopped_by_its_own_rule(images: dict[str, Images], mutant: Mutant) -> None:
    check_stopped(mutant, images[mutant.board])


def test_every_rule_has_a_mutant() -> None:
    assert {mutant.rule for mutant in (*MUTANTS, *FE310_MUTANTS, *GD32VF103_MUTANTS)} == set(Rule)


def test_illegal_instructions_and_overflows_reach_the_firmwares_own_report(
    images: dict[str, Images],
) -> None:
    for command, kind in ((b"u", "usagefault pc=0x080"), (b"o", "stackoverflow ")):
        machine = VirtualBoard(load_board("nucleo_f446re"), images["nucleo_f446re"].clean())
        machine.timeout = SECONDS
        lines(machine, b"", 1)
        assert lines(machine, command, 2)[1].startswith(f"m-fault-[{kind}")
        machine.timeout = 0.2
        machine.write(b"h")
        assert machine.read(1) == b""  # halted
