# SPDX-License-Identifier: Apache-2.0
"""The client of a power board: its stream of samples and edges, and its commands."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from mcuforge.boards.instruments.terminal import Terminal
from mcuforge.boards.link.errors import Garbage, NoAnswer, Refused
from mcuforge.boards.link.power import Interval, PowerLink, Recording


def recording(*lines: str) -> Recording:
    """What these lines make."""
    made = Recording()
    for line in lines:
        assert made.take(line)
    return made


def test_a_sample_is_four_digits_and_a_power_of_ten() -> None:
    made = recording("6409-07", "0012+00", "1000-061000-06")
    assert made.samples == [6409e-7, 12.0, 1e-3, 1e-3]


def test_an_interval_is_what_lies_between_the_last_two_edges() -> None:
    made = recording(
        "event 0 ris", "9000-06", "event 1 ris", "TimeStamp: 001s 000ms, buff 00%", "1000-06",
        "2000-06", "event 2 ris", "9000-06",
    )  # fmt: skip
    assert made.last_interval() == Interval(0.002, 1000e-6 + 2000e-6)


@pytest.mark.parametrize(
    "lines",
    [("event 3 ris", "1000-06", "event 5 ris"), ("event 0 ris", "1000-06x", "event 1 ris")],
)
def test_a_stream_with_losses_has_no_interval(lines: tuple[str, ...]) -> None:
    with pytest.raises(Garbage, match="the stream of the power board is damaged"):
        recording(*lines).last_interval()


def test_answers_are_not_of_the_stream() -> None:
    assert not Recording().take("ack start")
    assert not Recording().take("Acquisition completed")


class Scripted:
    """A power board that takes 2 mW: two microjoules in each millisecond."""

    def __init__(self, terminal: Terminal, refuses: str) -> None:
        self._terminal = terminal
        self._refuses = refuses
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        pending = b""
        while not self._stop.is_set():
            pending += self._terminal.read(0.01)
            *lines, pending = pending.split(b"\r\n")
            for line in lines:
                self._answer(line.decode())

    def _answer(self, command: str) -> None:
        kind = "error" if command == self._refuses else "ack"
        self._terminal.write(f"PowerShield > {kind} {command}\r\n".encode())
        if command == "stop":
            self._terminal.write(b"PowerShield > Acquisition completed\r\n")

    def window(self, milliseconds: int) -> None:
        """Send a window between two edges, and a little around it."""
        sample = b"2000-09\r\n"
        inside = b"event 0 ris\r\n" + milliseconds * sample + b"event 1 ris\r\n"
        self._terminal.write(3 * sample + inside + sample)

    def end(self) -> None:
        """End the thread."""
        self._stop.set()
        self._thread.join()


@contextmanager
def scripted(refuses: str = "") -> Iterator[tuple[Scripted, str]]:
    """A power board, and its port."""
    with Terminal() as terminal:
        board = Scripted(terminal, refuses)
        try:
            yield board, terminal.name
        finally:
            board.end()


def test_energy_of_a_long_window_is_the_sum_of_its_samples() -> None:
    said: list[str] = []
    with (
        scripted() as (board, port),
        PowerLink.open(port, 1800, lambda side, text: said.append(f"{side} {text}")) as power,
    ):
        assert not power.virtual
        for milliseconds in (20_000, 10):
            power.begin()
            board.window(milliseconds)
            found = power.end()
            assert found.seconds == milliseconds / 1000
            assert found.joules == pytest.approx(milliseconds * 2e-6)
        power.begin()
        with pytest.raises(NoAnswer, match="fewer than two edges on its pin D7"):
            power.end(0.1)
    assert said[:2] == ["> htc", "< ack htc"]
    assert "> volt 1800m" in said
    assert said[-2:] == ["> hrc", "< ack hrc"]


def test_a_refused_setting_is_told() -> None:
    with (
        scripted("volt 3300m") as (_, port),
        pytest.raises(Refused, match="the power board refused 'volt 3300m'"),
    ):
        PowerLink.open(port, 3300)
