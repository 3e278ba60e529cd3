# SPDX-License-Identifier: Apache-2.0
"""Many exchanges over a faulty line, each compared with the right answer and with its time."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from mcuforge.boards.link.client import Link
from mcuforge.boards.link.errors import LinkError, WrongModel
from mcuforge.boards.link.exchange import Request
from mcuforge.boards.link.frame import Frame
from mcuforge.boards.link.port import DEFAULT_BAUD, Port
from mcuforge.boards.link.tcp import TcpDevice
from tests.faults.line import Fault
from tests.faults.proxy import Settings

# What Link.open promises for a call, told here once more and not taken from the product: so many
# times the limit for one answer, and half a millisecond for each byte; a call here has under 2,000.
CALL_LIMITS = 3.0
TRANSFER_S = 1.0
SLACK_S = 0.5  # of a busy machine
REOPEN_S = 20.0
GIVE_UP_S = 60.0  # without a right answer: a campaign that cannot end


class Way(Enum):
    """A way to run one inference."""

    AT_ONCE = "at once"  # in few exchanges
    IN_PARTS = "in parts"  # inputs, run and outputs each by itself
    POISON = "poison"  # dead bytes are overwritten after each step
    TIMED = "timed"  # TIME_STEPS, a few steps in each run


@dataclass(frozen=True)
class Model:
    """What the firmware holds: its hash, and inputs with the right answers."""

    digest: bytes
    inputs: Callable[[int], Sequence[bytes]]
    answers: Callable[[int], Sequence[bytes]]


@dataclass(frozen=True)
class Bench:
    """Firmware to test, another one to swap it for, and the limits of its link."""

    name: str
    board: dict[str, str]
    other: dict[str, str]
    model: Model
    timeout_s: float = 1.5
    run_timeout_s: float = 4.0


@dataclass
class Tally:
    """What came of a number of exchanges under one kind of fault."""

    fault: Fault
    transport: str
    exchanges: int = 0
    right: int = 0
    wrong: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    unclear: list[str] = field(default_factory=list)  # what is no LinkError, or not three lines
    late: int = 0  # calls that took longer than they may
    longest_s: float = 0.0
    faults: dict[str, int] = field(default_factory=dict)
    ways: Counter[Way] = field(default_factory=Counter)  # right answers

    @property
    def clean(self) -> bool:
        """Nothing wrong, unclear or late."""
        return not (self.wrong or self.unclear or self.late)


class HostSocket(TcpDevice):
    """One end of a socketpair as a serial device."""

    def __init__(self, end: socket.socket) -> None:
        self._socket = end
        self._socket.settimeout(5.0)
        self.timeout = None


@contextlib.contextmanager
def line(
    bench: Bench, fault: Fault, rate: float, seed: int, transport: str, folder: Path, tally: Tally
) -> Iterator[Callable[[], Port]]:
    """Start a proxy; yields what opens its port. Its counts go to `tally`."""
    ours, theirs = socket.socketpair()
    name = folder / f"port-{seed}"
    on_pty = transport == "pty"
    settings = Settings(
        fault.value,
        rate,
        seed,
        bench.board,
        bench.other,
        -1 if on_pty else theirs.fileno(),
        str(name) if on_pty else "",
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.faults.proxy", settings.dump()],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        pass_fds=[theirs.fileno()],
    )
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "ready\n", "the proxy did not start"
        yield (
            lambda: (
                Port.open(str(name)) if on_pty else Port(HostSocket(ours), "socket", DEFAULT_BAUD)
            )
        )
    finally:
        said, _ = process.communicate()
        ours.close()
        theirs.close()
    told = json.loads(said)
    tally.faults = told["faults"]
    if told["died"]:
        tally.unclear.append(told["died"])


def open_link(opener: Callable[[], Port], bench: Bench, tally: Tally) -> Link:
    """Open the port, which may be away, and time every exchange of the link."""
    end = time.monotonic() + REOPEN_S
    while True:
        try:
            link = Link(opener(), bench.timeout_s, bench.run_timeout_s)
            break
        except LinkError as error:
            tally.errors[type(error).__name__] += 1
            if time.monotonic() > end:
                raise
            time.sleep(0.02)
    exchange = link._exchange
    ask_all = exchange.ask_all

    def timed(
        requests: Sequence[Request], doing: str, timeout_s: float | None = None
    ) -> list[Frame]:
        started = time.monotonic()
        limit_s = exchange.timeout_s if timeout_s is None else timeout_s
        try:
            return ask_all(requests, doing, timeout_s)
        finally:
            took = time.monotonic() - started
            tally.longest_s = max(tally.longest_s, took)
            tally.late += took > CALL_LIMITS * limit_s + TRANSFER_S + SLACK_S

    exchange.ask_all = timed  # type: ignore[method-assign]
    return link


def infer(link: Link, inputs: Sequence[bytes], way: Way) -> list[bytes]:
    """One inference, all outputs."""
    if way is Way.AT_ONCE:
        return link.infer(inputs)[0]
    if way is Way.POISON and link.firmware.poison:
        return link.infer(inputs, poison=True)[0]
    for index, data in enumerate(inputs):
        link.write_input(index, data)
    if way is Way.TIMED:
        for _ in link.time_steps():
            pass
    else:
        link.run()
    return [link.read_output(index) for index in range(len(link.outputs))]


def campaign(
    bench: Bench,
    fault: Fault,
    exchanges: int,
    seed: int,
    *,
    rate: float,
    transport: str,
    folder: Path,
) -> Tally:
    """Do `exchanges` inferences under a fault; each is compared, right or failed with an error."""
    tally = Tally(fault, transport)
    with line(bench, fault, rate, seed, transport, folder, tally) as opener:
        link: Link | None = None
        in_session = False
        good_s = time.monotonic()
        while tally.exchanges < exchanges and time.monotonic() < good_s + GIVE_UP_S:
            number = seed * 1_000_000 + tally.exchanges
            try:
                if link is None:
                    link = open_link(opener, bench, tally)
                    in_session = False
                if not in_session:
                    link.hello(bench.model.digest)
                    in_session = True
                tally.exchanges += 1
                way = tuple(Way)[number % len(Way)]
                got = infer(link, bench.model.inputs(number), way)
                right = got == list(bench.model.answers(number))
                tally.right += right
                tally.ways[way] += right
                tally.wrong += not right
                good_s = time.monotonic()
            except WrongModel:  # for as long as the other firmware is there
                tally.errors["WrongModel"] += 1
                in_session = False
                time.sleep(0.05)
            except LinkError as error:
                in_session = False
                tally.errors[type(error).__name__] += 1
                if str(error).count("\n") != 2 or "\\x" in str(error):
                    tally.unclear.append(str(error))
                if "closed while in use" in error.what:
                    assert link is not None
                    link.close()
                    link = None
            except Exception as error:  # a fault of ours: what the campaign looks for
                tally.unclear.append(f"{type(error).__name__}: {error}")
                in_session = False
        if tally.exchanges < exchanges:
            tally.unclear.append(f"no right answer for {GIVE_UP_S:g} s")
        if link is not None:
            link.close()
    return tally
