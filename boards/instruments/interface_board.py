# SPDX-License-Identifier: Apache-2.0
"""A virtual interface board: the one between the benchmark's runner and the board that is measured.

It passes commands on and marks the answers, and it notes edges on the pins of detection and duty
cycle. Commands end in '%'. Source: mlcommons/tiny, benchmark/interface: `CLI/InterfaceMenu` for the
commands and their answers, `Test/DeviceUnderTest` for what is noted. It has no memory card and
plays no sound.
"""

from collections.abc import Callable

from mcuforge.boards.instruments.edges import Edge, Edges
from mcuforge.boards.link.port import Port

DUT_BAUD = 9600  # until `setbaud`
POLL_SECONDS = 0.05
DEBOUNCE_MS = 10  # between two detections that are noted
PER_SECOND_MS, PER_SECOND_10_US = 1000, 100_000
PER_LINE = 8  # times of the duty cycle
READY = "m-ready\r\n"
_DUT_READY = "m-ready"

Say = Callable[[str], None]


class InterfaceBoard:
    """The interface board; `dut` is the port of the board that is measured."""

    def __init__(self, dut: Port, edges: Edges, dut_baud: int) -> None:
        """dut_baud: what the firmware speaks: the line of an emulated board does not tell."""
        self._dut = dut
        self._edges = edges
        self._dut_baud = dut_baud
        self._baud = DUT_BAUD
        self._pending = b""  # what the board has said after its last whole line
        self._now = 0.0  # the board's time at the last edge
        self._recording_since: float | None = None
        self._detections: list[int] = []  # ms
        self._duty: dict[bool, list[int]] = {True: [], False: []}  # 10 us; rising, falling
        self.on_timestamp: Callable[[float], None] = lambda seconds: None  # a falling edge
        self.before_ready: Callable[[], None] = lambda: None
        self.stopped: Callable[[], bool] = lambda: False
        self.commands: dict[str, Callable[[str, Say], None]] = {
            "dut": self._pass_on,
            "name": self._name,
            "ls": lambda args, say: say(READY),
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
            self._now = edge.seconds
            self._note(edge)

    def _note(self, edge: Edge) -> None:
        if edge.pin == "timestamp" and not edge.high:
            self.on_timestamp(edge.seconds)
        if self._recording_since is None:
            return
        since = edge.seconds - self._recording_since
        if edge.pin == "duty":
            self._duty[edge.high].append(int(since * PER_SECOND_10_US))
        elif edge.pin == "detection" and not edge.high:
            now_ms = int(since * PER_SECOND_MS)
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

    def _play(self, args: str, say: Say) -> None:
        say(
            f"Attempting to play {args}\nError playing file. Check that the file exists and is a "
            f"2-channel wav file.\n{READY}"
        )

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
