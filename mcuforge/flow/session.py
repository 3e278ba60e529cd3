# SPDX-License-Identifier: Apache-2.0
"""Opens the user's model and board, and compiles the one for the other."""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar, get_args

from mcuforge.boards.catalog.board import Board, emulated, load_board
from mcuforge.boards.catalog.memory import group_name
from mcuforge.boards.regions import memory_regions
from mcuforge.boards.virtual.engine import refuse_without_unicorn
from mcuforge.compiler.codegen.check import listens
from mcuforge.compiler.codegen.constants import StoredConstants
from mcuforge.compiler.compile import (
    Compiled,
    Memories,
    Planned,
    PlanOptions,
    compile_graph,
    plan_graph,
    proved,
)
from mcuforge.compiler.frontends import read_model
from mcuforge.compiler.graph import Graph
from mcuforge.compiler.schedule.planned import ArenaIn
from mcuforge.compiler.schedule.weights import Flash
from mcuforge.errors import BoardError
from mcuforge.report.model import Firmware

P = TypeVar("P", bound=Planned)

ENERGY_BAUD = 9600  # by the rules: a slow line takes less power; the wake word has no such rule


def firmware_named(name: str) -> Firmware:
    """Return the kind of firmware of that name; ValueError if none has it."""
    known: tuple[Firmware, ...] = get_args(Firmware)
    for kind in known:
        if kind == name:
            return kind
    raise ValueError(f"'{name}' is not one of {', '.join(known)}")


@dataclass(frozen=True, eq=False)
class Session:
    """A model file and the board to build it for."""

    path: Path
    file: bytes
    graph: Graph  # as the front end read it
    board: Board  # when emulated: the stand-in's chip with the real board's budgets
    exact: bool = False  # the hardware's image runs on the board's virtual chip
    firmware: Firmware = "check"

    @property
    def energy(self) -> bool:
        """Whether timestamps are edges on a pin, and the line is slow."""
        return self.firmware == "mlperf-energy"

    @property
    def listens(self) -> bool:
        """Whether the firmware computes features of audio and runs the model on them."""
        return self.firmware != "check" and listens(self.graph.inputs, self.graph.outputs)

    @property
    def digest(self) -> bytes:
        """SHA-256 of the model file, 32 bytes; the firmware answers a hello with it."""
        return hashlib.sha256(self.file).digest()


def open_session(
    model: Path,
    board_id: str,
    *,
    emulate: bool | None = None,
    exact: bool = False,
    firmware: Firmware = "check",
    signature: str | None = None,
) -> Session:
    """Read the model and the board; raises CompileError or BoardError.

    emulate: None to emulate only boards that have no start-up code but their emulated form's.
    exact: for the board's virtual chip, which runs the image for the hardware.
    signature: which one of a file that has several.
    """
    board = load_board(board_id)
    if exact:
        from mcuforge.boards.virtual.machine import refuse_without_chip  # all chips: it takes long

        refuse_without_chip(board)
        refuse_without_unicorn(board.id)
        emulate = False
    if emulate is None:
        emulate = board.emulator is not None or board.bsp is None
    if emulate:
        board = emulated(board)
    elif board.bsp is None:
        raise BoardError(
            f"mcuforge has no start-up code for '{board.id}' yet",
            f"board {board.id} ({board.name})",
            f"--emulate runs it on the stand-in {board.stand_in} with this board's budgets",
        )
    graph = read_model(model, signature)
    session = Session(model, model.read_bytes(), graph, board, exact, firmware)
    if session.energy or session.listens:
        _refuse_without_pins(board)
    if session.energy and not session.listens:
        return replace(session, board=replace(board, baud=ENERGY_BAUD))
    return session


def _refuse_without_pins(board: Board) -> None:
    """BoardError if the board has no pin that instruments could see."""
    if not board.emulated and (board.hardware is None or board.hardware.pins is None):
        raise BoardError(
            f"no pin of '{board.id}' is known on which timestamps could be seen",
            f"boards/catalog/{board.id}.toml, [hardware]",
            "add [hardware.pins] with free pins of the board's headers, or --emulate",
        )


def ram_budget(board: Board, used: Iterable[str] = ()) -> int:
    """Bytes of RAM the board offers: all memories on the chip, and the `used` ones outside it."""
    names = set(used)
    return sum(
        memory.bytes
        for group in board.groups("ram")
        for memory in group
        if not memory.external or names & {memory.name, group_name(group)}
    )


def compile_session(
    session: Session, options: PlanOptions | None = None, dump_passes: Path | None = None
) -> Compiled:
    """Compile and plan for the session's board; over-budget plans come back too."""
    board = session.board

    def compiled(memories: Memories) -> Compiled:
        return compile_graph(
            session.graph,
            board.isa,
            memories,
            flash=flash_of(board, options),
            options=options,
            dump_passes=dump_passes,
            resident_too=True,
        )

    return _first_that_fits(board, options, compiled)


def plan_session(
    session: Session, options: PlanOptions | None = None
) -> tuple[Planned, StoredConstants]:
    """Plan for the session's board and prove the plan, without C; over-budget plans come back too.

    The constants are those that the C would have.
    """
    board = session.board
    flash = flash_of(board, options)

    def planned(memories: Memories) -> Planned:
        return plan_graph(session.graph, board.isa, memories, options=options, resident_too=True)

    return proved(_first_that_fits(board, options, planned), flash)


def _first_that_fits(board: Board, options: PlanOptions | None, plan: Callable[[Memories], P]) -> P:
    """Plan in the RAM that the options allow; `auto` goes outside the chip as a last resort."""
    where = "internal" if options is None else options.arena
    first = plan(memories_of(board, "internal" if where == "auto" else where))
    more = memories_of(board, where)
    return first if where != "auto" or first.fits or more == memories_of(board) else plan(more)


def memories_of(board: Board, where: ArenaIn = "internal") -> Memories:
    """The RAM that arenas may take, each memory apart and neighbours joined.

    where: `auto` is all RAM, on the chip and outside it. BoardError for `external` if none is
    outside.
    """
    further = where != "internal"
    apart = memory_regions(board, external=further, split_groups=True)
    joined = memory_regions(board, external=further)
    if where != "external":
        return Memories(apart, joined)
    groups = [group for group in board.groups("ram") if group[0].external]
    if not groups:
        raise BoardError(
            f"'{board.id}' has no external RAM, --arena external needs one",
            f"board {board.id} ({board.name})",
            "leave --arena out; `mcuforge boards` lists the boards' memories",
        )
    outside = {name for g in groups for name in (group_name(g), *(m.name for m in g))}
    return Memories(
        tuple(region for region in apart if region.name in outside),
        tuple(region for region in joined if region.name in outside),
    )


def flash_of(board: Board, options: PlanOptions | None) -> Flash:
    """List the board's flashes; BoardError if weights need an external one and it has none."""
    where = "auto" if options is None else options.weights
    image, *further = memory_regions(board, "flash", external=True)
    outside = {group_name(group) for group in board.groups("flash") if group[0].external}
    external = tuple(region for region in further if region.name in outside)
    if where == "external" and not external:
        raise BoardError(
            f"'{board.id}' has no external flash, --weights external needs one",
            f"board {board.id} ({board.name})",
            "leave --weights out; `mcuforge boards` lists the boards' memories",
        )
    internal = tuple(region for region in further if region.name not in outside)
    return Flash((image, *internal), external)
