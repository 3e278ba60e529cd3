# SPDX-License-Identifier: Apache-2.0
"""Every rule of the virtual chips has a mutant that breaks it; clean code breaks none."""

import re
from dataclasses import replace

import pytest

from mcuforge.boards.catalog.board import Board, load_board
from mcuforge.boards.virtual.failure import Rule, StrictFailure
from mcuforge.boards.virtual.machine import VirtualBoard
from tests.emulated import mutants as stm32f4
from tests.emulated import mutants_stm32f7 as stm32f7
from tests.emulated.mutants import Images, Mutant

BOARDS = ("nucleo_f446re", "disco_f407vg", "disco_f429zi", "disco_f746ng", "nucleo_f746zg")
MUTANTS = stm32f4.MUTANTS + stm32f7.MUTANTS
ECHO = bytes(range(200)) * 3
RING = 1024  # of the receiver
BURST = b"d" * (RING + 80)  # more than the ring holds, and within the probe's pause
SECONDS = 30.0


def at_speed(board_id: str) -> Board:
    """The board at 921,600 baud, where the wait for a byte to leave is short."""
    return replace(load_board(board_id), baud=921_600)


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Images]:
    return {b: Images(at_speed(b), tmp_path_factory.mktemp(b)) for b in BOARDS}


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


def overrun(machine: VirtualBoard) -> None:
    """Send more than the program can keep; once it has read half of that, it counts the loss."""
    machine.write(b"p" + BURST)
    said = b""
    while not re.search(rb"[1-9]\r\n", said):
        part = machine.read(4096)
        assert part, f"silence after {said!r}"
        said += part
    assert said.startswith(b"d" * len(ECHO))
    assert said.count(b"\r\n") < RING


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
    elf = images[mutant.board].mutant(mutant)

    def run() -> None:
        machine = VirtualBoard(at_speed(mutant.board), elf, line_speed=mutant.overrun)
        if mutant.overrun:
            machine.timeout = SECONDS
            lines(machine, b"", 1)
            overrun(machine)
        else:
            use(machine)

    with pytest.raises(StrictFailure) as stopped:
        run()
    assert stopped.value.rule is mutant.rule
    assert re.search(r"\.[chS]:\d+ in \w+", stopped.value.where) or mutant.rule in (
        Rule.EXECUTE,
        Rule.VECTOR,
    )
    assert stopped.value.what.startswith(f"{mutant.rule}: ")


def test_every_rule_has_a_mutant() -> None:
    assert {mutant.rule for mutant in MUTANTS} == set(Rule)


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
