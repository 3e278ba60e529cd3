# SPDX-License-Identifier: Apache-2.0
"""The linker script: memories as long as the budgets, the stack where it faults."""

import re
from dataclasses import replace

import pytest

from mcuforge.boards.build.linker import (
    ARENA_SECTION,
    WEIGHTS_SECTION,
    default_stack_bytes,
    linker_script,
)
from mcuforge.boards.build.support import board_support
from mcuforge.boards.catalog.board import Board, all_boards, emulated, load_board
from mcuforge.boards.catalog.memory import Memory
from mcuforge.errors import BoardError

EMULATED = [emulated(board) for board in all_boards()]


@pytest.fixture
def disco() -> Board:
    return emulated(load_board("disco_f746ng"))


@pytest.mark.parametrize("board", EMULATED, ids=lambda board: board.id)
def test_the_memories_are_the_boards_budgets_at_its_addresses(board: Board) -> None:
    found = re.findall(
        r"(FLASH|RAM) .*ORIGIN = (0x[0-9a-f]+), LENGTH = (\d+)", linker_script(board)
    )
    assert [(name, int(origin, 16), int(size)) for name, origin, size in found] == [
        ("FLASH", board.first("flash").origin, board.flash_bytes),
        ("RAM", board.first("ram").origin, board.ram_bytes),
    ]


def test_the_stack_comes_first_in_ram_and_the_arena_last(disco: Board) -> None:
    script = linker_script(disco)
    assert sections(script, "RAM") == [
        ".stack", ".data", ".bss", ARENA_SECTION, f"{ARENA_SECTION}.sram", ".tls",
    ]  # fmt: skip


def test_each_further_memory_has_its_own_section(disco: Board) -> None:
    script = linker_script(disco)
    assert sections(script, "sdram") == [f"{ARENA_SECTION}.sdram"]
    assert sections(script, "qspi") == [f"{WEIGHTS_SECTION}.qspi"]
    assert re.findall(r"^    (sdram|qspi) \((\w+)\)", script, re.MULTILINE) == [
        ("qspi", "rx"),
        ("sdram", "rwx"),
    ]


def test_an_arena_finds_its_region_by_every_name_of_it(disco: Board) -> None:
    script = linker_script(disco)
    assert "*(.mcuforge_arena .mcuforge_arena.ram .mcuforge_arena.dtcm_sram" in script
    assert ".mcuforge_arena.dtcm)" in script
    two = Memory("bank1", "ram", 0x20400000, 65536, 2), Memory("bank2", "ram", 0x20410000, 65536, 1)
    script = linker_script(replace(disco, memory=(*disco.memory, *two)))
    assert "*(.mcuforge_arena.bank1_bank2 .mcuforge_arena.bank1)" in script
    assert sections(script, "bank1_bank2") == [f"{ARENA_SECTION}.bank1", f"{ARENA_SECTION}.bank2"]
    assert "bank1_bank2 (rwx) : ORIGIN = 0x20400000, LENGTH = 131072" in script


@pytest.mark.parametrize("board", EMULATED, ids=lambda board: board.id)
def test_a_board_with_one_ram_takes_every_arena_behind_its_variables(board: Board) -> None:
    alone = len(board.ram_memories) == len(board.flash_memories) == 1
    script = linker_script(board)
    assert ("*(.mcuforge_arena .mcuforge_arena.*)" in script) == alone
    assert ("mcuforge_nowhere" in script) != alone


def sections(script: str, memory: str) -> list[str]:
    """The output sections of one memory, in the script's order."""
    return re.findall(rf"^    (\.[\w.]+)[^{{]*\{{[^}}]*\}} > {memory}\b", script, re.MULTILINE)


@pytest.mark.parametrize(("ram_kib", "stack"), [(16, 2048), (32, 2048), (33, 4096), (320, 4096)])
def test_a_small_board_gets_a_smaller_stack(disco: Board, ram_kib: int, stack: int) -> None:
    board = replace(disco, ram_bytes=ram_kib * 1024)
    assert default_stack_bytes(board) == stack
    assert f". += {stack};" in linker_script(board)


@pytest.mark.parametrize("board", EMULATED, ids=lambda board: board.id)
def test_a_boards_support_is_its_three_folders_and_two_written_files(board: Board) -> None:
    support = board_support(board)
    arm = board.toolchain.prefix.startswith("arm")
    architecture = "cortex_m" if arm else "riscv"
    assert [path.name for path in support.include_dirs] == ["common", architecture, board.bsp]
    assert {path.parent for path in support.sources} == set(support.include_dirs)
    generated = dict(support.generated)
    assert generated["board.ld"] == linker_script(board)
    assert f'#define BOARD_ID "{board.id}"' in generated["board_config.h"]
    assert f"#define BOARD_TICK_HZ {board.tick_hz}u" in generated["board_config.h"]


def test_a_board_without_start_up_code_says_that_emulation_works() -> None:
    with pytest.raises(BoardError) as refused:
        board_support(replace(load_board("pico"), bsp=None))
    assert refused.value.what == "'pico' has no start-up code yet"
    assert refused.value.where == "boards/catalog/pico.toml, key bsp"
    assert refused.value.hint.startswith("--emulate ")
