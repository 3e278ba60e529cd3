# SPDX-License-Identifier: Apache-2.0
"""A client of an ST X-NUCLEO-LPM01A, a power board: its energy samples, and edges on its pin D7.

The board integrates energy over each millisecond and sends it as a line, "6409-07" for 6409e-7 J;
"event 3 ris" is the fourth edge. Commands are answered by a line with "ack" or "error". Source: ST
UM2269, and mlcommons/tiny, benchmark/runner/power_manager.
"""

import contextlib
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self, TypeVar

from mcuforge.boards.link.errors import Garbage, LinkError, NoAnswer, Refused
from mcuforge.boards.link.port import Port

T = TypeVar("T")

BAUD = 3_686_400
RATE_HZ = 1000
LEAST_MILLIVOLTS, MOST_MILLIVOLTS = 1800, 3300
TIMEOUT_S, POLL_S = 5.0, 0.1
PROMPT = "PowerShield > "
_SAMPLES = re.compile(r"(?:\d{4}[+-]\d\d)+")
_SAMPLE = re.compile(r"(\d{4})([+-]\d\d)")
_EVENT = re.compile(r"event (\d+) (?:ris|fal)")
_STAMP, _STOPPED = "TimeStamp", "Acquisition completed"


@dataclass(frozen=True)
class Interval:
    """Between two edges: seconds, and the energy in joules."""

    seconds: float
    joules: float


@dataclass
class Recording:
    """The stream of a power board, line by line. `samples` are joules in a millisecond each."""

    samples: list[float] = field(default_factory=list)
    events: list[tuple[int, int]] = field(default_factory=list)  # number, samples before it
    damaged: int = 0  # lines with something else between samples

    def take(self, line: str) -> bool:
        """Take a line; False if it is not of the stream, but an answer."""
        if _SAMPLES.fullmatch(line):
            for digits, power in _SAMPLE.findall(line):
                self.samples.append(float(f"{digits}e{power}"))
        elif event := _EVENT.fullmatch(line):
            self.events.append((int(event[1]), len(self.samples)))
        elif _SAMPLE.match(line):
            self.damaged += 1
        else:
            return line.startswith(_STAMP)
        return True

    def last_interval(self) -> Interval:
        """Between the last two edges; Garbage if samples or edges were lost."""
        (first, begin), (second, end) = self.events[-2:]
        if self.damaged or second != first + 1:
            raise Garbage(
                f"the stream of the power board is damaged: {self.damaged} lines do not read, edge "
                f"{second} follows edge {first}",
                "power board",
                "measure again; a USB hub in between may be too slow",
            )
        return Interval((end - begin) / RATE_HZ, sum(self.samples[begin:end]))


class PowerLink:
    """A power board that supplies the board and records; a context manager that ends that."""

    def __init__(self, port: Port, log: Callable[[str, str], None] | None = None) -> None:
        """log: is told commands and answers, not the samples."""
        self._port = port
        self._log = log
        self._changed = threading.Condition()
        self._recording = Recording()
        self._answers: list[str] = []
        self._failure: LinkError | None = None
        self._stopping = False
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.virtual = False

    @classmethod
    def open(cls, url: str, millivolts: int, log: Callable[[str, str], None] | None = None) -> Self:
        """Take control of the power board, supply the board with so much, and record.

        LinkError if it does not answer, or refuses a setting.
        """
        link = cls(Port.open(url, BAUD), log)
        try:
            link.command("htc")
            link.virtual = "virtual" in link.command("powershield")
            for setting in ("pwr off", "acqtime inf", "trigdelay 0", "trigsrc sw"):
                link.command(setting)
            for setting in ("eventsrc d7 fal", "output energy", "format ascii_dec", "freq 1k"):
                link.command(setting)
            link.command(f"volt {millivolts}m")
            link.command("pwr on nostatus")
            link.command("start")
        except BaseException:
            link.close()
            raise
        return link

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *failure: object) -> None:
        with contextlib.suppress(LinkError):
            self.stop()
            self.command("pwr off")
            self.command("hrc")
        self.close()

    def close(self) -> None:
        """Give the port back."""
        self._stopping = True
        self._reader.join()
        self._port.close()

    def command(self, text: str) -> str:
        """Say a command; the line that answers it. Refused if it says no, NoAnswer without one."""
        with self._changed:
            self._answers.clear()
        if self._log is not None:
            self._log(">", text)
        self._port.write(f"{text}\r\n".encode("ascii"))

        def answer() -> str | None:
            return next((line for line in self._answers if text in line), None)

        found = self._wait(answer, TIMEOUT_S, f"no answer to '{text}'")
        if self._log is not None:
            self._log("<", found)
        if not found.startswith("ack"):
            raise Refused(
                f"the power board refused '{text}': {found}",
                f"port {self._port.name}",
                "see its manual, UM2269",
            )
        return found

    def stop(self) -> None:
        """End the recording; NoAnswer if the power board does not say so."""
        with self._changed:
            self._answers.clear()
        self._port.write(b"stop\r\n")
        self._wait(lambda: self._answers.count(_STOPPED) or None, TIMEOUT_S, "no end of the stream")

    def begin(self) -> None:
        """Forget what was recorded: an interval is to come."""
        with self._changed:
            self._recording = Recording()

    def end(self, timeout_s: float = TIMEOUT_S) -> Interval:
        """Return the interval between the last two edges since `begin`; NoAnswer without two."""

        def interval() -> Interval | None:
            return self._recording.last_interval() if len(self._recording.events) > 1 else None

        return self._wait(
            interval, timeout_s, "the power board saw fewer than two edges on its pin D7"
        )

    def _wait(self, what: Callable[[], T | None], timeout_s: float, otherwise: str) -> T:
        deadline = time.monotonic() + timeout_s
        with self._changed:
            while (found := what()) is None:
                if self._failure is not None:
                    raise self._failure
                if not self._changed.wait(deadline - time.monotonic()):
                    raise NoAnswer(
                        f"{otherwise} for {timeout_s:g} s",
                        f"port {self._port.name}",
                        "check the wires to the power board, and that it is idle",
                    )
            return found

    def _read(self) -> None:
        """Read what comes, in a thread: the system's buffer is too small for a long window."""
        pending = b""
        try:
            while not self._stopping:
                pending += self._port.read(POLL_S)
                *lines, pending = pending.split(b"\n")
                with self._changed:
                    for line in lines:
                        self._take(line.decode("ascii", errors="replace").strip("\r\0 "))
                    self._changed.notify_all()
        except LinkError as error:
            with self._changed:
                self._failure = error
                self._changed.notify_all()

    def _take(self, line: str) -> None:
        text = line.replace(PROMPT, "").strip()
        if not self._recording.take(text) and text.startswith(("ack", "error", _STOPPED)):
            self._answers.append(text)
