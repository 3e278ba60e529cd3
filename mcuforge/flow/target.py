# SPDX-License-Identifier: Apache-2.0
"""Starts firmware on an emulated board and opens a link to it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mcuforge.boards.catalog.board import load_board
from mcuforge.boards.catalog.hardware import CHIP_ID_BITS
from mcuforge.boards.emulator import qemu
from mcuforge.boards.link.client import Link
from mcuforge.boards.virtual.machine import VirtualBoard
from mcuforge.errors import BoardError
from mcuforge.flow.firmware import Built
from mcuforge.flow.session import Session
from mcuforge.report.progress import Stages

RUN_SECONDS = 60.0
SLOWEST_MACS_PER_SECOND = 1e6  # a 16 MHz core without a multiplier array, or a busy emulator


@contextmanager
def open_board(session: Session, built: Built, stages: Stages) -> Iterator[Link]:
    """Start the emulator with the firmware and open a link to the model.

    The emulator ends when the context is left, however it is left. Raises BoardError for hardware:
    our PlatformIO platform does not have its flash tools yet.
    """
    board = session.board
    if not board.emulated:
        raise BoardError(
            f"mcuforge builds firmware for '{board.id}' but cannot flash it yet",
            f"board {board.id}, {built.firmware.elf}",
            "deploy with --out, flash that file with the board's own tool, then "
            f"`mcuforge check PORT --board {board.id} --model MODEL --data FILE`",
        )
    with emulate_elf(session, built.firmware.elf, stages) as link:
        yield link


@contextmanager
def emulate_elf(session: Session, elf: Path, stages: Stages) -> Iterator[Link]:
    """Start a built image on the board's emulator and open a link to it."""
    with stages.stage("starting the emulator"):
        running = qemu.start(session.board, elf)
    with running, open_port(session, running.port) as link:
        yield link


@contextmanager
def open_exact(session: Session, elf: Path, stages: Stages) -> Iterator[tuple[Link, VirtualBoard]]:
    """Start the hardware's image on the board's virtual chip and open a link to it.

    BoardError, from here on or from the link, when the image does what the chip forbids.
    """
    with stages.stage("starting the virtual board"):
        machine = VirtualBoard(session.board, elf)
    with Link(machine.port(), run_timeout_s=_patience(session)) as link:
        _greet(session, link)
        yield link, machine


@contextmanager
def open_port(session: Session, port: str) -> Iterator[Link]:
    """Open a link on `port`; BoardError unless the firmware holds the session's model."""
    with Link.open(port, baud=session.board.baud, run_timeout_s=_patience(session)) as link:
        _greet(session, link)
        yield link


def _patience(session: Session) -> float:
    """Seconds that one inference may take."""
    return RUN_SECONDS + session.graph.macs / SLOWEST_MACS_PER_SECOND


def _greet(session: Session, link: Link) -> None:
    """Open the link's session; BoardError for another model, and for another chip."""
    hello = link.hello(session.digest)
    hardware = load_board(session.board.id).hardware  # an emulated form has none, and no chip id
    if hardware is None or hello.chip_id == 0:
        return
    found = hello.chip_id & CHIP_ID_BITS
    if found != hardware.chip_id:
        raise BoardError(
            f"the chip says its id is {found:#x}, a {hardware.chip} says {hardware.chip_id:#x}",
            f"board {session.board.id}, firmware for {hello.board}",
            "give the board that is connected with --board: `mcuforge boards` lists them",
        )
