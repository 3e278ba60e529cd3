# SPDX-License-Identifier: Apache-2.0
"""The boards mcuforge knows: one TOML file each, read whole or refused.

The file's name is the board's id. Every key is required unless said otherwise here, unknown keys
are errors, and quantities carry their unit ("128 KiB", "25 MHz").

    name, cpu, isa, clock, source     isa: folder of runtime_c/src tried before portable
    ticks      optional               what board_ticks() counts on the hardware; default: clock
    baud       optional               default 115200
    bsp        optional               folder of boards/bsp; without it the board only runs emulated
    platformio optional               the board's PlatformIO id; without it there is no hardware
    stand_in   optional               id of the emulated board --emulate runs instead
    [budget]   flash, ram             what a firmware may use
    [[memory]] name, kind, origin, size    kind "flash" or "ram"; the image starts in the first of
                                      each kind, and the budget must fit in one run from there
    [toolchain] prefix, flags         flags: CPU and ABI only
    [emulator] optional               command, machine, ticks; args optional
"""

import difflib
import tomllib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, cast, get_args

from mcuforge.boards.toml_table import TomlTable
from mcuforge.errors import BoardError

PREFIXES = ("arm-none-eabi-", "riscv64-unknown-elf-")

FOLDER = Path(__file__).resolve().parent

MemoryKind = Literal["flash", "ram"]


@dataclass(frozen=True)
class Memory:
    """A run of addresses [origin, origin + bytes) of the chip."""

    name: str
    kind: MemoryKind
    origin: int
    bytes: int


@dataclass(frozen=True)
class Toolchain:
    """A GNU toolchain: `prefix` + "gcc" is the compiler, `flags` choose CPU and ABI."""

    prefix: str
    flags: tuple[str, ...]


@dataclass(frozen=True)
class EmulatorSpec:
    """How QEMU runs this board; `tick_hz` is what board_ticks() counts per virtual second."""

    command: str
    machine: str
    args: tuple[str, ...]
    tick_hz: int


@dataclass(frozen=True)
class Board:
    """A board to build for. `emulated`: the image is for the emulator, not for the hardware."""

    id: str
    name: str
    cpu: str
    isa: str
    clock_hz: int
    tick_hz: int
    source: str
    memory: tuple[Memory, ...]
    flash_bytes: int
    ram_bytes: int
    toolchain: Toolchain
    emulator: EmulatorSpec | None
    stand_in: str | None
    bsp: str | None
    platformio: str | None
    baud: int
    emulated: bool

    def first(self, kind: MemoryKind) -> Memory:
        """The memory an image's code ("flash") or data ("ram") starts in."""
        return next(memory for memory in self.memory if memory.kind == kind)


def load_board(board_id: str, folder: Path = FOLDER) -> Board:
    """The board of that id; BoardError when there is none or its file does not read."""
    path = folder / f"{board_id}.toml"
    if path.name != f"{board_id}.toml" or not path.is_file():
        known = sorted(file.stem for file in folder.glob("*.toml"))
        near = difflib.get_close_matches(board_id, known, n=1, cutoff=0.5)
        guess = f"did you mean '{near[0]}'? " if near else ""
        raise BoardError(
            f"no board is called '{board_id}'",
            f"the {len(known)} boards mcuforge knows",
            f"{guess}`mcuforge boards` lists them",
        )
    return _read_board(path)


def all_boards(folder: Path = FOLDER) -> tuple[Board, ...]:
    """Every board of the catalog, by id."""
    return tuple(_read_board(path) for path in sorted(folder.glob("*.toml")))


def emulated(board: Board, folder: Path = FOLDER) -> Board:
    """The board to build for with --emulate.

    CPU, flags, start-up code, emulator and addresses are those of the stand-in (or of the board
    itself when QEMU models it); id, name, baud and the RAM and flash budgets stay the board's own,
    so that the linker refuses what would not fit the hardware. BoardError when nothing stands in.
    """
    if board.emulator is not None:
        return replace(board, emulated=True, tick_hz=board.emulator.tick_hz)
    if board.stand_in is None:
        raise BoardError(
            f"no emulator stands in for '{board.id}'",
            f"boards/{board.id}.toml has neither [emulator] nor stand_in",
            "connect the board and give --port, or choose an emulated one: `mcuforge boards`",
        )
    host = load_board(board.stand_in, folder)
    if host.emulator is None:
        raise BoardError(
            f"the stand-in '{host.id}' has no [emulator]",
            f"boards/{board.id}.toml, key stand_in",
            "name a board that QEMU runs",
        )
    budgets: tuple[tuple[MemoryKind, int], ...] = (
        ("flash", board.flash_bytes),
        ("ram", board.ram_bytes),
    )
    for kind, wanted in budgets:
        if host.first(kind).bytes < wanted:
            raise BoardError(
                f"'{board.id}' has {wanted} B of {kind}, its stand-in '{host.id}' only "
                f"{host.first(kind).bytes} B",
                f"boards/{board.id}.toml, key stand_in",
                "name a stand-in with more memory",
            )
    return replace(
        board,
        cpu=host.cpu,
        isa=host.isa,
        tick_hz=host.emulator.tick_hz,
        memory=tuple(Memory(kind, kind, host.first(kind).origin, size) for kind, size in budgets),
        toolchain=host.toolchain,
        emulator=host.emulator,
        stand_in=None,
        bsp=host.bsp,
        emulated=True,
    )


def _read_board(path: Path) -> Board:
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BoardError(
            f"not a TOML file: {error}", f"boards/{path.name}", "correct the line it names"
        ) from None
    table = TomlTable(path.name, values)
    memory = tuple(_read_memory(entry) for entry in table.tables("memory"))
    budget = table.table("budget")
    clock_hz = table.quantity("clock")
    hardware_tick_hz = table.quantity("ticks") if table.has("ticks") else clock_hz
    emulator = _read_emulator(table.table("emulator")) if table.has("emulator") else None
    platformio = table.optional_text("platformio")
    only_emulated = platformio is None and emulator is not None
    board = Board(
        id=path.stem,
        name=table.text("name"),
        cpu=table.text("cpu"),
        isa=table.text("isa"),
        clock_hz=clock_hz,
        tick_hz=emulator.tick_hz if only_emulated and emulator else hardware_tick_hz,
        source=table.text("source"),
        memory=memory,
        flash_bytes=_read_budget(budget, "flash", memory),
        ram_bytes=_read_budget(budget, "ram", memory),
        toolchain=_read_toolchain(table.table("toolchain")),
        emulator=emulator,
        stand_in=table.optional_text("stand_in"),
        bsp=table.optional_text("bsp"),
        platformio=platformio,
        baud=table.integer("baud") if table.has("baud") else 115200,
        emulated=only_emulated,
    )
    budget.finish()
    table.finish()
    return board


def _read_memory(entry: TomlTable) -> Memory:
    kind = cast(MemoryKind, entry.choice("kind", get_args(MemoryKind)))
    memory = Memory(entry.text("name"), kind, entry.integer("origin"), entry.quantity("size"))
    entry.finish()
    return memory


def _read_toolchain(entry: TomlTable) -> Toolchain:
    toolchain = Toolchain(entry.choice("prefix", PREFIXES), entry.texts("flags"))
    entry.finish()
    return toolchain


def _read_emulator(entry: TomlTable) -> EmulatorSpec:
    args = entry.texts("args") if entry.has("args") else ()
    spec = EmulatorSpec(entry.text("command"), entry.text("machine"), args, entry.quantity("ticks"))
    entry.finish()
    return spec


def _read_budget(budget: TomlTable, kind: MemoryKind, memory: tuple[Memory, ...]) -> int:
    """The bytes a firmware may use; they must lie in one run from the first memory of that kind."""
    wanted = budget.quantity(kind)
    end = origin = next((m.origin for m in memory if m.kind == kind), 0)
    for entry in sorted(memory, key=lambda m: m.origin):
        if entry.kind == kind and entry.origin == end:
            end += entry.bytes
    if wanted > end - origin:
        budget.refuse(
            kind,
            f"is {wanted} B; the [[memory]] entries hold {end - origin} B in one run",
            f"list the {kind} the image starts in first, or lower the budget",
        )
    return wanted
