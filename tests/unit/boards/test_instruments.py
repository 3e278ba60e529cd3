# SPDX-License-Identifier: Apache-2.0
"""The virtual interface board, the virtual power board, and where their edges come from."""

from __future__ import annotations

import os
import select
import threading
from pathlib import Path

import pytest

from mcuforge.boards.instruments.edges import Edge, EdgeFile
from mcuforge.boards.instruments.interface_board import InterfaceBoard
from mcuforge.boards.instruments.power_board import NOT_MEASURED, PowerBoard
from mcuforge.boards.instruments.terminal import Terminal
from mcuforge.boards.link.port import Port

BAUD = 9600


class Dut:
    """A board that answers "name" in two lines; what it says by itself comes first."""

    def __init__(self) -> None:
        self.timeout: float | None = None
        self.out = b"m-init-done\r\nm-ready\r\n"
        self.heard = b""

    @property
    def in_waiting(self) -> int:
        """Bytes that wait."""
        return len(self.out)

    def fileno(self) -> int:
        """There is none."""
        raise OSError

    def read(self, size: int) -> bytes:
        """Up to so many bytes."""
        taken, self.out = self.out[:size], self.out[size:]
        return taken

    def write(self, data: bytes) -> int:
        """Answer at the end of a command."""
        self.heard += data
        if data.endswith(b"%"):
            self.out += b"m-name-dut-[x]\r\nm-ready\r\n"
        return len(data)

    def close(self) -> None:
        """Do nothing."""


class Told:
    """Edges that a test tells."""

    def __init__(self) -> None:
        self.edges: list[Edge] = []

    def take(self) -> list[Edge]:
        """Those since the last call."""
        taken, self.edges = self.edges, []
        return taken


def make(dut_baud: int = BAUD) -> tuple[InterfaceBoard, Dut, Told]:
    """An interface board with a board behind it."""
    dut, edges = Dut(), Told()
    return InterfaceBoard(Port(dut, "dut", dut_baud), edges, dut_baud), dut, edges


def ask(board: InterfaceBoard, command: str) -> str:
    """The answer to one command."""
    said: list[str] = []
    board.execute(command, said.append)
    return "".join(said)


def test_a_command_is_passed_on_and_its_answer_marked() -> None:
    board, dut, edges = make()
    edges.edges = [Edge("timestamp", False, 1.0), Edge("timestamp", True, 1.1)]
    order: list[str] = []
    board.on_timestamp = lambda seconds: order.append(f"edge at {seconds}")
    board.before_ready = lambda: order.append("ready")
    assert ask(board, "dut name") == (
        "m-dut-passthrough(name)\r\nm-ready\r\n[dut]: m-name-dut-[x]\r\n[dut]: m-ready\r\n"
    )
    assert dut.heard == b"name%"
    assert order == ["edge at 1.0", "ready"]  # the host finds the edge before the end of the answer


def test_a_board_at_another_speed_is_not_understood() -> None:
    board, dut, _ = make(115200)
    assert "e-[The firmware speaks 115200 baud" in ask(board, "dut name")
    assert dut.heard == b""
    assert ask(board, "setbaud 115200") == "set baud to: 115200\nm-ready\r\n"
    assert ask(board, "checkbaud") == "baud is: 115200\nm-ready\r\n"
    assert "m-name-dut" in ask(board, "dut name")
    assert ask(board, "setbaud fast").startswith("e-[Not a baud rate")


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("name", "tinyML Enhanced Interface Board\r\nm-ready\r\n"),
        ("ls", "m-ready\r\n"),
        ("what", "m-ready\r\n"),
        ("print_detections", "Detection Timestamps (ms)\r\nm-ready\r\n"),
    ],
)
def test_the_interface_boards_own_answers(command: str, answer: str) -> None:
    assert ask(make()[0], command) == answer


def test_there_is_no_sound_to_play() -> None:
    assert "Error playing file" in ask(make()[0], "play a.wav")


def test_edges_are_noted_from_the_command_on() -> None:
    board, _, edges = make()
    edges.edges = [Edge("detection", False, 1.0)]
    assert ask(board, "record_detections") == "Now recording detections\r\nm-ready\r\n"
    duty = [Edge("duty", n % 2 == 0, 2.0 + n / 100) for n in range(19)]
    # two within 10 ms are one detection
    fell = [Edge("detection", False, s) for s in (2.0, 2.005, 2.5)]
    edges.edges = [*duty, *fell, Edge("detection", True, 2.6)]
    assert ask(board, "print_detections") == (
        "Detection Timestamps (ms)\r\n1000,\r\n1500,\r\nm-ready\r\n"
    )
    assert ask(board, "print_dutycycle") == (
        "Duty cycle start times (s)\r\n100000, 102000, 104000, 106000, 108000, 110000, 112000, "
        "114000, \r\n116000, 118000, \r\nDuty cycle stop times (s)\r\n101000, 103000, 105000, "
        "107000, 109000, 111000, 113000, 115000, \r\n117000, m-ready\r\n"
    )


def record(*commands: str) -> tuple[PowerBoard, list[str]]:
    """A power board after these commands, and what it says from now on."""
    said: list[str] = []
    power = PowerBoard(said.append)
    for command in commands:
        power.execute(command)
    said.clear()
    return power, said


def test_samples_between_two_edges_are_the_boards_time_and_no_energy() -> None:
    power, said = record("freq 1k", "output energy", "start")
    for seconds in (0.25, 2.75, 3.0):
        power.edge(seconds)
    lines = "".join(said).splitlines()
    assert lines.count("0000+00") == 2750
    assert not {line for line in lines if line[:4].isdigit()} - {"0000+00"}
    kept = [line for line in lines if not line[:4].isdigit()]
    assert kept == [
        "event 0 ris",
        "TimeStamp: 000s 000ms, buff 00%",
        "TimeStamp: 001s 000ms, buff 00%",
        "TimeStamp: 002s 000ms, buff 00%",
        "event 1 ris",
        "event 2 ris",
    ]
    at = [n for n, line in enumerate(lines) if line.startswith("event")]
    assert lines[at[0] : at[1]].count("0000+00") == 2500


def test_nothing_is_recorded_before_the_start_and_after_the_stop() -> None:
    power, said = record()
    power.edge(1.0)
    assert said == []
    power, said = record("start", "stop")
    power.edge(1.0)
    assert said == []


@pytest.mark.parametrize(
    "command",
    ["volt 5000m", "volt 1700m", "freq 3k", "format bin_hexa", "trigsrc d7", "dance", "start now"],
)
def test_what_the_power_board_cannot_do_is_an_error(command: str) -> None:
    power, said = record()
    power.execute(command)
    assert "".join(said).startswith(f"PowerShield > error {command}\r\nError detail: ")


def test_the_power_board_says_that_it_measures_nothing() -> None:
    power, said = record()
    power.execute("powershield")
    power.execute("status")
    assert [NOT_MEASURED in text for text in said] == [True, True]


def test_edges_are_read_once_and_only_whole_lines(tmp_path: Path) -> None:
    path = tmp_path / "edges"
    edges = EdgeFile(path, 25_000_000)
    assert edges.take() == []
    path.write_bytes(b"mcuforge-pin 0 0 00000000017d7840\nmcuforge-pin 2 1 0000")
    assert edges.take() == [Edge("timestamp", False, 1.0)]
    with path.open("ab") as file:
        file.write(b"000002faf080\n")
    assert edges.take() == [Edge("duty", True, 2.0)]
    assert edges.take() == []


def read_all(descriptor: int) -> None:
    """Read until nothing has come for a while."""
    while select.select([descriptor], [], [], 0.1)[0]:
        os.read(descriptor, 65536)


def test_a_terminal_drops_what_nobody_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mcuforge.boards.instruments.terminal.WRITE_SECONDS", 0.05)
    with Terminal() as terminal:
        for _ in range(40):
            terminal.write(bytes(4096))
        descriptor = os.open(terminal.name, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        assert 0 < terminal.unread() < 40 * 4096
        read = threading.Thread(target=read_all, args=(descriptor,))
        read.start()
        terminal.settle(0.2, 5.0)
        assert terminal.unread() == 0
        read.join()
        terminal.write(b"again")
        assert os.read(descriptor, 100) == b"again"
        os.write(descriptor, b"name%")
        assert terminal.read(1.0) == b"name%"
        assert terminal.read(0.0) == b""
        os.close(descriptor)
