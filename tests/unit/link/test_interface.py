# SPDX-License-Identifier: Apache-2.0
"""The client of an interface board, over the virtual one and over one that is out of step."""

from __future__ import annotations

import pytest

from mcuforge.boards.instruments.bench import instruments
from mcuforge.boards.link.errors import Garbage, NoAnswer
from mcuforge.boards.link.interface import InterfaceLink
from mcuforge.boards.link.port import Port
from tests.unit.boards.test_instruments import Dut, Told


class Answering(Dut):
    """A board with a few commands."""

    def write(self, data: bytes) -> int:
        """Answer at the end of a command."""
        command = data.decode().removesuffix("%")
        self.heard += data
        answers = {
            "name": "m-name-dut-[x]",
            "profile": "m-profile-[y]\r\nm-model-[kws01]",
            "db load 30": "m-[Expecting 30 bytes]",
            f"db {bytes(4).hex()}": "m-load-done",
            "infer 2 10": "m-warmup-done\r\nm-infer-done\r\nm-results-[0.250,0.750]",
        }
        lines = answers.get(command, "")
        self.out += f"{lines}\r\nm-ready\r\n".removeprefix("\r\n").encode()
        return len(data)


def test_a_board_is_spoken_to_through_the_interface_board() -> None:
    dut = Answering()
    said: list[str] = []
    with (
        instruments(Port(dut, "dut", 9600), Told(), 9600) as bench,
        InterfaceLink.open_interface(
            bench.interface_port, log=lambda side, text: said.append(f"{side} {text}")
        ) as link,
    ):
        assert (link.name(), link.profile()) == ("x", "kws01")
        link.load(bytes(30))
        assert link.infer_silently(2, 10, 5.0) == (0.25, 0.75)
    chunks = [part for part in dut.heard.split(b"%") if part.startswith(b"db 0")]
    assert [len(chunk[3:]) // 2 for chunk in chunks] == [26, 4]
    assert "> dut infer 2 10%" in said
    assert "< [dut]: m-results-[0.250,0.750]" in said


class Shifted:
    """An interface board that passes on each answer one command late, until it is reset."""

    def __init__(self, resets: int) -> None:
        self.timeout: float | None = None
        self._out = b""
        self._left = resets  # until it is in step
        self._late = b"[dut]: m-init-done\r\n[dut]: m-ready\r\n"

    @property
    def in_waiting(self) -> int:
        """Bytes that wait."""
        return len(self._out)

    def fileno(self) -> int:
        """There is none."""
        raise OSError

    def read(self, size: int) -> bytes:
        """Up to so many bytes."""
        taken, self._out = self._out[:size], self._out[size:]
        return taken

    def write(self, data: bytes) -> int:
        """Answer a command of its own, or the board's with the answer to the one before."""
        command = data.decode().removesuffix("%")
        self._out += f"m-something({command})\r\nm-ready\r\n".encode()
        if command.startswith("setbaud"):
            self._left -= 1
        if command == "dut name":
            answer = b"[dut]: m-name-dut-[x]\r\n[dut]: m-ready\r\n"
            if self._left > 0:
                answer, self._late = self._late, b"[dut]: m-else\r\n[dut]: m-ready\r\n"
            self._out += answer
        return len(data)

    def close(self) -> None:
        """Do nothing."""


@pytest.mark.parametrize("resets", [1, 3])
def test_a_reset_brings_an_interface_board_back_into_step(
    resets: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    board = Shifted(resets)
    monkeypatch.setattr(Port, "open", lambda url, baud: Port(board, url, baud))
    assert InterfaceLink.open_interface("x").name() == "x"


def test_one_that_stays_out_of_step_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Port, "open", lambda url, baud: Port(Shifted(9), url, baud))
    with pytest.raises(Garbage, match="the answer does not read"):
        InterfaceLink.open_interface("x")


def test_a_silent_interface_board_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    class Silent(Shifted):
        def write(self, data: bytes) -> int:
            return len(data)

    monkeypatch.setattr("mcuforge.boards.link.interface.TIMEOUT_S", 0.05)
    monkeypatch.setattr(Port, "open", lambda url, baud: Port(Silent(0), url, baud))
    with pytest.raises(NoAnswer, match=r"no line from the board for 0\.05 s"):
        InterfaceLink.open_interface("x")
