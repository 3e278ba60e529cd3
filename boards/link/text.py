# SPDX-License-Identifier: Apache-2.0
"""A client of the MLPerf Tiny text protocol, as the official runner speaks it.

Commands end in '%', lines of the answer in "\\r\\n", and a line with "m-ready" ends the answer.
Source: mlcommons/tiny, benchmark/api and benchmark/runner.
"""

import contextlib
import itertools
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import NoReturn, Self

from mcuforge.boards.link.errors import BoardCrashed, Garbage, NoAnswer, Refused
from mcuforge.boards.link.port import DEFAULT_BAUD, Port

TIMEOUT_S = 5.0
SYNC_S = 0.5  # before a command is tried again
INFER_TIMEOUT_S = 30.0  # for one line of the answer to `infer`
ANSWER_LIMITS = 4  # times the limit of a line: of all lines of an answer but those of `infer`
LOAD_BYTES = 31  # of one `db` command: the runner's number
_READY = "m-ready"
_FAULT = re.compile(r"m-fault-\[(.*?)\]?$")


@dataclass(frozen=True)
class Inference:
    """What `infer N W` answered: microseconds of N inferences, results of the last one."""

    microseconds: int
    results: tuple[float, ...]


Log = Callable[[str, str], None]  # takes ">" or "<" and what was said


class TextLink:
    """A conversation in commands and lines; one command at a time.

    `log` is told everything that is said. `slowest_s`: the longest that an answer to a command
    other than `infer` took.
    """

    load_bytes = LOAD_BYTES

    def __init__(self, port: Port, timeout_s: float = TIMEOUT_S, log: Log | None = None) -> None:
        self._port = port
        self._timeout_s = timeout_s
        self._log = log
        self._pending = b""
        self.slowest_s = 0.0

    @classmethod
    def open(
        cls,
        url: str,
        *,
        timeout_s: float = TIMEOUT_S,
        baud: int = DEFAULT_BAUD,
        log: Log | None = None,
    ) -> Self:
        """Open a tty, a pty or a pyserial URL and wait until the board answers there.

        A line may take up to `timeout_s` seconds. NoAnswer when none comes.
        """
        link = cls(Port.open(url, baud), timeout_s, log)
        try:
            link.synchronize()
        except BaseException:
            link.close()
            raise
        return link

    def close(self) -> None:
        """Give the port back."""
        self._port.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def synchronize(self) -> None:
        """Get past whatever the board is saying: its prologue, answers nobody waited for.

        Asks for commands that do not exist until one of them is refused by its own name.
        """
        deadline = self._port.now_s() + self._timeout_s
        for attempt in itertools.count():
            word = f"sync{attempt}"
            self.send(f"{word}%")
            with contextlib.suppress(NoAnswer):
                until = min(self._port.now_s() + SYNC_S, deadline)
                while word not in self.read_line(until - self._port.now_s()):
                    pass
                self.read_answer()
                return
            if self._port.now_s() >= deadline:
                self._silent(self._timeout_s)

    def send(self, text: str) -> None:
        """Send characters as they are."""
        if self._log is not None:
            self._log(">", text)
        self._port.write(text.encode("ascii"))

    def read_line(self, timeout_s: float | None = None) -> str:
        """The next line without its end. NoAnswer, or BoardCrashed for a fault line."""
        limit_s = self._timeout_s if timeout_s is None else timeout_s
        deadline = self._port.now_s() + limit_s
        while b"\n" not in self._pending:
            left_s = deadline - self._port.now_s()
            if left_s <= 0:
                self._silent(limit_s)
            self._pending += self._port.read(left_s)
        line, self._pending = self._pending.split(b"\n", 1)
        text = line.decode("ascii", errors="replace").strip("\r\0")
        if self._log is not None:
            self._log("<", text)
        fault = _FAULT.search(text)
        if fault is not None:
            raise BoardCrashed(
                f"the board crashed: {fault[1]}",
                f"port {self._port.name}",
                "addr2line -e firmware.elf names the place; a stack too small is usual",
            )
        return text

    def read_answer(self, timeout_s: float | None = None) -> tuple[str, ...]:
        """Lines up to the one that says m-ready, without it and without empty ones.

        timeout_s: of each line, for an answer that may take any time; without it the whole answer
        may take ANSWER_LIMITS times what a line may.
        """
        lines = []
        end_s = self._port.now_s() + ANSWER_LIMITS * self._timeout_s
        while _READY not in (line := self.read_line(timeout_s)):
            if line:
                lines.append(line)
            if timeout_s is None and self._port.now_s() > end_s:
                self._unreadable(tuple(lines[-3:]))
        return tuple(lines)

    def command(self, text: str, timeout_s: float | None = None) -> tuple[str, ...]:
        """Send one command (without '%'); its answer. Refused for a line that begins with "e-"."""
        begun = time.monotonic()
        self.send(f"{text}%")
        lines = self.read_answer(timeout_s)
        if timeout_s is None:
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
        """What the device calls itself."""
        return self._field(r"m-name-dut-\[([^]]+)\]", self.command("name"))

    def profile(self) -> str:
        """The MLPerf Tiny id of the model ("kws01")."""
        return self._field(r"m-model-\[([^]]+)\]", self.command("profile"))

    def timestamp(self) -> int:
        """The board's time in microseconds."""
        return int(self._field(r"m-lap-us-([0-9]+)", self.command("timestamp")))

    def load(self, data: bytes) -> None:
        """Send one input, as the runner does."""
        self._field(r"m-\[Expecting ([0-9]+) bytes\]", self.command(f"db load {len(data)}"))
        lines: tuple[str, ...] = ()
        for at in range(0, len(data), self.load_bytes):
            lines = self.command(f"db {data[at : at + self.load_bytes].hex()}")
        self._field("(m-load-done)", lines)

    def infer(self, iterations: int = 1, warmups: int = 0) -> Inference:
        """Run what was loaded `warmups` times unmeasured, then `iterations` times."""
        lines = self.command(f"infer {iterations} {warmups}", INFER_TIMEOUT_S)
        laps = [int(line[9:]) for line in lines if re.fullmatch(r"m-lap-us-[0-9]+", line)]
        if len(laps) != 2:
            self._unreadable(lines)
        return Inference(laps[1] - laps[0], self._results(lines))

    def infer_silently(self, iterations: int, warmups: int, timeout_s: float) -> tuple[float, ...]:
        """The same with firmware for measurements of energy, which sends no times; the results.

        timeout_s: for a line, because nothing is sent while the model runs.
        """
        return self._results(self.command(f"infer {iterations} {warmups}", timeout_s))

    def results(self) -> tuple[float, ...]:
        """The results of the last inference."""
        return self._results(self.command("results"))

    def _results(self, lines: tuple[str, ...]) -> tuple[float, ...]:
        text = self._field(r"m-results-\[([^]]+)\]", lines)
        try:
            return tuple(float(part) for part in text.split(","))
        except ValueError:
            self._unreadable(lines)

    def _field(self, pattern: str, lines: tuple[str, ...]) -> str:
        """The first group of the first line that matches."""
        found = next(filter(None, (re.fullmatch(pattern, line) for line in lines)), None)
        if found is None:
            self._unreadable(lines)
        return found[1]

    def _silent(self, limit_s: float) -> NoReturn:
        raise NoAnswer(
            f"no line from the board for {limit_s:g} s",
            f"port {self._port.name}",
            "reset the board, check port and cable",
        )

    def _unreadable(self, lines: tuple[str, ...]) -> NoReturn:
        raise Garbage(
            f"the answer does not read: {' / '.join(lines) or 'no line'}",
            f"port {self._port.name}",
            "check which firmware is on the board",
        )
