# SPDX-License-Identifier: Apache-2.0
"""Puts firmware onto a board, emulated or real, and opens a link to it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mcuforge.boards.build.pio import run_pio
from mcuforge.boards.emulator import qemu
from mcuforge.boards.link.client import Link
from mcuforge.errors import BoardError
from mcuforge.flow.firmware import Built
from mcuforge.flow.session import Session
from mcuforge.report.progress import Stages

RUN_SECONDS = 60.0
SLOWEST_MACS_PER_SECOND = 1e6  # a 16 MHz core without a multiplier array, or a busy emulator
STATE = Path(".pio") / "emulator.json"  # our platform's upload writes the emulator's process here


@contextmanager
def open_board(session: Session, built: Built, port: str | None, stages: Stages) -> Iterator[Link]:
    """Upload with PlatformIO and open a link to the model, on `port` or on the emulator's own.

    The emulator ends when the context is left, however it is left.
    """
    state = built.folder / STATE
    try:
        with stages.stage("flashing" if port is not None else "starting the emulator"):
            upload(session, built)
            name = port or _port_of(state, session)
        with open_port(session, name) as link:
            yield link
    finally:
        qemu.stop_detached(state)


def upload(session: Session, built: Built) -> None:
    """Run `pio run -t upload`, which starts the board's emulator under this process.

    Raises BoardError for hardware: our PlatformIO platform does not have its flash tools yet.
    """
    board = session.board
    if not board.emulated:
        raise BoardError(
            f"mcuforge builds firmware for '{board.id}' but cannot flash it yet",
            f"board {board.id}, {built.firmware.elf}",
            "deploy with --out, flash that file with the board's own tool, then "
            f"`mcuforge check PORT --board {board.id} --model MODEL --data FILE`",
        )
    environment = {qemu.OWNER_VARIABLE: str(os.getpid())}
    result = run_pio(built.folder, "run", "-t", "upload", environment=environment)
    if result.code != 0:
        lines = result.output.strip().splitlines()
        told = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
        hints = [line.removeprefix("try:   ") for line in lines if line.startswith("try:   ")]
        raise BoardError(
            f"the upload failed: {(told or lines[-1:] or ['pio said nothing'])[0]}",
            f"board {board.id}, project {built.folder}",
            (hints or ["`mcuforge doctor` shows what is missing"])[0],
        )


def _port_of(state: Path, session: Session) -> str:
    running = qemu.read_state(state)
    if running is None:
        raise BoardError(
            "the emulator ended as soon as it had started",
            f"board {session.board.id}",
            "`mcuforge doctor` shows whether QEMU is the one this board needs",
        )
    return running.port


@contextmanager
def emulate_elf(session: Session, elf: Path, stages: Stages) -> Iterator[Link]:
    """Start a built image on the board's emulator and open a link to it."""
    with stages.stage("starting the emulator"):
        running = qemu.start(session.board, elf)
    with running, open_port(session, running.port) as link:
        yield link


@contextmanager
def open_port(session: Session, port: str) -> Iterator[Link]:
    """Open a link on `port`; BoardError unless the firmware holds the session's model."""
    patience = RUN_SECONDS + session.graph.macs / SLOWEST_MACS_PER_SECOND
    with Link.open(port, baud=session.board.baud, run_timeout_s=patience) as link:
        link.hello(session.digest)
        yield link
