# SPDX-License-Identifier: Apache-2.0
"""Reads the boards that mcuforge knows: one TOML file each, read whole or refused.

The file's name is the board's id. Every key is required unless said otherwise here, unknown keys
are errors, and quantities carry their unit ("128 KiB", "25 MHz").

    name, cpu, isa, clock, source     isa: folder of runtime_c/src tried before portable
    ticks      optional               what board_ticks() counts on the hardware; default: clock
    baud       optional               default 115200
    bsp        optional               folder of bsp/chip; without it the board only runs emulated
    stand_in   optional               id of the emulated board --emulate runs instead
    [budget]   flash, ram             what an image may use of its first group of memories
    [[memory]] name, kind, origin, size, speed; external, dma optional
    [toolchain] prefix, flags         flags: CPU and ABI only
    [emulator] optional               command, machine, ticks; args optional
    [platformio] optional             board, platform, protocol, protocols; openocd and
                                      openocd_external optional (see platformio.py); without it
                                      there is no hardware
    [probe]    optional               name, usb: ids of the USB device of the board's serial port
    [hardware] optional               chip, oscillator, UART, pins: hardware.py
    virtual    optional               chip of boards/virtual, which --exact runs

Memories. The image (stack, variables, firmware; code and constants) starts in the first of each
kind "ram" and "flash", and the budget must fit in the group of memories that begins there (see
memory.py). The arenas of a model may lie in every RAM, its weights in every flash: each entry is a
region of its own, and regions of one group may also be used as one. Write neighbouring memories of
the same speed as one entry, so that a large tensor may lie across both. Kind "code" (ITCM) is
listed for the reader and holds no data. speed: 3 tightly coupled to the core (DTCM, CCM), 2 on the
chip, 1 outside the chip (SDRAM, QSPI flash). external = true: the memory works only after software
has set up its controller, so it is used only when asked for; [[hardware.controller]] says which of
them our start-up code sets up. dma = false: the DMA of the
peripherals does not reach it (CCM; the DTCM of an H7), so a plan keeps a model's inputs and outputs
elsewhere. Names are lower-case C identifiers: they are part of section and variable names.
"""

import difflib
import tomllib
from dataclasses import dataclass, replace
from pathlib import Path

from mcuforge.boards.arch import ARCHITECTURES
from mcuforge.boards.catalog.controller import Controller
from mcuforge.boards.catalog.hardware import Hardware, read_hardware
from mcuforge.boards.catalog.memory import Memory, MemoryKind, groups, limited, read_memories
from mcuforge.boards.catalog.platformio import PlatformIO, Probe, read_platformio, read_probe
from mcuforge.boards.catalog.stand_in_memory import NoSpace, stand_in_memories
from mcuforge.boards.catalog.toml_table import TomlTable
from mcuforge.errors import BoardError

FOLDER = Path(__file__).resolve().parent  # of the boards' TOML files


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
    """A board to build for. `emulated`: the image is for the emulator, not for the hardware.

    `flash_bytes` and `ram_bytes` are the budgets of the image: what it may use of the first group.
    """

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
    platformio: PlatformIO | None
    probe: Probe | None
    baud: int
    emulated: bool
    hardware: Hardware | None
    virtual: str | None

    def first(self, kind: MemoryKind) -> Memory:
        """Return the memory that an image's code ("flash") or data ("ram") starts in."""
        return next(memory for memory in self.memory if memory.kind == kind)

    def groups(self, kind: MemoryKind) -> tuple[tuple[Memory, ...], ...]:
        """Return the memories of a kind in groups without gaps, the first cut to the budget."""
        found = groups([memory for memory in self.memory if memory.kind == kind])
        budgets = {"ram": self.ram_bytes, "flash": self.flash_bytes}
        if kind not in budgets or not found:
            return found
        return (limited(found[0], budgets[kind]), *found[1:])

    @property
    def controllers(self) -> tuple[Controller, ...]:
        """The memories outside the chip that start-up code sets up, if an image uses them."""
        return () if self.hardware is None else self.hardware.controllers

    @property
    def ram_memories(self) -> tuple[Memory, ...]:
        """Every RAM that may hold a model's arenas: the image's first, external ones too.

        The image takes its stack and variables from the first: `regions.memory_regions` leaves
        room for them.
        """
        return tuple(memory for group in self.groups("ram") for memory in group)

    @property
    def flash_memories(self) -> tuple[Memory, ...]:
        """Every flash that may hold a model's weights: the image's first, external ones too."""
        return tuple(memory for group in self.groups("flash") for memory in group)


def load_board(board_id: str, folder: Path = FOLDER) -> Board:
    """Load the board of that id; BoardError when none has it or its file is wrong."""
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
    """Load every board of the catalog, by id."""
    return tuple(
        _read_board(path) for path in sorted(folder.glob("*.toml"), key=lambda path: path.stem)
    )


def emulated(board: Board, folder: Path = FOLDER) -> Board:
    """Return the board to build for with --emulate.

    CPU, flags, start-up code, wiring and emulator are those of the stand-in (or of the board itself
    when QEMU models it); id, name, baud and the RAM and flash budgets stay the board's own, so that
    the linker refuses what would not fit the hardware. Each region of the board becomes a part of
    the stand-in's memory, as long as on the board, with gaps where the board has gaps. Raises
    BoardError when the board has no stand-in, or when the stand-in has too little memory.
    """
    if board.emulator is not None:
        return replace(board, emulated=True, tick_hz=board.emulator.tick_hz)
    if board.stand_in is None:
        raise BoardError(
            f"no emulator stands in for '{board.id}'",
            f"boards/catalog/{board.id}.toml has neither [emulator] nor stand_in",
            "connect the board and give --port, or choose an emulated one: `mcuforge boards`",
        )
    host = load_board(board.stand_in, folder)
    if host.emulator is None:
        raise BoardError(
            f"the stand-in '{host.id}' has no [emulator]",
            f"boards/catalog/{board.id}.toml, key stand_in",
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
                f"boards/catalog/{board.id}.toml, key stand_in",
                "name a stand-in with more memory",
            )
    try:
        memory = stand_in_memories((*board.ram_memories, *board.flash_memories), host.memory)
    except NoSpace as none:
        raise BoardError(
            f"'{board.id}' has {none.bytes} B of '{none.name}', "
            f"its stand-in '{host.id}' has only {none.left} B left",
            f"boards/catalog/{board.id}.toml, key stand_in",
            "name a stand-in with more memory",
        ) from none
    return replace(
        board,
        cpu=host.cpu,
        isa=host.isa,
        tick_hz=host.emulator.tick_hz,
        memory=memory,
        toolchain=host.toolchain,
        emulator=host.emulator,
        bsp=host.bsp,
        emulated=True,
        hardware=host.hardware,
        virtual=None,
    )


def _read_board(path: Path) -> Board:
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BoardError(
            f"not a TOML file: {error}", f"boards/catalog/{path.name}", "correct the line it names"
        ) from None
    table = TomlTable(path.name, values)
    memory = read_memories(table.tables("memory"))
    budget = table.table("budget")
    clock_hz = table.quantity("clock")
    hardware_tick_hz = table.quantity("ticks") if table.has("ticks") else clock_hz
    emulator = _read_emulator(table.table("emulator")) if table.has("emulator") else None
    platformio = read_platformio(table.table("platformio")) if table.has("platformio") else None
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
        probe=read_probe(table.table("probe")) if table.has("probe") else None,
        baud=table.integer("baud") if table.has("baud") else 115200,
        emulated=only_emulated,
        hardware=read_hardware(table.table("hardware")) if table.has("hardware") else None,
        virtual=table.optional_text("virtual"),
    )
    for controller in board.controllers:
        if controller.memory not in {m.name for m in memory if m.external}:
            table.refuse(
                "hardware",
                f"has a controller for '{controller.memory}'",
                "name a [[memory]] with external = true",
            )
    budget.finish()
    table.finish()
    return board


def _read_toolchain(entry: TomlTable) -> Toolchain:
    toolchain = Toolchain(
        entry.choice("prefix", tuple(arch.prefix for arch in ARCHITECTURES)), entry.texts("flags")
    )
    entry.finish()
    return toolchain


def _read_emulator(entry: TomlTable) -> EmulatorSpec:
    args = entry.texts("args") if entry.has("args") else ()
    spec = EmulatorSpec(entry.text("command"), entry.text("machine"), args, entry.quantity("ticks"))
    entry.finish()
    return spec


def _read_budget(budget: TomlTable, kind: MemoryKind, memory: tuple[Memory, ...]) -> int:
    """Read the bytes an image may use; they must lie in one group from the kind's first memory."""
    wanted = budget.quantity(kind)
    found = groups([m for m in memory if m.kind == kind])
    room = sum(m.bytes for m in found[0]) if found else 0
    if wanted > room:
        budget.refuse(
            kind,
            f"is {wanted} B; the [[memory]] entries hold {room} B without a gap",
            f"list the {kind} the image starts in first, or lower the budget",
        )
    return wanted
