# SPDX-License-Identifier: Apache-2.0
"""The virtual instruments at work: a pty and a thread for each, around one emulated board."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from mcuforge.boards.instruments.edges import Edges
from mcuforge.boards.instruments.interface_board import InterfaceBoard
from mcuforge.boards.instruments.power_board import PowerBoard
from mcuforge.boards.instruments.sounds import Speaker
from mcuforge.boards.instruments.terminal import Terminal
from mcuforge.boards.link.port import Port
from mcuforge.errors import UserError

INTERFACE_BAUD, POWER_BAUD = 115_200, 3_686_400  # of the real ones; a pty has none
POLL_SECONDS = 0.05
QUIET_SECONDS, SETTLE_SECONDS = 0.25, 30.0  # for the host to work on samples, and to read them
LONGEST_COMMAND = 4096


@dataclass
class Bench:
    """Running instruments: their ports, and what ended one of them before its time."""

    interface_port: str
    power_port: str
    interface: InterfaceBoard
    failure: UserError | None = None


@contextmanager
def instruments(
    dut: Port, edges: Edges, dut_baud: int, speaker: Speaker | None = None
) -> Iterator[Bench]:
    """Run the instruments around a board until the context is left; `dut` is its open port.

    speaker: what the interface board plays, if it does.
    """
    stop = threading.Event()
    lock = threading.Lock()
    with Terminal() as host, Terminal() as recorder:
        board = InterfaceBoard(dut, edges, dut_baud, speaker)
        power = PowerBoard(lambda text: recorder.write(text.encode()))
        edges_sent = threading.Event()

        def timestamp(seconds: float) -> None:
            with lock:
                power.edge(seconds)
            edges_sent.set()

        def before_ready() -> None:
            # the runner takes what has come when an answer ends: samples must be there by then
            if edges_sent.is_set():
                edges_sent.clear()
                recorder.settle(QUIET_SECONDS, SETTLE_SECONDS)

        def execute(command: str) -> None:
            with lock:
                power.execute(command.strip())

        board.on_timestamp = timestamp
        board.before_ready = before_ready
        board.stopped = stop.is_set
        bench = Bench(host.name, recorder.name, board)

        def serve_interface() -> None:
            def say(text: str) -> None:
                host.write(text.encode())

            try:
                for command in _commands(host, b"%", stop, board.collect):
                    board.execute(command.strip("\r\n"), say)
            except UserError as error:  # the board's port has closed
                bench.failure = error

        def serve_power() -> None:
            for command in _commands(recorder, b"\n", stop, lambda: None):
                execute(command)

        threads = [threading.Thread(target=run) for run in (serve_interface, serve_power)]
        for thread in threads:
            thread.start()
        try:
            yield bench
        finally:
            stop.set()
            for thread in threads:
                thread.join()


def _commands(
    terminal: Terminal, end: bytes, stop: threading.Event, idle: Callable[[], None]
) -> Iterator[str]:
    """The commands that come, without their ends; `idle` is called in between."""
    pending = b""
    while not stop.is_set():
        pending += terminal.read(POLL_SECONDS)
        *whole, pending = pending.split(end)
        pending = pending[-LONGEST_COMMAND:]
        for command in whole:
            if command.strip():
                yield command.decode("ascii", errors="replace")
        idle()
