# SPDX-License-Identifier: Apache-2.0
"""A board's memories as regions of a plan: nothing lost of a group, room left for the image."""

import re
from dataclasses import replace

import pytest

from mcuforge.boards import regions
from mcuforge.boards.build.linker import ARENA_SECTION, WEIGHTS_SECTION, linker_script
from mcuforge.boards.catalog.board import Board, all_boards, emulated, load_board
from mcuforge.boards.catalog.memory import Memory
from mcuforge.boards.regions import CODE_BYTES, VARIABLES_BYTES, memory_regions
from mcuforge.memplan.problem import Region
from mcuforge.runtime_c.sources import CANARY_BYTES

KIB = 1024
IMAGE = 4 * KIB + VARIABLES_BYTES  # default stack, variables
CANARIES = 2 * CANARY_BYTES  # around one arena


def test_a_board_with_one_group_is_one_region_of_all_its_budget() -> None:
    assert memory_regions(load_board("nucleo_f746zg")) == (Region("ram", 320 * KIB, 2),)
    assert memory_regions(load_board("hifive1")) == (Region("ram", 16 * KIB, 3),)
    assert memory_regions(load_board("hifive1"), "flash") == (Region("flash", 4032 * KIB, 1),)


def test_rams_apart_are_regions_and_the_images_leaves_room_for_it() -> None:
    assert memory_regions(load_board("disco_f407vg")) == (
        Region("sram", 128 * KIB - IMAGE - CANARIES, 2),
        Region("ccm", 64 * KIB - CANARIES, 3, dma=False),
    )
    assert [r.name for r in memory_regions(load_board("nucleo_h743zi"))] == [
        "axi_sram", "dtcm", "d2_sram", "d3_sram",
    ]  # fmt: skip


def test_neighbours_are_one_region_until_they_are_asked_for_one_by_one() -> None:
    board = load_board("disco_f746ng")
    together = memory_regions(board, external=True)
    assert together == (
        Region("dtcm_sram", 320 * KIB - IMAGE - CANARIES, 2),
        Region("sdram", 8192 * KIB - CANARIES, 1),
    )
    assert memory_regions(board, split_groups=True) == (
        Region("dtcm", 64 * KIB - IMAGE - CANARIES, 3),
        Region("sram", 256 * KIB - CANARIES, 2),
    )


def test_peripherals_reach_a_group_when_they_reach_all_of_it() -> None:
    board = load_board("disco_f746ng")
    deaf = tuple(replace(m, dma=m.name != "dtcm") for m in board.memory)
    board = replace(board, memory=deaf)
    assert {r.name: r.dma for r in memory_regions(board, external=True)} == {
        "dtcm_sram": False, "sdram": True,
    }  # fmt: skip
    assert {r.name: r.dma for r in memory_regions(emulated(board), split_groups=True)} == {
        "dtcm": False, "sram": True,
    }  # fmt: skip


def test_external_memories_are_used_only_when_asked_for() -> None:
    board = load_board("disco_f746ng")
    assert memory_regions(board, "flash") == (Region("flash", 1024 * KIB, 2),)
    assert memory_regions(board, "flash", external=True) == (
        Region("flash", 1024 * KIB - CODE_BYTES, 2),
        Region("qspi", 16384 * KIB, 1),
    )


@pytest.mark.parametrize(
    ("reserved", "left"),
    [
        (0, {"dtcm": 64 * KIB, "sram": 256 * KIB}),
        (12 * KIB, {"dtcm": 52 * KIB, "sram": 256 * KIB}),
        (64 * KIB, {"sram": 256 * KIB}),
        (70 * KIB, {"sram": 250 * KIB}),
        (400 * KIB, {"sram": 1 + CANARIES}),
    ],
)
def test_what_is_reserved_comes_off_the_start_of_the_images_group(
    monkeypatch: pytest.MonkeyPatch, reserved: int, left: dict[str, int]
) -> None:
    monkeypatch.setattr(regions, "_image_bytes", lambda board, kind: reserved)
    board = load_board("nucleo_f746zg")
    found = memory_regions(board, split_groups=True)
    assert {region.name: region.bytes + CANARIES for region in found} == left


def test_an_external_neighbour_of_the_images_ram_is_a_region_of_its_own() -> None:
    board = load_board("nucleo_f446re")
    beside = Memory("psram", "ram", 0x20020000, 64 * KIB, speed=1, external=True)
    board = replace(board, memory=(*board.memory, beside))
    assert memory_regions(board) == (Region("ram", 128 * KIB, 2),)
    assert memory_regions(board, external=True) == (
        Region("sram", 128 * KIB - IMAGE - CANARIES, 2),
        Region("psram", 64 * KIB - CANARIES, 1),
    )


@pytest.mark.parametrize("board", all_boards(), ids=lambda board: board.id)
def test_memory_for_instructions_is_no_region_of_any_kind(board: Board) -> None:
    code = {memory.name for memory in board.memory if memory.kind == "code"}
    for kind in ("ram", "flash"):
        regions = memory_regions(board, kind, external=True, split_groups=True)
        assert not code & {region.name for region in regions}


@pytest.mark.parametrize("board", all_boards(), ids=lambda board: board.id)
@pytest.mark.parametrize("split_groups", [False, True])
@pytest.mark.parametrize("external", [False, True])
def test_the_linker_script_has_a_section_for_every_region(
    board: Board, split_groups: bool, external: bool
) -> None:
    script = linker_script(emulated(board))
    rams = memory_regions(emulated(board), split_groups=split_groups, external=external)
    for region in rams:
        own = rf"{re.escape(ARENA_SECTION)}\.({region.name}|\*)[ )]"
        assert re.search(own, script)
    for region in memory_regions(emulated(board), "flash", external=external)[1:]:
        assert f"*({WEIGHTS_SECTION}.{region.name})" in script
