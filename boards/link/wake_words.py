# SPDX-License-Identifier: Apache-2.0
"""A client of the benchmark's interface board, which plays sounds to the board behind it.

It is spoken to as a board is: commands end in '%', and a line with "m-ready" ends an answer. `dut`
passes a command on, and the lines of the board follow with "[dut]: " before them. Source:
mlcommons/tiny, benchmark/interface and benchmark/runner (io_manager_enhanced.py).
"""

import re
import time
from dataclasses import dataclass

from mcuforge.boards.link.errors import NoAnswer, Refused
from mcuforge.boards.link.text import SYNC_S, TextLink

PLAY_TIMEOUT_S = 60.0  # for one line while a sound plays
_MARK = "[dut]: "
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


class WakeWordLink(TextLink):
    """A conversation with an interface board, and through it with the board that listens."""

    def synchronize(self) -> None:
        """Ask for the interface board's name until it answers; NoAnswer when it does not."""
        deadline = self._port.now_s() + self._timeout_s
        while True:
            self.send("name%")
            try:
                self.read_answer(SYNC_S)
                return
            except NoAnswer:
                if self._port.now_s() >= deadline:
                    raise

    def dut(self, text: str) -> tuple[str, ...]:
        """Pass a command on to the board; its answer. Refused for a line that begins with "e-"."""
        begun = time.monotonic()
        self.command(f"dut {text}")
        marked = self.read_answer()
        lines = tuple(filter(None, (line.removeprefix(_MARK) for line in marked)))
        self.slowest_s = max(self.slowest_s, time.monotonic() - begun)
        for line in lines:
            if line.startswith("e-"):
                raise Refused(
                    f"the board refused '{text}': {line}",
                    f"port {self._port.name}",
                    "`help%` lists the commands",
                )
        return lines

    def name(self) -> str:
        """What the board calls itself."""
        return self._field(r"m-name-dut-\[([^]]+)\]", self.dut("name"))

    def profile(self) -> str:
        """The MLPerf Tiny id of the board's model."""
        return self._field(r"m-model-\[([^]]+)\]", self.dut("profile"))

    def start(self) -> None:
        """Let the board listen, and note its edges."""
        self.dut("stop")  # it may listen still
        self.dut("start")
        self.command("record_detections")

    def play(self, name: str) -> None:
        """Play a file of the memory card to its end; Refused if it is not played."""
        lines = self.command(f"play {name}", PLAY_TIMEOUT_S)
        if not any("succeeded" in line for line in lines):
            raise Refused(
                f"'{name}' was not played: {' / '.join(lines)}",
                f"port {self._port.name}",
                "look at the memory card and at the firmware of the board",
            )

    def stop(self) -> Heard:
        """End listening."""
        lines = self.dut("stop")
        counts = next(filter(None, (re.fullmatch(_STREAM, line) for line in lines)), None)
        found = re.search(r"target activations:\s*\[(.*?)\]", "".join(lines))
        if counts is None or found is None:
            self._unreadable(lines)
        chunks, features, model = map(int, counts.groups())
        return Heard(chunks, features, model, self._numbers((found[1],)))

    def detections_ms(self) -> tuple[int, ...]:
        """When the board has pulsed its pin of detections."""
        return self._numbers(self.command("print_detections")[1:])

    def duty_cycle(self) -> DutyCycle:
        """When the board was busy."""
        lines = self.command("print_dutycycle")
        middle = next((i for i, line in enumerate(lines) if "stop times" in line), None)
        if middle is None:
            self._unreadable(lines)
        return DutyCycle(self._numbers(lines[1:middle]), self._numbers(lines[middle + 1 :]))

    def _numbers(self, lines: tuple[str, ...]) -> tuple[int, ...]:
        try:
            return tuple(int(text) for text in ",".join(lines).split(",") if text.strip())
        except ValueError:
            self._unreadable(lines)
