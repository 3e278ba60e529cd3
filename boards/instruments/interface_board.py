# SPDX-License-Identifier: Apache-2.0
"""A virtual interface board: the one between the benchmark's runner and the board that is measured.

It passes commands on and marks the answers, it plays sounds, and it notes edges on the pins of
detection and duty cycle. Commands end in '%'. Source: mlcommons/tiny, benchmark/interface:
`CLI/InterfaceMenu` for the commands and their answers, `Test/DeviceUnderTest` for what is noted.

An emulated board hears 512 samples at a time, as fast as it takes them. The clock of the interface
board leaves out the time for which the board waits, and counts the time for which the sound plays:
the duty cycle's pin rises when the last sample of a chunk has been played, or at the end of the
work on the chunk before. Work takes the board's own seconds. So the same sound gives the same
times, whatever the machine.
"""

import time
from collections.abc import Callable
from pathlib import Path

from mcuforge.boards.instruments.edges import Edge, Edges
from mcuforge.boards.instruments.sounds import SAMPLE_BYTES, SAMPLE_HZ, Speaker, read_wav
from mcuforge.boards.link.port import Port
from mcuforge.errors import CompileError

DUT_BAUD = 9600  # until `setbaud`
POLL_SECONDS, WORK_POLL_SECONDS = 0.05, 0.001
DEBOUNCE_MS = 10  # between two detections that are noted
PER_SECOND_MS, PER_SECOND_10_US = 1000, 100_000
PER_LINE = 8  # times of the duty cycle
CHUNK_BYTES = 512 * SAMPLE_BYTES
WORK_SECONDS = 30.0  # of the host, for one chunk: after it the board does not listen
PROGRESS_SECONDS = 1.0  # of the host, between two lines while a sound plays
READY = "m-ready\r\n"
_DUT_READY = "m-ready"

Say = Callable[[str], None]


class InterfaceBoard:
    """The interface board; `dut` is the port of the board that is measured."""

    def __init__(
        self, dut: Port, edges: Edges, dut_baud: int, speaker: Speaker | None = None
    ) -> None:
        """dut_baud: what the firmware speaks: the line of an emulated board does not tell.

        speaker: None plays nothing.
        """
        self._dut = dut
        self._edges = edges
        self._dut_baud = dut_baud
        self._baud = DUT_BAUD
        self._pending = b""  # what the board has said after its last whole line
        self._speaker = speaker
        self._now = 0.0  # seconds at the last edge
        self._ahead = 0.0  # seconds by which this clock is ahead of the board's
        self._due: float | None = None  # when the chunk is there that the board has just got
        self._works = False  # on a chunk
        self._recording_since: float | None = None
        self._detections: list[int] = []  # ms
        self._duty: dict[bool, list[int]] = {True: [], False: []}  # 10 us; rising, falling
        self.on_timestamp: Callable[[float], None] = lambda seconds: None  # a falling edge
        self.before_ready: Callable[[], None] = lambda: None
        self.stopped: Callable[[], bool] = lambda: False
        self.commands: dict[str, Callable[[str, Say], None]] = {
            "dut": self._pass_on,
            "name": self._name,
            "ls": self._list,
            "play": self._play,
            "setbaud": self._set_baud,
            "checkbaud": self._check_baud,
            "record_detections": self._record,
            "print_detections": self._print_detections,
            "print_dutycycle": self._print_duty,
        }

    def execute(self, command: str, say: Say) -> None:
        """Execute one command, without its '%'; `say` gets the answer in pieces."""
        word, _, args = command.partition(" ")
        known = self.commands.get(word)
        if known is None:
            say(READY)
        else:
            known(args, say)

    def collect(self) -> None:
        """Take notice of the edges since the last time."""
        for edge in self._edges.take():
            if self._due is not None and edge.pin == "duty" and edge.high:
                self._ahead = max(self._due, self._now) - edge.seconds
                self._due = None
            elif self._due is None and edge.pin == "duty" and not edge.high:
                self._works = False
            self._now = edge.seconds + self._ahead
            self._note(edge)

    def _note(self, edge: Edge) -> None:
        if edge.pin == "timestamp" and not edge.high:
            self.on_timestamp(self._now)
        if self._recording_since is None:
            return
        since = self._now - self._recording_since
        if edge.pin == "duty":
            self._duty[edge.high].append(round(since * PER_SECOND_10_US))
        elif edge.pin == "detection" and not edge.high:
            now_ms = round(since * PER_SECOND_MS)
            if not self._detections or now_ms - self._detections[-1] > DEBOUNCE_MS:
                self._detections.append(now_ms)

    def _pass_on(self, args: str, say: Say) -> None:
        say(f"m-dut-passthrough({args})\r\n{READY}")
        if self._baud != self._dut_baud:
            say(
                f"[dut]: e-[The firmware speaks {self._dut_baud} baud, the interface board is set "
                f"to {self._baud}]\r\n[dut]: {READY}"
            )
            return
        while self._dut.read(0):  # what nobody asked for
            pass
        self._pending = b""
        self._dut.write(f"{args}%".encode("ascii", errors="replace"))
        line = ""
        while line != _DUT_READY and not self.stopped():
            line = self._read_line()
            self.collect()
            if line == _DUT_READY:
                self.before_ready()
            say(f"[dut]: {line}\r\n")

    def _read_line(self) -> str:
        """The next line of the board, however long it takes; "" if the instrument is stopped."""
        while b"\n" not in self._pending and not self.stopped():
            self._pending += self._dut.read(POLL_SECONDS)
            self.collect()
        line, _, self._pending = self._pending.partition(b"\n")
        return line.decode("ascii", errors="replace").strip("\r")

    def _name(self, args: str, say: Say) -> None:
        say(f"tinyML Enhanced Interface Board\r\n{READY}")

    def _list(self, args: str, say: Say) -> None:
        files = [] if self._speaker is None else self._speaker.card.glob("*.wav")
        say("".join(f"{name}\r\n" for name in sorted(file.name for file in files)) + READY)

    def _play(self, args: str, say: Say) -> None:
        say(f"Attempting to play {args}\n")
        problem = self._played(args, say)
        say(f"Error playing file. {problem}\n{READY}" if problem else f"succeeded.\n{READY}")

    def _played(self, name: str, say: Say) -> str | None:
        """Play a file of the memory card; returns what prevented it."""
        if self._speaker is None or Path(name).name != name:
            return "Check that the file exists."
        try:
            data = read_wav(self._speaker.card / name).data
        except CompileError as error:
            return f"{error.what}."
        self.collect()
        begin, told = self._now, time.monotonic()
        for end in range(CHUNK_BYTES, len(data) + 1, CHUNK_BYTES):
            self._due = begin + end / (SAMPLE_BYTES * SAMPLE_HZ)
            if not self._heard(data[end - CHUNK_BYTES : end], self._speaker.hears):
                self._due = None
                return "The board does not listen."
            if time.monotonic() - told > PROGRESS_SECONDS:
                told = time.monotonic()
                say(f"{end / (SAMPLE_BYTES * SAMPLE_HZ):.1f} s played\n")
        return None

    def _heard(self, chunk: bytes, by: Path) -> bool:
        """Give the board a chunk and wait until it has worked on it; False if it does not."""
        self._works = True
        with by.open("ab") as file:
            file.write(chunk)
        end = time.monotonic() + WORK_SECONDS
        while self._works and time.monotonic() < end and not self.stopped():
            time.sleep(WORK_POLL_SECONDS)
            self.collect()
        return not self._works

    def _set_baud(self, args: str, say: Say) -> None:
        if not args.isdecimal():
            say(f"e-[Not a baud rate: {args}]\r\n{READY}")
            return
        self._baud = int(args)
        say(f"set baud to: {self._baud}\n{READY}")

    def _check_baud(self, args: str, say: Say) -> None:
        say(f"baud is: {self._baud}\n{READY}")

    def _record(self, args: str, say: Say) -> None:
        self.collect()
        self._recording_since = self._now
        self._detections = []
        self._duty = {True: [], False: []}
        say(f"Now recording detections\r\n{READY}")

    def _print_detections(self, args: str, say: Say) -> None:
        self.collect()
        times = "".join(f"{time},\r\n" for time in self._detections)
        say(f"Detection Timestamps (ms)\r\n{times}{READY}")

    def _print_duty(self, args: str, say: Say) -> None:
        self.collect()
        started, stopped = (_rows(self._duty[high]) for high in (True, False))
        say(f"Duty cycle start times (s)\r\n{started}\r\n")
        say(f"Duty cycle stop times (s)\r\n{stopped}{READY}")


def _rows(times: list[int]) -> str:
    """Times, eight on a line; the last line has no end unless it is full."""
    return "".join(
        f"{time}, " + ("\r\n" if number % PER_LINE == 0 else "")
        for number, time in enumerate(times, 1)
    )
