# SPDX-License-Identifier: Apache-2.0
"""Requests and answers over a line that may lose or damage either: resend, in bounded time.

Every request may be sent twice without harm (session.h). A request without an answer is sent again
under its old sequence number after a while, or as soon as a frame was damaged in either direction.
At most two requests are on their way at a time, since the board's receive ring holds two.
"""

import os
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn

from mcuforge.boards.link.errors import (
    BoardCrashed,
    BoardReset,
    Garbage,
    NoAnswer,
    Refused,
)
from mcuforge.boards.link.frame import (
    ANSWER,
    NO_SEQUENCE,
    Frame,
    Kind,
    Splitter,
    Status,
    encode,
)
from mcuforge.boards.link.port import Port

WINDOW = 2
FIRST_WAIT_S = 0.25  # plus its time on the wire, before a request is sent again
LONGEST_WAIT_S = 4.0
RUN_WAIT_S = 2.0  # at least, before the host asks whether a run has ended: the question
RUN_WAIT_SHARE = 0.125  # interrupts the run, so a long limit means a long wait
DAMAGE_WAIT_S = 0.02  # plus the time on the wire, before a request replaces a damaged frame
BITS_PER_BYTE = 10  # 8N1
ANSWER_BYTES = 300  # the longest frame


@dataclass(frozen=True)
class Request:
    """One question to the board."""

    kind: Kind
    body: bytes = b""


@dataclass
class _Flight:
    """A request on its way: when it was sent last, how long to wait before it is sent again."""

    place: int
    wire: bytes
    sent_s: float
    wait_s: float
    hasty_wait_s: float  # once something was damaged
    longest_wait_s: float = LONGEST_WAIT_S


@dataclass
class _Heard:
    """What came back since the last good answer."""

    bytes: int = 0
    complaints: int = 0  # of damaged frames
    echoes: int = 0


class Exchange:
    """The request-and-answer layer of one open port."""

    def __init__(self, port: Port, timeout_s: float) -> None:
        self.port = port
        self.timeout_s = timeout_s
        self.where = f"port {port.name}"  # the client adds the board's name once it is known
        self.in_session = False
        self.traffic = 0  # bytes in both directions
        self._splitter = Splitter()
        self._sequence = int.from_bytes(os.urandom(2), "little")

    def ask(self, request: Request, doing: str, timeout_s: float | None = None) -> Frame:
        """Ask the board. In an error, `doing` says what was going on ("running layer 3")."""
        return self.ask_all([request], doing, timeout_s)[0]

    def ask_all(
        self, requests: Sequence[Request], doing: str, timeout_s: float | None = None
    ) -> list[Frame]:
        """Send all requests and return their answers, in their order.

        Raises a LinkError when no answer came for `timeout_s` (default: the link's own), when the
        board crashed or started again, and when it refused; only Status.MODEL is returned.
        """
        limit_s = self.timeout_s if timeout_s is None else timeout_s
        waiting = deque(enumerate(requests))
        flights: dict[int, _Flight] = {}
        answers: dict[int, Frame] = {}
        heard = _Heard()
        progress_s = self.port.now_s()
        while len(answers) < len(requests):
            self._send_due(waiting, flights)
            for frame in self._receive(flights, heard, progress_s + limit_s):
                answered = self._match(frame, flights, heard)
                if answered is None:
                    continue
                progress_s = self.port.now_s()
                heard = _Heard()
                if frame.status == Status.RUNNING:
                    answered.sent_s = progress_s
                    answered.wait_s = max(RUN_WAIT_S, RUN_WAIT_SHARE * limit_s)
                    answered.longest_wait_s = limit_s
                    continue
                self._check(frame, doing)
                answers[answered.place] = frame
                del flights[frame.sequence]
            self._check_events(doing)
            if self.port.now_s() - progress_s >= limit_s:
                self._give_up(doing, limit_s, heard)
        return [answers[place] for place in range(len(requests))]

    def _send_due(self, waiting: deque[tuple[int, Request]], flights: dict[int, _Flight]) -> None:
        """Send again requests that waited too long, then new requests as far as allowed."""
        now = self.port.now_s()
        due = bytearray()
        for flight in flights.values():
            if now - flight.sent_s >= flight.wait_s:
                due += flight.wire
                flight.sent_s = now
                flight.wait_s = min(2 * flight.wait_s, flight.longest_wait_s)
        while waiting and len(flights) < WINDOW:
            place, request = waiting.popleft()
            self._sequence = (self._sequence + 1) % NO_SEQUENCE
            wire = encode(request.kind, self._sequence, request.body)
            byte_s = BITS_PER_BYTE / self.port.baud
            flights[self._sequence] = _Flight(
                place,
                wire,
                sent_s=now,
                wait_s=FIRST_WAIT_S + WINDOW * (len(wire) + ANSWER_BYTES) * byte_s,
                hasty_wait_s=DAMAGE_WAIT_S + len(wire) * byte_s,
            )
            due += wire
        if due:
            self.traffic += len(due)
            self.port.write(bytes(due))

    def _receive(self, flights: dict[int, _Flight], heard: _Heard, end_s: float) -> list[Frame]:
        """Receive frames until the next resend is due, or until `end_s`."""
        due_s = min(flight.sent_s + flight.wait_s for flight in flights.values())
        data = self.port.read(max(0.0, min(due_s, end_s) - self.port.now_s()))
        self.traffic += len(data)
        heard.bytes += len(data)
        damaged_before = self._splitter.foreign_chunks
        frames = self._splitter.feed(data)
        if self._splitter.foreign_chunks > damaged_before:
            self._hasten(flights)  # the damaged frame may have been an answer
        return frames

    @staticmethod
    def _hasten(flights: dict[int, _Flight]) -> None:
        for flight in flights.values():
            flight.wait_s = min(flight.wait_s, flight.hasty_wait_s)

    def _match(self, frame: Frame, flights: dict[int, _Flight], heard: _Heard) -> _Flight | None:
        """Find the request that `frame` answers, or None."""
        if not frame.kind & ANSWER:
            heard.echoes += 1
            return None
        if frame.status == Status.BAD_FRAME:
            heard.complaints += 1
            self._hasten(flights)
            return None
        return flights.get(frame.sequence)

    def _check(self, frame: Frame, doing: str) -> None:
        """Raise for a refusal."""
        if frame.status in (Status.OK, Status.MODEL):
            return
        if frame.status == Status.CLOSED:
            self._raise_reset(doing)
        words = frame.body.decode("ascii", errors="replace")
        raise Refused(
            f"the board refused a request ({words or f'status {frame.status}'})",
            f"{self.where}, while {doing}",
            "build and flash again, so that firmware and model are of one version",
        )

    def _check_events(self, doing: str) -> None:
        """Raise when the board has crashed or, in a session, started again.

        Before the session only the last event counts: the board may start while we wait for it.
        """
        events = self._splitter.take_events()
        for event in events if self.in_session else events[-1:]:
            if event.fault is not None:
                raise BoardCrashed(
                    f"the board crashed: {event.fault}",
                    f"{self.where}, while {doing}",
                    "addr2line -e firmware.elf names the place; a stack too small is usual",
                )
            if self.in_session:
                self._raise_reset(doing)

    def _raise_reset(self, doing: str) -> NoReturn:
        self.in_session = False
        raise BoardReset(
            "the board started again and has lost the input and the session",
            f"{self.where}, while {doing}",
            "check its power supply, the reset line and the watchdog, then try again",
        )

    def _give_up(self, doing: str, limit_s: float, heard: _Heard) -> NoReturn:
        where = f"{self.where}, while {doing}"
        foreign = self._splitter.foreign()
        if not heard.bytes:
            raise NoAnswer(
                f"no answer from the board for {limit_s:g} s",
                where,
                "reset the board, check port and cable; a slow model may need a longer time limit",
            )
        if heard.echoes:
            what = "the port sends our own bytes back"
            hint = "give the board's port: this one is a loop, or a terminal that echoes"
        elif heard.complaints:
            what = (
                f"the line damages what is sent: the board refused {heard.complaints} frames "
                f"in {limit_s:g} s"
            )
            hint = "use a shorter cable or another USB port, or a lower baud rate"
        elif b"m-ready" in foreign:
            what = (
                "the firmware answers as an MLPerf Tiny device but does not know mcuforge's frames"
            )
            hint = "flash mcuforge's check firmware: `mcuforge deploy` does it"
        else:
            what = (
                f"{heard.bytes} B came in {limit_s:g} s and none of it reads as an answer, "
                f"the last: {repr(foreign[-24:])[1:]}"
            )
            hint = f"check the baud rate ({self.port.baud} here) and which firmware is on the board"
        raise Garbage(what, where, hint)
