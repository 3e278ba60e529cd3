# SPDX-License-Identifier: Apache-2.0
"""Every memory of a board in use at once on its stand-in: windows as long as the real ones.

The image fills each further RAM to its last byte and reads it back after all are filled, so two
windows that were one memory would show.
"""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from mcuforge.boards.build.build import OverBudget, build_error
from mcuforge.boards.build.project import Project
from mcuforge.boards.catalog.board import Board, emulated, load_board
from mcuforge.boards.catalog.memory import Memory
from tests.emulated.bsp_image import BuildFailed, build_probe, running

KIB = 1024
IMAGE_BYTES = (
    16 * KIB
)  # of the image's own group of memories: what is left of a region beside the program
WEIGHTS_BYTES = 64 * KIB


def two_rams_on_riscv() -> Board:
    """No RISC-V board of the catalog has a second RAM: one is added."""
    nano = load_board("sipeed-longan-nano")
    extra = Memory("extra", "ram", 0x30000000, 48 * KIB, speed=3)
    return replace(nano, memory=(*nano.memory, extra))


BOARDS = {
    "disco_f407vg": lambda: load_board("disco_f407vg"),
    "disco_f429zi": lambda: load_board("disco_f429zi"),
    "disco_f746ng": lambda: load_board("disco_f746ng"),
    "nucleo_h743zi": lambda: load_board("nucleo_h743zi"),
    "a RISC-V board with two RAMs": two_rams_on_riscv,
}


def area_bytes(board: Board, region: Memory) -> int:
    """Choose the bytes to fill: all of the region, fewer beside the image or if files are slow."""
    if region.kind == "flash":
        return min(region.bytes, WEIGHTS_BYTES)
    image = board.ram_memories[0]
    return min(region.bytes - IMAGE_BYTES, IMAGE_BYTES) if region == image else region.bytes


def program(board: Board, folder: Path, extra_words: dict[str, int] | None = None) -> Path:
    """Write C with an array in every region of `board`, `extra_words` longer if asked for."""
    lines, entries = [f'#include "{Path(__file__).with_name("region_probe.h")}"'], []
    for region in (*board.ram_memories, *board.flash_memories[1:]):
        words = area_bytes(board, region) // 4 + (extra_words or {}).get(region.name, 0)
        if region.kind == "ram":
            lines.append(
                f"static volatile uint32_t a_{region.name}[{words}] "
                f'__attribute__((section(".mcuforge_arena.{region.name}")));'
            )
            entries.append(f'{{"{region.name}", a_{region.name}, a_{region.name}, {words}}},')
        else:
            lines.append(
                f"static const volatile uint32_t a_{region.name}[{words}] "
                f'__attribute__((section(".mcuforge_weights.{region.name}"))) = {{1}};'
            )
            entries.append(f'{{"{region.name}", 0, a_{region.name}, {words}}},')
    lines += ["const struct area areas[] = {", *entries, "};"]
    lines.append(f"const uint32_t area_count = {len(entries)};")
    path = folder / "program.c"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize("name", BOARDS)
def test_every_region_is_a_memory_of_its_own_and_as_long_as_on_the_board(
    name: str, tmp_path: Path
) -> None:
    real = BOARDS[name]()
    board = emulated(real)
    regions = (*board.ram_memories, *board.flash_memories[1:])
    assert {r.name: r.bytes for r in board.ram_memories} == {
        r.name: r.bytes for r in real.ram_memories
    }
    with running(board, build_probe(board, tmp_path, program=program(board, tmp_path))) as (_, p):
        for region in regions:
            told = p.line().split()
            start, size, wrong = (int(word, 16) for word in told[1:])
            assert told[0] == region.name
            assert wrong == 0
            assert size == area_bytes(board, region)
            if region != board.ram_memories[0]:
                assert start == region.origin
            assert region.origin <= start
            assert start + size <= region.end


@pytest.mark.parametrize("name", BOARDS)
def test_windows_have_a_gap_exactly_where_the_board_has_one(name: str) -> None:
    real = BOARDS[name]()
    board = emulated(real)
    where = {region.name: region for region in (*board.ram_memories, *board.flash_memories)}
    for kind in ("ram", "flash"):
        names = [[m.name for m in group] for group in real.groups(kind)]
        assert [[m.name for m in group] for group in board.groups(kind)] == names
    for low, high in pairwise(sorted(where.values(), key=lambda region: region.origin)):
        neighbours = any(
            a.name == low.name and b.name == high.name
            for group in real.groups("ram")
            for a, b in pairwise(group)
        )
        assert high.origin == low.end if neighbours else high.origin >= low.end + 64 * KIB


@pytest.mark.parametrize(
    ("name", "region", "said"),
    [
        ("disco_f407vg", "ccm", "65,544 bytes of RAM 'ccm' (8 over the board's 65,536)"),
        ("nucleo_h743zi", "d2_sram", "294,920 bytes of RAM 'd2_sram' (8 over the board's 294,912)"),
        ("a RISC-V board with two RAMs", "extra", "49,160 bytes of RAM 'extra' (8 over"),
        ("disco_f746ng", "sram", "327,688 bytes of RAM (8 over the board's 327,680)"),
        ("disco_f746ng", "sdram", "8,388,616 bytes of RAM 'sdram' (8 over the board's 8,388,608)"),
    ],
)
def test_a_region_overflowed_by_bytes_is_refused_by_its_name(
    name: str, region: str, said: str, tmp_path: Path
) -> None:
    board = emulated(BOARDS[name]())
    source = program(board, tmp_path, {region: 2})
    with pytest.raises(BuildFailed) as refused:
        build_probe(board, tmp_path, program=source)
    error = build_error(Project(tmp_path, board, ()), str(refused.value), tmp_path / "log")
    assert isinstance(error, OverBudget)
    assert error.ram
    assert said in error.what


def test_weights_too_many_for_a_further_flash_are_refused_by_its_name(tmp_path: Path) -> None:
    board = load_board("disco_f746ng")
    small = tuple(replace(m, bytes=8 * KIB) if m.name == "qspi" else m for m in board.memory)
    board = emulated(replace(board, memory=small))
    with pytest.raises(BuildFailed) as refused:
        build_probe(board, tmp_path, program=program(board, tmp_path, {"qspi": 1}))
    error = build_error(Project(tmp_path, board, ()), str(refused.value), tmp_path / "log")
    assert isinstance(error, OverBudget)
    assert not error.ram
    assert "8,196 bytes of flash 'qspi' (4 over the board's 8,192)" in error.what


def test_an_arena_for_a_region_the_board_has_not_does_not_link(tmp_path: Path) -> None:
    board = emulated(load_board("disco_f407vg"))
    source = program(emulated(load_board("disco_f746ng")), tmp_path)
    with pytest.raises(BuildFailed, match="in a region that disco_f407vg does not have"):
        build_probe(board, tmp_path, program=source)


def test_an_arena_across_the_border_of_two_neighbours_has_the_whole_run(tmp_path: Path) -> None:
    board = emulated(load_board("nucleo_f746zg"))
    source = tmp_path / "program.c"
    words = 300 * KIB // 4
    source.write_text(
        f'#include "{Path(__file__).with_name("region_probe.h")}"\n'
        f"static volatile uint32_t a[{words}] "
        '__attribute__((section(".mcuforge_arena.dtcm_sram")));\n'
        f'const struct area areas[] = {{{{"dtcm_sram", a, a, {words}}}}};\n'
        "const uint32_t area_count = 1;\n",
        encoding="utf-8",
    )
    with running(board, build_probe(board, tmp_path, program=source)) as (_, port):
        name, start, size, wrong = port.line().split()
    dtcm, sram = board.ram_memories
    assert (name, int(size, 16), int(wrong, 16)) == ("dtcm_sram", 300 * KIB, 0)
    assert dtcm.origin < int(start, 16) < dtcm.end == sram.origin < int(start, 16) + int(size, 16)
