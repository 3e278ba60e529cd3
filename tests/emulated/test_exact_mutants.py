# SPDX-License-Identifier: Apache-2.0
"""Every rule of the virtual STM32F4 has a mutant that breaks it; clean code breaks none."""

import re

import pytest

from mcuforge.boards.catalog.board import load_board
from mcuforge.boards.virtual.failure import Rule, StrictFailure
from mcuforge.boards.virtual.machine import VirtualBoard
from tests.emulated.mutants import MUTANTS, Images, Mutant

BOARDS = ("nucleo_f446re", "disco_f407vg", "disco_f429zi")
ECHO = bytes(range(200)) * 3
SECONDS = 30.0


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Images]:
    return {b: Images(load_board(b), tmp_path_factory.mktemp(b)) for b in BOARDS}


def lines(machine: VirtualBoard, data: bytes, count: int) -> list[str]:
    """Send `data` and read so many lines."""
    machine.write(data)
    said = b""
    while said.count(b"\r\n") < count:
        part = machine.read(4096)
        assert part, f"silence after {said!r}"
        said += part
    return said.decode("ascii").splitlines()


def use(machine: VirtualBoard) -> None:
    """Use the clock, the UART in both directions and the interrupt."""
    machine.timeout = SECONDS
    assert re.fullmatch(r"m-ready \w+", lines(machine, b"", 1)[0])
    assert lines(machine, b"i", 2) == [str(0x12345678), "0"]
    short, long = (int(lines(machine, letter, 1)[0]) for letter in (b"s", b"l"))
    assert long - short == 1_800_000  # 900,000 more times round a loop of two instructions
    machine.write(b"e" + ECHO)
    got = b""
    while len(got) < len(ECHO):
        part = machine.read(4096)
        assert part
        got += part
    assert got == ECHO
    assert lines(machine, b"d", 1) == ["0"]


@pytest.mark.parametrize("board_id", BOARDS)
@pytest.mark.parametrize("line_speed", [False, True])
def test_clean_start_up_code_breaks_no_rule(
    images: dict[str, Images], board_id: str, line_speed: bool
) -> None:
    board = load_board(board_id)
    use(VirtualBoard(board, images[board_id].clean(), line_speed=line_speed))


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name.replace(" ", "-"))
def test_a_mutant_is_stopped_by_its_own_rule(images: dict[str, Images], mutant: Mutant) -> None:
    elf = images[mutant.board].mutant(mutant)
    with pytest.raises(StrictFailure) as stopped:
        use(VirtualBoard(load_board(mutant.board), elf))
    assert stopped.value.rule is mutant.rule
    assert re.search(r"\.[chS]:\d+ in \w+", stopped.value.where) or mutant.rule in (
        Rule.EXECUTE,
        Rule.VECTOR,
    )
    assert stopped.value.what.startswith(f"{mutant.rule}: ")


def test_every_rule_has_a_mutant() -> None:
    assert {mutant.rule for mutant in MUTANTS} == set(Rule)


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
