# SPDX-License-Identifier: Apache-2.0
"""A client of the benchmark's interface board that plays sounds to the board behind it.

Source: mlcommons/tiny, benchmark/interface and benchmark/runner (io_manager_enhanced.py).
"""

import re
from dataclasses import dataclass

from mcuforge.boards.link.errors import Refused
from mcuforge.boards.link.interface import InterfaceLink
from mcuforge.boards.link.text import TextLink

PLAY_TIMEOUT_S = 60.0  # for one line while a sound plays
READY = "m-ready"
_STREAM = r"m-stream-\[chunks (\d+), ticks of features (\d+), ticks of the model (\d+)\]"


@dataclass(frozen=True)
class Heard:
    """What a board that listened says when it stops: ticks of all its chunks, and activations."""

    chunks: int
    feature_ticks: int
    model_ticks: int
    activations: tuple[int, ...]


@dataclass(frozen=True)
class DutyCycle:
    """When a board's core began and stopped to be busy, in units of 10 microseconds."""

    starts: tuple[int, ...]
    stops: tuple[int, ...]


class WakeWordLink(InterfaceLink):
    """A conversation with a board that listens, behind an interface board that plays."""

    def start(self) -> None:
        """Let the board listen, and note its edges."""
        self.command("stop")  # it may listen still
        self.command("start")
        self.own("record_detections")

    def play(self, name: str) -> None:
        """Play a file of the memory card to its end; Refused if it is not played."""
        lines = self.own(f"play {name}", PLAY_TIMEOUT_S)
        if not any("succeeded" in line for line in lines):
            raise Refused(
                f"'{name}' was not played: {' / '.join(lines)}",
                f"port {self._port.name}",
                "look at the memory card and at the firmware of the board",
            )

    def stop(self) -> Heard:
        """End listening."""
        lines = self.command("stop")
        counts = next(filter(None, (re.fullmatch(_STREAM, line) for line in lines)), None)
        found = re.search(r"target activations:\s*\[(.*?)\]", "".join(lines))
        if counts is None or found is None:
            self._unreadable(lines)
        chunks, features, model = map(int, counts.groups())
        return Heard(chunks, features, model, self._numbers((found[1],)))

    def detections_ms(self) -> tuple[int, ...]:
        """When the board has pulsed its pin of detections."""
        return self._numbers(self.own("print_detections")[1:])

    def duty_cycle(self) -> DutyCycle:
        """When the board was busy."""
        lines = self._own_rows("print_dutycycle")
        middle = next((i for i, line in enumerate(lines) if "stop times" in line), None)
        if middle is None:
            self._unreadable(lines)
        return DutyCycle(self._numbers(lines[1:middle]), self._numbers(lines[middle + 1 :]))

    def _own_rows(self, command: str) -> tuple[str, ...]:
        """As `own`; the last row of numbers does not end before m-ready."""
        TextLink.send(self, f"{command}%")
        lines = [self.read_line()]
        while READY not in lines[-1]:
            lines.append(self.read_line())
        return (*lines[:-1], lines[-1].partition(READY)[0])

    def _numbers(self, lines: tuple[str, ...]) -> tuple[int, ...]:
        try:
            return tuple(int(text) for text in ",".join(lines).split(",") if text.strip())
        except ValueError:
            self._unreadable(lines)
