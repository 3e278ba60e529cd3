# SPDX-License-Identifier: Apache-2.0
"""Requests and answers over a line that may lose, damage or repeat either, in bounded time.

Requests of a session are numbered without a gap, and the board executes number n + 1 after n and
nothing else (docs/protocol.md). Up to `window` of them are under way. If an answer is missing, all
of them are sent again in their order: what the board has executed already it does not execute
twice. An answer or a notice for number n says that everything up to n was executed. Then the answer
of a WRITE is not needed any more, and a READ whose answer was lost is asked under a new number.
"""

import os
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn

from mcuforge.boards.link.errors import (
    BoardCrashed,
    BoardReset,
    Damaged,
    Garbage,
    NoAnswer,
    OldFirmware,
    Refused,
    SessionTaken,
)
from mcuforge.boards.link.frame import (
    ANSWER,
    NONCE_BIT,
    NOTICE,
    PROTOCOL,
    Frame,
    Kind,
    Splitter,
    Status,
    encode,
    old_version,
)
from mcuforge.boards.link.port import Port
from mcuforge.errors import InternalError

FIRST_WAIT_S = 0.25  # plus the time on the wire, before requests are sent again
LONGEST_WAIT_S = 4.0
RUN_WAIT_S = 2.0  # at least, before the host asks whether a run has ended: the question
RUN_WAIT_SHARE = 0.125  # interrupts the run, so a long limit means a long wait
CUT_WAIT_S = 0.1  # of silence in a frame, before it is taken for cut short
DAMAGE_WAIT_S = 0.02  # plus the time on the wire, before requests replace a damaged frame
BITS_PER_BYTE = 10  # 8N1
BUDGET_LIMITS = 3  # the time for an exchange: so many times the limit for one answer,
BUDGET_BYTE_S = 0.0005  # and so much for each byte, on the slowest line there is
SMALL_ANSWER_BYTES = 32
LAST = (Kind.RUN, Kind.OPEN)  # answered again from the board's memory only while they are the last


@dataclass(frozen=True)
class Request:
    """One question to the board; `answer_bytes` is about the size of the frame that comes back."""

    kind: Kind
    body: bytes = b""
    answer_bytes: int = SMALL_ANSWER_BYTES


@dataclass(frozen=True)
class _Flight:
    """A request on its way: its place among the requests asked, and the bytes on the wire."""

    place: int
    request: Request
    wire: bytes


@dataclass
class _Heard:
    """What came back in one exchange."""

    bytes: int = 0
    sent: int = 0  # frames to the board
    complaints: int = 0  # of the board, about damaged frames
    whole: int = 0  # frames from the board
    damaged: int = 0
    echoes: int = 0
    behind: bool = False  # the board forgot requests that it had executed


class Exchange:
    """The request-and-answer layer of one open port; its time is the port's."""

    def __init__(self, port: Port, timeout_s: float) -> None:
        self.port = port
        self.timeout_s = timeout_s
        self.where = f"port {port.name}"  # the client adds the board's name once it is known
        self.in_session = False
        self.window = 1  # until HELLO has told
        self.traffic = 0  # bytes in both directions
        self._splitter = Splitter()
        self._nonce = 0
        self._sequence = 0  # of the last request sent
        self._executed = 0  # the board has executed all requests up to this one
        self._flights: dict[int, _Flight] = {}  # by sequence, in its order
        self._due_s = 0.0  # when to send them again
        self._sent_s = 0.0
        self._wait_s = 0.0
        self._longest_wait_s = LONGEST_WAIT_S
        self._heard = _Heard()
        self._cut = False

    def begin(self) -> None:
        """Begin anew: another nonce, numbers from 1, one request at a time."""
        self._nonce = int.from_bytes(os.urandom(4), "little") | NONCE_BIT
        self._sequence = self._executed = 0
        self.window = 1
        self.in_session = False

    def ask(self, request: Request, doing: str, timeout_s: float | None = None) -> Frame:
        """Ask the board. In an error, `doing` says what was going on ("running layer 3")."""
        return self.ask_all([request], doing, timeout_s)[0]

    def ask_all(
        self, requests: Sequence[Request], doing: str, timeout_s: float | None = None
    ) -> list[Frame]:
        """Send all requests and return their answers, in their order.

        RUN and OPEN come last. Requests that change nothing may have executed in another order.
        Raises a LinkError when no answer came for `timeout_s` (default: the link's own), when all
        of them took longer than budget_s(), when the board crashed or started again, and when it
        refused; only Status.MODEL, and Status.STALE of an OPEN, are returned.
        """
        if any(request.kind in LAST for request in requests[:-1]):
            raise InternalError("a RUN or OPEN is sent before other requests")
        limit_s = self.timeout_s if timeout_s is None else timeout_s
        started_s = progress_s = self.port.now_s()
        end_s = started_s + self.budget_s(requests, limit_s)
        waiting = deque(enumerate(requests))
        answers: dict[int, Frame] = {}
        self._flights = {}
        self._heard = _Heard()
        while len(answers) < len(requests):
            self._send_due(waiting)
            moved = False
            for frame in self._receive(min(progress_s + limit_s, end_s)):
                moved |= self._take(frame, waiting, answers, doing, limit_s)
            self._check_events(doing)
            now = self.port.now_s()
            if moved:
                progress_s = now
            if len(answers) < len(requests) and now >= min(progress_s + limit_s, end_s):
                if now < end_s:
                    self._give_up(doing, f"no answer from the board for {limit_s:g} s", limit_s)
                spent_s = end_s - started_s
                self._give_up(doing, f"the board did not finish in {spent_s:.4g} s", spent_s)
        return [answers[place] for place in range(len(requests))]

    def budget_s(self, requests: Sequence[Request], limit_s: float) -> float:
        """Compute the longest time that an exchange may take, whatever the line does."""
        sizes = sum(len(request.body) + request.answer_bytes for request in requests)
        return BUDGET_LIMITS * limit_s + sizes * BUDGET_BYTE_S

    def _send_due(self, waiting: deque[tuple[int, Request]]) -> None:
        """Send all requests again that waited too long, then new ones as far as allowed."""
        now = self.port.now_s()
        due = bytearray()
        if self._flights and now >= self._due_s:
            for flight in self._flights.values():
                due += flight.wire
                self._heard.sent += 1
            self._wait_s = min(2 * self._wait_s, self._longest_wait_s)
            self._sent_s, self._due_s = now, now + self._wait_s
        fresh = False
        while waiting and len(self._flights) < self.window:
            place, request = waiting.popleft()
            numbered = request.kind is not Kind.HELLO
            self._sequence += numbered
            wire = encode(request.kind, self._nonce, self._sequence, request.body)
            self._flights[self._sequence] = _Flight(place, request, wire)
            self._heard.sent += 1
            due += wire
            fresh = True
        if fresh:
            self._sent_s = now
            self._restart()
        if due:
            self.traffic += len(due)
            self.port.write(bytes(due))

    def _on_wire_s(self) -> float:
        """The time that all requests under way and their answers take on the wire."""
        sizes = (len(f.wire) + f.request.answer_bytes for f in self._flights.values())
        return sum(sizes) * BITS_PER_BYTE / self.port.baud

    def _restart(self) -> None:
        self._wait_s = FIRST_WAIT_S + self._on_wire_s()
        self._longest_wait_s = max(LONGEST_WAIT_S, self._on_wire_s())
        self._due_s = self.port.now_s() + self._wait_s

    def _hasten(self) -> None:
        """Something was damaged: send again as soon as what is under way must have arrived."""
        self._due_s = min(self._due_s, self._sent_s + DAMAGE_WAIT_S + self._on_wire_s())

    def _receive(self, end_s: float) -> list[Frame]:
        """Receive frames until requests are due again, or until `end_s`."""
        splitter, heard = self._splitter, self._heard
        wait_s = max(0.0, min(self._due_s, end_s) - self.port.now_s())
        whole_wait = wait_s <= CUT_WAIT_S or self._cut or not splitter.in_frame
        data = self.port.read(wait_s if whole_wait else CUT_WAIT_S)
        self.traffic += len(data)
        if data:
            self._cut = False
        elif not whole_wait:
            self._cut = True  # once: until the next byte nothing more can be cut
            self._hasten()
        whole, damaged = splitter.whole, splitter.damaged
        frames = splitter.feed(data)
        heard.bytes += len(data)
        heard.whole += splitter.whole - whole
        heard.damaged += splitter.damaged - damaged
        if splitter.damaged > damaged:
            self._hasten()  # it may have been an answer
        return frames

    def _take(
        self,
        frame: Frame,
        waiting: deque[tuple[int, Request]],
        answers: dict[int, Frame],
        doing: str,
        limit_s: float,
    ) -> bool:
        """Take one frame; returns whether the exchange moved on."""
        if not frame.kind & ANSWER:
            self._heard.echoes += 1
            return False
        if frame.kind == NOTICE and frame.status == Status.BAD_FRAME:
            self._heard.complaints += 1
            self._hasten()
        if frame.nonce != self._nonce:
            self._refuse_old(frame, doing)
            return False  # of another session
        if frame.kind == NOTICE:
            if frame.status == Status.GAP:
                self._heard.behind = frame.sequence < self._executed
                self._hasten()
            return self._settle(frame.sequence, frame.sequence, waiting, answers)
        flight = self._flights.get(frame.sequence)
        if flight is None or frame.kind != flight.request.kind | ANSWER:
            return False
        if frame.status != Status.STALE:
            self._settle(frame.sequence - 1, frame.sequence, waiting, answers)
        if frame.status == Status.RUNNING:
            self._wait_s = max(RUN_WAIT_S, RUN_WAIT_SHARE * limit_s)
            self._longest_wait_s = limit_s
            self._due_s = self.port.now_s() + self._wait_s
            return True
        self._check(frame, doing)
        answers[flight.place] = frame
        del self._flights[frame.sequence]
        self._executed = max(self._executed, frame.sequence)
        self._restart()
        return True

    def _settle(
        self,
        executed: int,
        last: int,
        waiting: deque[tuple[int, Request]],
        answers: dict[int, Frame],
    ) -> bool:
        """Learn that the board has executed all requests up to a number; True if that is news.

        The answers to come are lost. Nobody needs that of a WRITE. Of the others, the board keeps
        that of its `last` request, and those before are asked again.
        """
        if executed > self._sequence:
            return False
        news = executed > self._executed
        self._executed = max(self._executed, executed)
        for sequence, flight in list(self._flights.items()):
            if flight.request.kind is Kind.WRITE and sequence <= executed:
                answers[flight.place] = Frame(Kind.WRITE | ANSWER, 0, self._nonce, sequence)
                del self._flights[sequence]
            elif flight.request.kind not in (Kind.WRITE, *LAST) and sequence < last:
                waiting.appendleft((flight.place, flight.request))
                del self._flights[sequence]
        return news

    def _refuse_old(self, frame: Frame, doing: str) -> None:
        version = old_version(frame, self._nonce)
        if version is not None and not self.in_session:
            self.refuse_version(version, doing)

    def refuse_version(self, version: int, doing: str) -> NoReturn:
        """Raise for firmware of another version of the protocol."""
        raise OldFirmware(
            f"the firmware speaks version {version} of the protocol, expected {PROTOCOL}",
            f"{self.where}, while {doing}",
            "flash the firmware anew: `mcuforge deploy` builds it with this mcuforge",
        )

    def _check(self, frame: Frame, doing: str) -> None:
        """Raise for a refusal."""
        if frame.status in (Status.OK, Status.MODEL):
            return
        if frame.status == Status.CLOSED:
            self._raise_reset(doing)
        if frame.status == Status.STALE:
            if frame.kind == Kind.OPEN | ANSWER:
                return
            self.in_session = False
            raise SessionTaken(
                "another program has opened a session with the board, which ends this one",
                f"{self.where}, while {doing}",
                "let one program at a time use the board",
            )
        words = frame.body.decode("ascii", errors="replace")
        if frame.status == Status.INPUTS:
            hint = "run it again; if it stays, the board's memory or its supply is at fault"
        else:
            hint = "build and flash again, so that firmware and model are of one version"
        raise Refused(
            f"the board refused a request ({words or f'status {frame.status}'})",
            f"{self.where}, while {doing}",
            hint,
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

    def _give_up(self, doing: str, silence: str, seconds: float) -> NoReturn:
        """Raise for the most likely cause; `silence` says it if nothing else is known."""
        where = f"{self.where}, while {doing}"
        heard = self._heard
        if heard.behind:
            self._raise_reset(doing)
        if heard.echoes:
            raise Garbage(
                "the port sends our own bytes back",
                where,
                "give the board's port: this one is a loop, or a terminal that echoes",
            )
        bad, total = heard.complaints + heard.damaged, heard.sent + heard.whole + heard.damaged
        if bad:
            raise Damaged(
                f"the line damages what is sent: {bad} of {total} frames arrived damaged in "
                f"{seconds:.4g} s",
                where,
                "use a shorter cable or another USB port, or a lower baud rate",
            )
        if not heard.bytes or heard.whole:
            raise NoAnswer(
                silence,
                where,
                "reset the board, check port and cable; a slow model may need a longer time limit",
            )
        if b"m-ready" in self._splitter.foreign():
            raise Garbage(
                "the firmware answers as an MLPerf Tiny device but does not know mcuforge's frames",
                where,
                "flash mcuforge's check firmware: `mcuforge deploy` does it",
            )
        raise Garbage(
            f"{heard.bytes} B came in {seconds:.4g} s and none of it reads as an answer",
            where,
            f"check the baud rate ({self.port.baud} here) and which firmware is on the board",
        )
