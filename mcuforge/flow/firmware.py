# SPDX-License-Identifier: Apache-2.0
"""Writes a compiled model as check firmware, builds it and measures its memory."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from mcuforge.boards.build.build import Firmware, OverBudget, build, build_stock
from mcuforge.boards.build.pio import BUILD_SECONDS
from mcuforge.boards.build.project import (
    AUDIO_FILE,
    BUILD_MARK,
    WIDE_LINK_BYTES,
    Project,
    write_project,
)
from mcuforge.boards.build.stock import missing, outside_protocols, platformio_of
from mcuforge.boards.build.upload import install
from mcuforge.boards.catalog.board import Board
from mcuforge.boards.catalog.memory import MemoryKind, group_name
from mcuforge.boards.image.footprint import Footprint, measure
from mcuforge.boards.image.stack import StackBound, stack_bound
from mcuforge.compiler.codegen.audio import audio_c
from mcuforge.compiler.codegen.check import Listening, check_model, db_bytes, listening
from mcuforge.compiler.codegen.model import GeneratedModel
from mcuforge.compiler.codegen.poison import poison as poison_c
from mcuforge.compiler.compile import Compiled, refuse_over_budget, with_code_room
from mcuforge.compiler.schedule.fit import CODE_MARGIN_BYTES
from mcuforge.compiler.schedule.trace import memory_trace
from mcuforge.errors import BoardError, CompileError
from mcuforge.flow.mlperf import Task, no_room
from mcuforge.flow.session import Session
from mcuforge.memplan.poison import dead_bytes
from mcuforge.report.files import write_whole
from mcuforge.report.model import Flash, FlashRegion, Ram, Toolchain
from mcuforge.version import VERSION

FIRMWARE_RESERVE = 12 * 1024  # RAM kept for stack and link buffers before a db buffer is given
# A byte may arrive while the model runs: 108 bytes of hardware frame with the FPU in use (Armv7-M
# Architecture Reference Manual B1.5.7) or 64 of saved registers on RISC-V, and the handler's own.
INTERRUPT_BYTES = 256
SLOWEST_WEIGHTS_PER_SECOND = 50_000  # bytes that gcc compiles on a busy machine
MORE_MEMORY = "a board with more memory (`mcuforge boards` lists them), or a smaller model"
MANIFEST = "mcuforge.json"


@dataclass(frozen=True, eq=False)
class Built:
    """A built check firmware and the memory it takes."""

    project: Project
    firmware: Firmware
    footprint: Footprint
    stack: StackBound
    painted_bound: int  # bytes that painting may find: the call of the model and one interrupt
    bounded: Firmware  # whose call graph `stack` comes from; `firmware` unless its GCC has none

    def says(self, build: str) -> bool:
        """True when this image says `build` in its hello; its compiler stands behind its digest."""
        return build.startswith(f"{VERSION} {self.project.digest}")

    def ram(self, compiled: Compiled, budget: int, painted: int | None) -> Ram:
        """The RAM of the model in the user's own firmware, and apart from it the test firmware's.

        painted: bytes of stack measured on the board, None where it cannot tell.
        """
        static = self.footprint.ram.static
        return Ram(
            arena=compiled.arena_bytes,
            static=static,
            stack=self.stack.bytes,
            stack_painted=painted,
            total=compiled.arena_bytes + static + self.stack.bytes,
            budget=budget,
            test_firmware=self.footprint.ram.firmware,
            stack_assumed=self.stack.assumed_bytes,
        )

    def flash(self) -> Flash:
        """The flash of the model in the user's own firmware; apart from it, the test firmware's."""
        flash = self.footprint.flash
        image = self.firmware.board.groups("flash")[0]
        flashes = [m for m in self.footprint.memories if m.memory.kind == "flash"]
        used = [m for m in flashes if m.used or m.memory in image]
        return Flash(
            weights=flash.weights,
            code=flash.code,
            total=flash.weights + flash.code,
            budget=sum(m.memory.bytes for m in used),
            test_firmware=flash.firmware,
            regions=tuple(
                FlashRegion(m.memory.name, m.weights, m.memory.bytes, m.memory.speed) for m in used
            ),
        )

    @property
    def toolchain(self) -> Toolchain:
        """The compiler that built it."""
        firmware, bounded = self.firmware, self.bounded
        other = None if bounded is firmware else f"{bounded.compiler} {bounded.version}"
        return Toolchain(firmware.compiler, firmware.version, " ".join(firmware.flags), other)


@contextmanager
def project_folder(out: Path | None) -> Iterator[Path]:
    """Give `out`, or a temporary folder when it is None."""
    if out is not None:
        yield out
        return
    with TemporaryDirectory(prefix="mcuforge-") as folder:
        yield Path(folder) / "firmware"


def build_check(
    session: Session,
    compiled: Compiled,
    folder: Path,
    *,
    poison: bool = False,
    protocol: str | None = None,
) -> Built:
    """Write and build the check firmware in `folder`; remembers the model for `mcuforge check`.

    `poison`: with a table of what is dead after each step, for runs that overwrite it. `protocol`:
    how the firmware will be flashed, with PlatformIO's own platform, which is installed first; None
    builds with it only if it is there already, else with our platform.
    Raises CompileError naming bytes needed, bytes there and the deciding layer when it does not
    fit; BoardError when a tool is missing or the build fails.
    """
    refuse_over_budget(compiled, session.board.id)
    if session.firmware != "check":
        Task.of(compiled.model, session.path.name)
    project, firmware, compiled = _built_in_room(session, compiled, folder, poison, protocol)
    seconds = build_seconds(compiled.model.weights_bytes)
    bounded = firmware if firmware.call_graph else build(project, timeout_seconds=seconds)
    return Built(
        project,
        firmware,
        measure(firmware, compiled.plan.peaks),
        stack_bound(bounded, f"{compiled.model.name}_run"),
        stack_bound(bounded, "src/check_model.c:mcuforge_model_run").bytes + INTERRUPT_BYTES,
        bounded,
    )


def _built_in_room(
    session: Session,
    compiled: Compiled,
    folder: Path,
    poison: bool,
    protocol: str | None,
    again: bool = False,
) -> tuple[Project, Firmware, Compiled]:
    """Build once; where the image's flash lacks room for code, make room and build once more."""
    try:
        return *_build(session, compiled, folder, poison, protocol), compiled
    except OverBudget as over:
        room = over.image_flash_bytes + CODE_MARGIN_BYTES
        roomier = None if over.ram or again else with_code_room(compiled, room)
        if roomier is None:
            raise _refused(session, compiled, over) from over
    return _built_in_room(session, roomier, folder, poison, protocol, again=True)


def _build(
    session: Session, compiled: Compiled, folder: Path, poison: bool, protocol: str | None
) -> tuple[Project, Firmware]:
    """Write and build the project; OverBudget when a memory is too small."""
    board = session.board
    _refuse_without_controller(board, compiled)
    model = compiled.model
    spare = board.ram_bytes - _in_image(board, compiled) - FIRMWARE_RESERVE
    name = f"{VERSION} {BUILD_MARK}"  # a hello has room for it and the compiler's version
    db = db_bytes(model) <= spare
    if session.firmware != "check" and not db:
        raise no_room(db_bytes(model), f"board {board.id}")
    spare -= db_bytes(model) if db else 0
    files = dict(model.files)
    heard = _heard(session, model, spare)
    if heard is not None:
        files[AUDIO_FILE] = audio_c(heard.features)
    wide_link = heard is None and spare >= WIDE_LINK_BYTES
    if poison:
        places = compiled.plan.placements
        trace = memory_trace(compiled.schedule, places)
        files["poison.c"] = poison_c(model, dead_bytes(compiled.problem, places, trace))
    files["check_model.c"] = check_model(
        model, session.digest, name, db=db, poison=poison, listening=heard
    )
    outside = outside_weights(board, compiled)
    if protocol is not None and outside and protocol not in outside_protocols(board):
        raise _not_flashed(board, compiled, protocol, outside)
    project = write_project(
        folder,
        board,
        files,
        model.kernels,
        firmware=True,
        outside=bool(outside),
        wide_link=wide_link,
        energy=session.energy,
    )
    copy = f"model.{session.graph.format}"
    write_whole(folder / copy, session.file)  # the bytes the hash is of
    manifest = {"model": session.path.name, "copy": copy, "sha256": session.digest.hex()}
    ran = {"board": board.id, "emulated": board.emulated, "firmware": session.firmware}
    if len(session.graph.signatures) > 1:
        manifest["signature"] = session.graph.signature
    write_whole(folder / MANIFEST, json.dumps(manifest | ran) + "\n")
    seconds = build_seconds(model.weights_bytes)
    if protocol is not None:
        install(project, protocol)
    elif not board.emulated and not missing(board):
        protocol = platformio_of(board).protocol  # the image is then the one that is flashed
    if protocol is None:
        return project, build(project, timeout_seconds=seconds)
    return project, build_stock(project, protocol, timeout_seconds=seconds)


def _heard(session: Session, model: GeneratedModel, spare_bytes: int) -> Listening | None:
    """What a model hears whose benchmark plays audio; BoardError if that does not fit the RAM."""
    if not session.listens:
        return None
    found = listening(model, spare_bytes)
    if found is None:
        raise BoardError(
            f"beside the model {max(spare_bytes, 0):,} bytes of RAM are left, too few for audio "
            "and its features",
            f"board {session.board.id}",
            "choose a board with more RAM; `mcuforge deploy` checks the model without audio",
        )
    return found


def _refused(session: Session, compiled: Compiled, over: OverBudget) -> CompileError:
    """Say what does not fit, in the model's words."""
    where = compiled.deciding_layer() if over.ram else compiled.largest_constant()
    # the arena alone fits, or the model would have been refused before it was built
    help_ram = f"{MORE_MEMORY}; without the check firmware it may fit: `mcuforge compile`"
    help_flash = MORE_MEMORY
    outside = next((m.name for m in session.board.flash_memories if m.external), None)
    if outside is not None and compiled.options.weights != "auto":
        help_flash = f"`--weights auto`, which uses both the internal flash and '{outside}'"
    return CompileError(over.what, where, help_ram if over.ram else help_flash)


def _refuse_without_controller(board: Board, compiled: Compiled) -> None:
    """Refuse to use a memory outside the chip, whose controller start-up code leaves off."""
    if board.emulated:
        return
    for name in _outside(board, "flash"):
        if size := compiled.model.further_weights.get(name, 0):
            where, hint = compiled.largest_constant(), "`--weights internal`"
            raise _no_controller(board, name, f"{size:,} bytes of weights", where, hint)
    for name in _outside(board, "ram"):
        if size := compiled.plan.peaks.get(name, 0):
            where, hint = compiled.deciding_layer(), "`--ram-budget` of the chip's own RAM"
            raise _no_controller(board, name, f"{size:,} bytes of buffers", where, hint)


def outside_weights(board: Board, compiled: Compiled) -> dict[str, int]:
    """The bytes of weights in each flash outside the chip of a board of silicon."""
    if board.emulated:
        return {}
    groups = [group for group in board.groups("flash") if group[0].external]
    names = {name for g in groups for name in (group_name(g), *(m.name for m in g))}
    return {name: n for name, n in compiled.model.further_weights.items() if name in names and n}


def _not_flashed(
    board: Board, compiled: Compiled, protocol: str, outside: dict[str, int]
) -> CompileError:
    able = outside_protocols(board)
    other = f"--protocol {able[0]}, or " if able else ""
    return CompileError(
        f"{sum(outside.values()):,} bytes of weights lie in '{' and '.join(outside)}', outside the "
        f"chip, which {protocol} does not write",
        compiled.largest_constant(),
        f"{other}`--weights internal` if they fit there",
    )


def _outside(board: Board, kind: MemoryKind) -> list[str]:
    """The names in plans of memories outside the chip that our start-up code leaves off."""
    known = {controller.memory for controller in board.controllers}
    groups = [
        group
        for group in board.groups(kind)
        if group[0].external and not known >= {memory.name for memory in group}
    ]
    return [name for g in groups for name in {group_name(g): 0, **{m.name: 0 for m in g}}]


def _no_controller(board: Board, name: str, what: str, where: str, hint: str) -> CompileError:
    return CompileError(
        f"{what} would lie in '{name}', outside the chip, and the start-up code of '{board.id}' "
        "does not set that memory up yet",
        where,
        f"{hint} if they fit there; --emulate runs them on the stand-in; `mcuforge compile` writes "
        f"the C for firmware that sets up '{name}'",
    )


def build_seconds(weights_bytes: int) -> float:
    """Compute how long a build may take; gcc reads some 700 kB of weights per second if idle."""
    return BUILD_SECONDS + weights_bytes / SLOWEST_WEIGHTS_PER_SECOND


def _in_image(board: Board, compiled: Compiled) -> int:
    """Sum the bytes of the arenas that share their memory with stack and variables."""
    group = board.groups("ram")[0]
    shared = {"ram", group_name(group), *(memory.name for memory in group)}
    return sum(peak for region, peak in compiled.plan.peaks.items() if region in shared)
