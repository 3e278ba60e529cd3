# SPDX-License-Identifier: Apache-2.0
"""The client of an interface board that plays sounds, beside boards that answer as they like."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import pytest

from mcuforge.boards.link.errors import Garbage, Refused
from mcuforge.boards.link.wake_words import DutyCycle, Heard, WakeWordLink
from tests.unit.link.fake_board import fake_board

READY = "m-ready\r\n"
STOPPED = (
    "m-stream-[chunks 3, ticks of features 30, ticks of the model 600]\r\n"
    "[dut]: target activations: \r\n[dut]: [-128, 127, \r\n[dut]: 5 ]"
)


def passed_on(answer: str) -> str:
    """How the answer of the board behind it looks."""
    return f"m-dut-passthrough(x)\r\n{READY}[dut]: {answer}\r\n[dut]: {READY}"


ANSWERS = {
    "name": f"tinyML Enhanced Interface Board\r\n{READY}",
    "dut name": passed_on("m-name-dut-[somebody]"),
    "dut profile": passed_on("m-model-[sww01]"),
    "dut start": passed_on("m-[Listening]"),
    "dut stop": passed_on(STOPPED),
    "record_detections": f"Now recording detections\r\n{READY}",
    "play a.wav": f"Attempting to play a.wav\n0.5 s played\nsucceeded.\n{READY}",
    "play b.wav": f"Attempting to play b.wav\nError playing file.\n{READY}",
    "print_detections": f"Detection Timestamps (ms)\r\n33,\r\n1409,\r\n{READY}",
    "print_dutycycle": "Duty cycle start times (s)\r\n3200, 6400, \r\n"
    f"Duty cycle stop times (s)\r\n3304, 6504, {READY}",
}


@contextmanager
def interface(answers: Mapping[str, str]) -> Iterator[WakeWordLink]:
    """A link to an interface board that gives these answers; to others it only says m-ready."""
    pending = b""

    def reply(data: bytes) -> bytes:
        nonlocal pending
        *commands, pending = (pending + data).split(b"%")
        return "".join(answers.get(c.decode(), READY) for c in commands).encode()

    with fake_board(reply) as port, WakeWordLink.open_interface(port) as link:
        yield link


def test_a_run_from_start_to_stop() -> None:
    with interface(ANSWERS) as link:
        assert (link.name(), link.profile()) == ("somebody", "sww01")
        link.start()
        link.play("a.wav")
        assert link.stop() == Heard(3, 30, 600, (-128, 127, 5))
        assert link.detections_ms() == (33, 1409)
        assert link.duty_cycle() == DutyCycle((3200, 6400), (3304, 6504))
        assert 0 < link.slowest_s < 5


def test_refusals_of_either_board_are_errors() -> None:
    with interface({**ANSWERS, "dut start": passed_on("e-[Unknown command: start]")}) as link:
        with pytest.raises(Refused, match="the board refused 'start'"):
            link.start()
        with pytest.raises(Refused, match=r"'b\.wav' was not played: Attempting .*Error"):
            link.play("b.wav")


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("dut stop", passed_on("m-[It does not listen]")),
        ("dut stop", passed_on(STOPPED.replace("127", "many"))),
        ("dut stop", passed_on(STOPPED.replace("chunks", "bits"))),
        ("print_detections", f"Detection Timestamps (ms)\r\nsoon,\r\n{READY}"),
        ("print_dutycycle", f"Duty cycle start times (s)\r\n3200, {READY}"),
        ("dut profile", passed_on("m-profile-[x]")),
    ],
)
def test_answers_that_do_not_read(command: str, answer: str) -> None:
    with interface({**ANSWERS, command: answer}) as link, pytest.raises(Garbage):
        ask_all(link)


def ask_all(link: WakeWordLink) -> None:
    """Ask everything whose answer is read."""
    link.profile()
    link.stop()
    link.detections_ms()
    link.duty_cycle()
