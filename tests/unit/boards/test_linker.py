# SPDX-License-Identifier: Apache-2.0
"""The linker script: memories as long as the budgets, the stack where it faults."""

import re
from dataclasses import replace

import pytest

from mcuforge.boards.catalog import Board, all_boards, emulated, load_board
from mcuforge.boards.linker import ARENA_SECTION, default_stack_bytes, linker_script
from mcuforge.boards.support import board_support
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
    in_ram = re.findall(r"^    (\.\w+)[^{]*\{[^}]*\} > RAM", script, re.MULTILINE)
    assert in_ram == [".stack", ".data", ".bss", ARENA_SECTION, ".tls"]


@pytest.mark.parametrize(("ram_kib", "stack"), [(16, 2048), (32, 2048), (33, 4096), (320, 4096)])
def test_a_small_board_gets_a_smaller_stack(disco: Board, ram_kib: int, stack: int) -> None:
    board = replace(disco, ram_bytes=ram_kib * 1024)
    assert default_stack_bytes(board) == stack
    assert f". += {stack};" in linker_script(board)


def test_the_stack_is_the_callers_to_choose(disco: Board) -> None:
    assert ". += 8192;" in linker_script(disco, stack_bytes=8192)


@pytest.mark.parametrize("stack_bytes", [0, -16, 4097, 320 * 1024])
def test_a_stack_that_cannot_be_is_refused(disco: Board, stack_bytes: int) -> None:
    with pytest.raises(BoardError) as refused:
        linker_script(disco, stack_bytes=stack_bytes)
    assert refused.value.what.startswith(f"a stack of {stack_bytes} B; wanted a multiple of 16 B")
    assert refused.value.where == "board 'disco_f746ng'"
    assert refused.value.hint == "the default is 4096 B"


@pytest.mark.parametrize("board", EMULATED, ids=lambda board: board.id)
def test_a_boards_support_is_its_three_folders_and_two_written_files(board: Board) -> None:
    support = board_support(board)
    architecture = "cortex_m" if board.isa == "armv7em" else "riscv"
    assert [path.name for path in support.include_dirs] == ["common", architecture, board.bsp]
    assert {path.parent for path in support.sources} == set(support.include_dirs)
    generated = dict(support.generated)
    assert generated["board.ld"] == linker_script(board)
    assert f'#define BOARD_ID "{board.id}"' in generated["board_config.h"]
    assert f"#define BOARD_TICK_HZ {board.tick_hz}u" in generated["board_config.h"]


def test_a_board_without_start_up_code_says_that_emulation_works() -> None:
    with pytest.raises(BoardError) as refused:
        board_support(load_board("disco_f746ng"))
    assert refused.value.what == "'disco_f746ng' has no start-up code yet"
    assert refused.value.where == "boards/disco_f746ng.toml, key bsp"
    assert refused.value.hint.startswith("--emulate ")
