# SPDX-License-Identifier: Apache-2.0
"""What an image of a board needs besides the program: start-up sources, linker script, flags."""

from dataclasses import dataclass
from pathlib import Path

from mcuforge.boards.arch import BSP, arch_of
from mcuforge.boards.build.linker import linker_script
from mcuforge.boards.catalog.board import Board
from mcuforge.errors import BoardError


@dataclass(frozen=True)
class Support:
    """The board's part of an image. `generated` files (name, text) belong in an include folder."""

    sources: tuple[Path, ...]
    include_dirs: tuple[Path, ...]
    generated: tuple[tuple[str, str], ...]
    compile_flags: tuple[str, ...]
    link_flags: tuple[str, ...]


def board_support(board: Board) -> Support:
    """Collect sources, headers, generated files and flags; the firmware adds main and board.h.

    The generated files are board_config.h (id, clocks, baud) and board.ld (the linker script; link
    with `-T board.ld`). Raises BoardError when the board has no start-up code.
    """
    if board.bsp is None:
        raise BoardError(
            f"'{board.id}' has no start-up code yet",
            f"boards/catalog/{board.id}.toml, key bsp",
            "--emulate runs the same image, with this board's memory budgets, in QEMU",
        )
    arch = arch_of(board.toolchain.prefix)
    folders = (BSP / "common", BSP / "arch" / arch.folder, BSP / "chip" / board.bsp)
    sources = [
        path for folder in folders for path in folder.iterdir() if path.suffix in (".c", ".S")
    ]
    return Support(
        sources=tuple(sorted(sources)),
        include_dirs=folders,
        generated=(
            ("board_config.h", board_config(board)),
            ("board.ld", linker_script(board)),
        ),
        compile_flags=(*board.toolchain.flags, "-ffunction-sections", "-fdata-sections"),
        link_flags=(*board.toolchain.flags, "-nostartfiles", "-Wl,--gc-sections"),
    )


def board_config(board: Board) -> str:
    """Write board_config.h: the values that the start-up code takes from the board's TOML."""
    hardware = "" if board.hardware is None else board.hardware.defines()
    emulated = "#define BOARD_EMULATED 1\n" if board.emulated else ""
    memories = {memory.name: memory for memory in board.memory}
    hardware += "".join(c.defines(memories[c.memory]) for c in board.controllers)
    return (
        "/* Written by mcuforge from the board's TOML file. */\n"
        f'#define BOARD_ID "{board.id}"\n'
        f"#define BOARD_CLOCK_HZ {board.clock_hz}u\n"
        f"#define BOARD_TICK_HZ {board.tick_hz}u\n"
        f"#define BOARD_BAUD {board.baud}u\n"
        f"{emulated}"
        f"{hardware}"
    )
