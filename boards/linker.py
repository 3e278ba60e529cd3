# SPDX-License-Identifier: Apache-2.0
"""The linker script of an image: memories as long as the budgets, so too much does not link."""

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from mcuforge.boards.catalog import FOLDER, Board
from mcuforge.errors import BoardError

ARENA_SECTION = ".mcuforge_arena"
"""Section of the model's arena: RAM that is neither loaded nor cleared, and not counted as .bss."""

STACK_ALIGNMENT = 16

_ARCHITECTURES = {"arm-none-eabi-": "arm", "riscv64-unknown-elf-": "riscv"}


def default_stack_bytes(board: Board) -> int:
    """Stack of an image unless the caller knows better: 4 KiB; 2 KiB where RAM is 32 KiB."""
    return 4096 if board.ram_bytes > 32 * 1024 else 2048


def linker_script(board: Board, *, stack_bytes: int | None = None) -> str:
    """The GNU ld script for an image of `board`; for the emulator, of `catalog.emulated(board)`.

    It defines board_stack_low and board_stack_high, the sections .boot .text .rodata .stack .data
    .bss and .mcuforge_arena, and what the start-up code copies and clears. RAM and flash are as
    long as the budgets. BoardError when the stack alone does not fit or is no multiple of 16 B.
    """
    stack = default_stack_bytes(board) if stack_bytes is None else stack_bytes
    if stack <= 0 or stack % STACK_ALIGNMENT or stack >= board.ram_bytes:
        raise BoardError(
            f"a stack of {stack} B; wanted a multiple of {STACK_ALIGNMENT} B "
            f"below the board's {board.ram_bytes} B of RAM",
            f"board '{board.id}'",
            f"the default is {default_stack_bytes(board)} B",
        )
    flash = board.first("flash").origin
    ram = board.first("ram").origin
    environment = Environment(
        loader=FileSystemLoader(FOLDER / "bsp"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template("linker.ld.j2").render(
        id=board.id,
        arch=_ARCHITECTURES[board.toolchain.prefix],
        flash_origin=f"0x{flash:08x}",
        flash_bytes=board.flash_bytes,
        flash_end=f"0x{flash + board.flash_bytes:08x}",
        ram_origin=f"0x{ram:08x}",
        ram_bytes=board.ram_bytes,
        ram_end=f"0x{ram + board.ram_bytes:08x}",
        stack_bytes=stack,
    )
