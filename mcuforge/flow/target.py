# SPDX-License-Identifier: Apache-2.0
"""Starts firmware on an emulated board, or flashes a real one, and opens a link to it."""

import contextlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mcuforge.boards.build.stock import outside_protocols, platformio_of
from mcuforge.boards.build.upload import upload
from mcuforge.boards.catalog.board import Board, load_board
from mcuforge.boards.catalog.hardware import CHIP_ID_BITS
from mcuforge.boards.emulator import qemu
from mcuforge.boards.link.client import Link
from mcuforge.boards.link.errors import (
    Garbage,
    LinkError,
    NoAnswer,
    Silent,
    WrongBoard,
    WrongModel,
)
from mcuforge.boards.link.exchange import BITS_PER_BYTE
from mcuforge.boards.link.text import Log, TextLink
from mcuforge.boards.link.wake_words import WakeWordLink
from mcuforge.boards.ports import Reach, find_ports
from mcuforge.boards.virtual.machine import VirtualBoard
from mcuforge.errors import BoardError, InternalError
from mcuforge.flow.bench import instruments_around
from mcuforge.flow.firmware import Built
from mcuforge.flow.session import Session
from mcuforge.report.progress import Stages

FLASHED_SECONDS = 10.0  # for the board to start and say hello
RUN_SECONDS = 60.0
VIRTUAL_SECONDS, VIRTUAL_RUN_SECONDS = 2.0, 10.0  # on the clock of a virtual chip
SLOWEST_MACS_PER_SECOND = 1e6  # a 16 MHz core without a multiplier array, or a busy emulator


@dataclass(frozen=True)
class Connection:
    """How to reach a board: its ports, and the upload protocol."""

    reach: Reach
    protocol: str


@contextmanager
def open_board(
    session: Session, built: Built, stages: Stages, connection: Connection | None = None
) -> Iterator[Link]:
    """Start the emulator with the firmware, or flash the board, and open a link to the model.

    The emulator ends when the context is left, however it is left. `connection`: how to reach a
    board that is not emulated. Raises BoardError.
    """
    if session.board.emulated:
        with emulate_elf(session, built.firmware.elf, stages) as link:
            yield link
        return
    with open_port(session, _flash(session, built, stages, connection)) as link:
        yield link


def _flash(session: Session, built: Built, stages: Stages, connection: Connection | None) -> str:
    """Flash the board; returns the port where it says hello."""
    if connection is None:
        raise InternalError(f"no port is given to reach '{session.board.id}'")
    with stages.stage(f"flashing with {connection.protocol}"):
        upload(built.project, connection.protocol, connection.reach.names[0])
    with stages.stage("waiting for the board's hello"):
        return hello_port(session.board, session.digest, connection.reach)


def find_connection(
    session: Session, port: str, protocol: str | None, *, weights_outside: bool = False
) -> Connection:
    """Find the board's port before anything is built; port: "auto" or a name.

    protocol: None for the board's own; weights_outside: the user wants all weights in a flash
    outside the chip. Raises BoardError when no port can be opened, and, before a port is looked
    for, when the board's PlatformIO platform does not know the protocol or the protocol does not
    write that flash.
    """
    known = platformio_of(session.board)
    chosen = known.protocol if protocol is None else protocol
    if chosen not in known.protocols:
        raise BoardError(
            f"'{session.board.id}' cannot be flashed with '{chosen}'",
            f"board {session.board.id}, --protocol",
            f"it takes {', '.join(known.protocols)}",
        )
    outside = [memory.name for memory in session.board.flash_memories if memory.external]
    able = outside_protocols(session.board)
    if weights_outside and outside and chosen not in able:
        raise BoardError(
            f"--weights external puts all weights into '{' and '.join(outside)}', outside the "
            f"chip, which {chosen} does not write",
            f"board {session.board.id}, --protocol",
            f"{''.join(f'--protocol {other}, or ' for other in able)}`--weights internal` if the "
            "weights fit there",
        )
    return Connection(find_ports(session.board, port), chosen)


def hello_port(
    board: Board, model_hash: bytes, reach: Reach, timeout_s: float = FLASHED_SECONDS
) -> str:
    """Return the port on which the freshly flashed firmware says hello.

    The first one that answers, of a probe with several. model_hash: the model's SHA-256. Raises
    Silent when none does, WrongBoard or WrongModel when other firmware answers, Garbage or
    BoardCrashed for what a port says instead.
    """
    last: LinkError | None = None
    for name in reach.names:
        try:
            with Link.open(name, baud=board.baud, timeout_s=timeout_s / len(reach.names)) as link:
                link.hello(model_hash, board.id)
                return name
        except (WrongBoard, WrongModel) as error:
            raise type(error)(
                f"the board was flashed, and {error.what}",
                error.where,
                "the tool has flashed another board than the one at this port: unplug the others",
            ) from error
        except NoAnswer:
            continue
        except LinkError as error:
            last = error
    if last is not None:
        raise last
    ports = " and ".join(reach.names)
    raise Silent(
        f"the board was flashed and is silent: no hello for {timeout_s:g} s",
        f"board {board.id} on port {ports}",
        f"press reset; check that {ports} is the UART of the board ({_uart(board)}) and that no "
        "boot pin keeps the chip in its boot loader",
    )


def _uart(board: Board) -> str:
    """Say which device has the board's serial port."""
    return board.probe.name if board.probe is not None else f"{board.baud} baud"


@contextmanager
def emulate_elf(session: Session, elf: Path, stages: Stages) -> Iterator[Link]:
    """Start a built image on the board's emulator and open a link to it."""
    with stages.stage("starting the emulator"):
        running = qemu.start(session.board, elf)
    with running, open_port(session, running.port) as link:
        yield link


@contextmanager
def open_exact(
    session: Session, elf: Path, stages: Stages, *, line_speed: bool = False
) -> Iterator[tuple[Link, VirtualBoard]]:
    """Start the hardware's image on the board's virtual chip and open a link to it.

    line_speed: bytes cross the serial line at the baud rate. BoardError, from here on or from the
    link, when the image does what the chip forbids, and when bytes were lost because it read late.
    """
    with stages.stage("starting the virtual board"):
        machine = VirtualBoard(session.board, elf, line_speed=line_speed)
        machine.start()
    patience = _patience(session, VIRTUAL_RUN_SECONDS)
    with Link(machine.port(), VIRTUAL_SECONDS, patience) as link:
        try:
            _greet(session, link)
            yield link, machine
        except LinkError as error:
            _refuse_overruns(machine, session.board, error)
            if isinstance(error, NoAnswer | Garbage):
                raise type(error)(
                    f"the image does not answer ({error.what}, in virtual time)",
                    f"{error.where}; it is at {machine.place}",
                    "see what it waits for there; --emulate tells whether the model's code works",
                ) from error
            raise
        _refuse_overruns(machine, session.board)


def _refuse_overruns(machine: VirtualBoard, board: Board, cause: LinkError | None = None) -> None:
    """Raise a BoardError if bytes were lost, which repetitions of frames would hide."""
    if not machine.overruns:
        return
    raise BoardError(
        f"the firmware read the serial line too late: {machine.overruns} bytes were lost at "
        f"{board.baud:,} baud",
        f"board {board.id} on port {machine.name}",
        "a lower baud in the board's file, or a shorter interrupt: one byte takes "
        f"{BITS_PER_BYTE * board.clock_hz // board.baud:,} cycles",
    ) from cause


@contextmanager
def open_text(
    session: Session, built: Built, stages: Stages, connection: Connection | None, log: Log
) -> Iterator[TextLink]:
    """Start the firmware as `open_board` and `open_exact` do, and speak MLPerf Tiny's protocol.

    log: is told both sides of the conversation. Raises BoardError.
    """
    if session.exact:
        with stages.stage("starting the virtual board"):
            machine = VirtualBoard(session.board, built.firmware.elf)
            machine.start()
        with TextLink(machine.port(), log=log) as link:
            link.synchronize()
            yield link
    elif session.board.emulated:
        with stages.stage("starting the emulator"):
            running = qemu.start(session.board, built.firmware.elf)
        with running, TextLink.open(running.port, log=log) as link:
            yield link
    else:
        port = _flash(session, built, stages, connection)
        with TextLink.open(port, baud=session.board.baud, log=log) as link:
            yield link


@contextmanager
def open_interface(
    session: Session, built: Built, stages: Stages, sounds: Path, log: Log
) -> Iterator[WakeWordLink]:
    """Start the firmware on the board's emulator and speak to the interface board before it.

    sounds: the folder of what the interface board can play. log: is told both sides of the
    conversation. Raises BoardError.
    """
    with contextlib.ExitStack() as held:
        with stages.stage("starting the emulator"):
            running = held.enter_context(qemu.start(session.board, built.firmware.elf))
            bench = held.enter_context(instruments_around(session.board, running, sounds))
            opened = WakeWordLink.open_interface(
                bench.interface_port, dut_baud=session.board.baud, log=log
            )
            link = held.enter_context(opened)
        yield link


@contextmanager
def open_port(session: Session, port: str) -> Iterator[Link]:
    """Open a link on `port`; BoardError unless the firmware holds the session's model."""
    with Link.open(
        port, baud=session.board.baud, run_timeout_s=_patience(session, RUN_SECONDS)
    ) as link:
        _greet(session, link)
        yield link


def _patience(session: Session, least_s: float) -> float:
    """Seconds that one inference may take."""
    return least_s + session.graph.macs / SLOWEST_MACS_PER_SECOND


def _greet(session: Session, link: Link) -> None:
    """Open the link's session; BoardError for another model, and for another chip."""
    hello = link.hello(session.digest, session.board.id)
    hardware = load_board(session.board.id).hardware  # firmware on an emulator sends 0
    if hardware is None or hello.chip_id == 0:
        return
    found = hello.chip_id & CHIP_ID_BITS
    if found != hardware.chip_id:
        raise BoardError(
            f"the chip says its id is {found:#x}, a {hardware.chip} says {hardware.chip_id:#x}",
            f"board {session.board.id}, firmware for {hello.board}",
            "give the board that is connected with --board: `mcuforge boards` lists them",
        )
