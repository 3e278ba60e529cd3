# SPDX-License-Identifier: Apache-2.0
"""The catalog: every shipped board reads, and every mistake in a board's file is named."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from mcuforge.boards.arch import BSP
from mcuforge.boards.catalog.board import (
    FOLDER,
    Board,
    all_boards,
    emulated,
    load_board,
)
from mcuforge.boards.catalog.memory import Memory
from mcuforge.boards.catalog.toml_table import parse_quantity
from mcuforge.errors import BoardError

GOOD = """\
name = "A board"
cpu = "cortex-m4"
isa = "armv7em"
clock = "100 MHz"
stand_in = "host"
source = "its data sheet"

[budget]
flash = "512 KiB"
ram = "96 KiB"

[[memory]]
name = "flash"
kind = "flash"
origin = 0x08000000
size = "512 KiB"
speed = 2

[[memory]]
name = "sram1"
kind = "ram"
origin = 0x20000000
size = "64 KiB"
speed = 3

[[memory]]
name = "sram2"
kind = "ram"
origin = 0x20010000
size = "32 KiB"
speed = 2

[[memory]]
name = "ccm"
kind = "ram"
origin = 0x10000000
size = "64 KiB"
speed = 3

[[memory]]
name = "itcm"
kind = "code"
origin = 0x00000000
size = "16 KiB"
speed = 3

[[memory]]
name = "sdram"
kind = "ram"
origin = 0xC0000000
size = "8 MiB"
speed = 1
external = true

[toolchain]
prefix = "arm-none-eabi-"
flags = ["-mcpu=cortex-m4"]

[platformio]
board = "a_board"
platform = "some/chips@1.2.3"
protocol = "jlink"
protocols = ["stlink", "jlink"]

[probe]
name = "a probe"
usb = ["0483:374b", "1366"]
"""

HOST = """\
name = "The emulated host"
cpu = "cortex-m4"
isa = "armv7em"
clock = "25 MHz"
bsp = "mps2"
source = "an application note"
memory = [
    {name = "code", kind = "flash", origin = 0, size = "4 MiB", speed = 2},
    {name = "data", kind = "ram", origin = 0x30000000, size = "1 MiB", speed = 2},
    {name = "far", kind = "ram", origin = 0x60000000, size = "2 MiB", speed = 1, external = true},
]

[budget]
flash = "4 MiB"
ram = "1 MiB"

[toolchain]
prefix = "arm-none-eabi-"
flags = ["-mcpu=cortex-m4", "-mthumb"]

[emulator]
command = "qemu-system-arm"
machine = "some-machine"
ticks = "1 GHz"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "good.toml").write_text(GOOD)
    (tmp_path / "host.toml").write_text(HOST)
    return tmp_path


def refusal(folder: Path, old: str, new: str) -> BoardError:
    """What load_board says of the good board with one change."""
    assert old in GOOD
    (folder / "bad.toml").write_text(GOOD.replace(old, new, 1))
    with pytest.raises(BoardError) as refused:
        load_board("bad", folder)
    return refused.value


def test_a_board_reads_into_bytes_and_hertz(folder: Path) -> None:
    board = load_board("good", folder)
    assert (board.id, board.name, board.clock_hz) == ("good", "A board", 100_000_000)
    assert (board.flash_bytes, board.ram_bytes) == (512 * 1024, 96 * 1024)
    assert board.first("ram") == Memory("sram1", "ram", 0x20000000, 64 * 1024, 3)
    assert board.tick_hz == board.clock_hz
    assert (board.baud, board.bsp, board.emulator, board.emulated) == (115200, None, None, False)


def test_a_board_that_only_qemu_has_is_emulated_from_the_start(folder: Path) -> None:
    board = load_board("host", folder)
    assert board.emulated
    assert board.tick_hz == 1_000_000_000
    assert emulated(board) == board


@pytest.mark.parametrize(
    ("text", "value"),
    [("1 B", 1), ("128 KiB", 131072), ("2 MiB", 2097152), ("25 MHz", 25_000_000), ("0 Hz", 0)],
)
def test_a_quantity_is_a_number_and_a_unit(text: str, value: int) -> None:
    assert parse_quantity(text) == value


@pytest.mark.parametrize("text", ["128", "128KiB", "128 kB", "1.5 MiB", "-1 B", "KiB", "", "² B"])
def test_a_quantity_without_its_unit_or_number_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a whole number, a space and one of B, KiB"):
        parse_quantity(text)


@pytest.mark.parametrize(
    ("old", "new", "what", "key", "hint"),
    [
        ('clock = "100 MHz"', 'clokc = "100 MHz"', "'clock' is missing", "clock", "board.py"),
        ('cpu = "', 'cpus = 1\ncpu = "', "'cpus' is not a key", "cpus", "did you mean 'cpu'?"),
        (
            'size = "512 KiB"',
            'size = "512 KiB"\nx = 1',
            "'memory[0].x' is not a key",
            "x",
            "known: ",
        ),
        ('name = "A board"', "name = 7", "'name' is 7, expected a string", "name", "in quotes"),
        ('name = "A board"', 'name = ""', "'name' is '', expected a string", "name", "in quotes"),
        ('ram = "96 KiB"', 'ram = "96 kB"', "'budget.ram' cannot be read", "ram", "128 KiB"),
        ('ram = "96 KiB"', 'ram = "0 KiB"', "'budget.ram' is zero", "ram", "data sheet"),
        ('ram = "96 KiB"', 'ram = "97 KiB"', "hold 98304 B without a gap", "budget.ram", "lower"),
        ('kind = "ram"', 'kind = "rom"', "'memory[1].kind' is 'rom'", "kind", "flash, ram"),
        ("speed = 3", "speed = 4", "'memory[1].speed' is 4", "speed", "3: tightly coupled"),
        ("speed = 3", 'speed = "3"', "expected a whole number", "speed", "without quotes"),
        ("speed = 3\n", "", "'memory[1].speed' is missing", "speed", "board.py"),
        ("external = true", "external = 1", "expected true or false", "external", "quotes"),
        ("external = true", "dma = 0", "'memory[5].dma' is 0, expected true or", "dma", "quotes"),
        (
            "speed = 3",
            "speed = 3\nexternal = true",
            "for the first ram",
            "external",
            "after a reset",
        ),
        (
            'speed = 2\n\n[[memory]]\nname = "ccm"',
            'speed = 3\n\n[[memory]]\nname = "ccm"',
            "continues 'sram1', which is as fast",
            "origin",
            "as one entry",
        ),
        ('name = "ccm"', 'name = "CCM-1"', "'memory[3].name' is 'CCM-1'", "name", "small letters"),
        ('name = "ccm"', 'name = "sram2"', "is 'sram2', as another is", "name", "own name"),
        ('name = "ccm"', 'name = "ram"', "is 'ram', a reserved name", "name", "data sheet"),
        (
            "origin = 0x20000000",
            'origin = "0"',
            "expected a whole number",
            "origin",
            "without quotes",
        ),
        ("origin = 0x20000000", "origin = true", "expected a whole number", "origin", "quotes"),
        ('prefix = "arm-none-eabi-"', 'prefix = "gcc-"', "is 'gcc-'", "prefix", "riscv64"),
        (
            'flags = ["-mcpu=cortex-m4"]',
            "flags = [1]",
            "expected a list of strings",
            "flags",
            '["a"',
        ),
        ("[toolchain]", "[emulator]", "'emulator.command' is missing", "command", "catalog"),
    ],
)
def test_a_mistake_in_a_boards_file_is_named_with_its_key(
    folder: Path, old: str, new: str, what: str, key: str, hint: str
) -> None:
    error = refusal(folder, old, new)
    assert what in error.what
    assert error.where.startswith("boards/catalog/bad.toml, key ")
    assert error.where.endswith(key)
    assert hint in error.hint


def test_a_file_that_is_no_toml_is_refused_with_its_line(folder: Path) -> None:
    error = refusal(folder, 'name = "A board"', "name = A board")
    assert "line 1" in error.what
    assert error.where == "boards/catalog/bad.toml"


def test_a_table_where_a_value_stands_is_refused(folder: Path) -> None:
    head, _, tail = GOOD.partition("[budget]")
    memory = "[[memory]]" + tail.partition("[[memory]]")[2]
    (folder / "bad.toml").write_text(f'{head}budget = "1 MiB"\n{memory}')
    with pytest.raises(BoardError, match="'budget' is not a table"):
        load_board("bad", folder)


def test_a_board_without_memory_is_refused(folder: Path) -> None:
    text = GOOD.partition("[[memory]]")[0] + "[toolchain]" + GOOD.partition("[toolchain]")[2]
    (folder / "bad.toml").write_text("memory = []\n" + text)
    with pytest.raises(BoardError, match="'memory' has no entry"):
        load_board("bad", folder)


@pytest.mark.parametrize(
    ("asked", "guess"), [("disco_f764ng", "disco_f746ng"), ("nucleo-h743zi", "nucleo_h743zi")]
)
def test_an_unknown_board_is_answered_with_the_nearest(asked: str, guess: str) -> None:
    with pytest.raises(BoardError) as refused:
        load_board(asked)
    assert refused.value.what == f"no board is called '{asked}'"
    assert refused.value.where.startswith("the ")
    assert refused.value.hint == f"did you mean '{guess}'? `mcuforge boards` lists them"


@pytest.mark.parametrize("asked", ["", "zzzzzzzz", "../boards/hifive1", "./hifive1"])
def test_what_is_no_boards_name_is_no_path_either(asked: str) -> None:
    with pytest.raises(BoardError) as refused:
        load_board(asked)
    assert "`mcuforge boards` lists them" in refused.value.hint


def test_an_emulated_board_keeps_its_name_and_budgets_and_takes_the_stand_ins_addresses(
    folder: Path,
) -> None:
    real = load_board("good", folder)
    board = emulated(real, folder)
    assert (board.id, board.name, board.clock_hz) == (real.id, real.name, real.clock_hz)
    assert (board.flash_bytes, board.ram_bytes) == (real.flash_bytes, real.ram_bytes)
    assert board.memory == (
        Memory("sram1", "ram", 0x30000000, 64 * 1024, 3),
        Memory("sram2", "ram", 0x30010000, 32 * 1024, 2),
        Memory("ccm", "ram", 0x30030000, 64 * 1024, 3),
        Memory("sdram", "ram", 0x60000000, 2 << 20, 1, external=True),  # all that the host has
        Memory("flash", "flash", 0, 512 * 1024, 2),
    )
    host = load_board("host", folder)
    assert board.toolchain == host.toolchain
    assert (board.bsp, board.emulator, board.tick_hz) == ("mps2", host.emulator, host.tick_hz)
    assert board.emulated
    assert not real.emulated
    assert emulated(board, folder) == board


@pytest.mark.parametrize("stand_in", [None, "good"])
def test_a_board_without_an_emulated_stand_in_is_refused(
    folder: Path, stand_in: str | None
) -> None:
    board = replace(load_board("good", folder), stand_in=stand_in)
    with pytest.raises(BoardError) as refused:
        emulated(board, folder)
    assert "'good'" in refused.value.what
    assert "boards/catalog/good.toml" in refused.value.where
    assert "board" in refused.value.hint


def test_a_stand_in_with_less_memory_is_refused(folder: Path) -> None:
    good = load_board("good", folder)
    with pytest.raises(BoardError, match="has 2097152 B of ram, its stand-in 'host' only 1048576"):
        emulated(replace(good, ram_bytes=2 << 20), folder)
    with pytest.raises(BoardError, match="has 5242880 B of flash, its stand-in 'host' only 419430"):
        emulated(replace(good, flash_bytes=5 << 20), folder)


def test_a_second_ram_without_room_in_the_stand_in_is_refused(folder: Path) -> None:
    good = load_board("good", folder)
    large = tuple(replace(m, bytes=4 << 20) if m.name == "ccm" else m for m in good.memory)
    with pytest.raises(BoardError) as refused:
        emulated(replace(good, memory=large), folder)
    assert refused.value.what == (
        "'good' has 4194304 B of 'ccm', its stand-in 'host' has only 2097152 B left"
    )
    assert refused.value.where == "boards/catalog/good.toml, key stand_in"


def test_the_budget_cuts_the_first_group_and_no_other(folder: Path) -> None:
    board = replace(load_board("good", folder), ram_bytes=70 * 1024)
    found = {region.name: region.bytes // 1024 for region in board.ram_memories}
    assert found == {"sram1": 64, "sram2": 6, "ccm": 64, "sdram": 8192}
    assert [[m.name for m in group] for group in board.groups("ram")] == [
        ["sram1", "sram2"], ["ccm"], ["sdram"],
    ]  # fmt: skip
    assert [region.name for region in board.flash_memories] == ["flash"]


@pytest.mark.parametrize(
    ("board_id", "kib"),
    [
        ("disco_f407vg", {"sram": 128, "ccm": 64}),
        ("disco_f746ng", {"dtcm": 64, "sram": 256, "sdram": 8192}),
        ("nucleo_h743zi", {"axi_sram": 512, "dtcm": 128, "d2_sram": 288, "d3_sram": 64}),
        ("nucleo_l4r5zi", {"sram": 640}),
        ("hifive1", {"dtim": 16}),
    ],
)
def test_the_regions_of_a_board_are_the_data_sheets_less_what_holds_no_data(
    board_id: str, kib: dict[str, int]
) -> None:
    regions = load_board(board_id).ram_memories
    assert {region.name: region.bytes // 1024 for region in regions} == kib


def test_memories_that_only_the_core_reaches_are_the_ones_the_manuals_name() -> None:
    found = {(b.id, m.name) for b in all_boards() for m in b.memory if not m.dma}
    assert found == {
        ("disco_f407vg", "ccm"),
        ("disco_f429zi", "ccm"),
        ("nucleo_h743zi", "dtcm"),
    }


@pytest.mark.parametrize("board", all_boards(), ids=lambda board: board.id)
def test_every_shipped_board_keeps_its_regions_when_emulated(board: Board) -> None:
    on_emulator = emulated(board)
    for kept, real in (
        (on_emulator.ram_memories, board.ram_memories),
        (on_emulator.flash_memories, board.flash_memories),
    ):
        assert [(r.name, r.speed, r.external, r.dma) for r in kept] == [
            (r.name, r.speed, r.external, r.dma) for r in real
        ]
        # QEMU's MPS2 has 16 MiB beside the core, the F746's board 24
        assert all(a.bytes == b.bytes or b.name == "qspi" for a, b in zip(kept, real, strict=True))


@pytest.mark.parametrize("board", all_boards(), ids=lambda board: board.id)
def test_every_shipped_board_runs_emulated_with_its_own_budgets(board: Board) -> None:
    on_emulator = emulated(board)
    assert on_emulator.emulator is not None
    assert on_emulator.flash_bytes == board.flash_bytes
    assert on_emulator.ram_bytes == board.ram_bytes
    assert on_emulator.cpu == board.cpu


@pytest.mark.parametrize("board", all_boards(), ids=lambda board: board.id)
def test_every_shipped_board_names_folders_that_exist(board: Board) -> None:
    assert board.isa in {"portable", "armv7em", "helium", "rv32"}  # a folder once it has kernels
    assert (BSP / "chip" / str(emulated(board).bsp)).is_dir()


@pytest.mark.parametrize("board", all_boards(), ids=lambda board: board.id)
def test_no_two_memories_of_a_shipped_board_overlap(board: Board) -> None:
    runs = sorted((memory.origin, memory.origin + memory.bytes) for memory in board.memory)
    assert all(end <= start for (_, end), (start, _) in pairwise(runs))


def test_all_boards_are_sorted_and_load_by_their_ids() -> None:
    boards = all_boards()
    assert [board.id for board in boards] == sorted(path.stem for path in FOLDER.glob("*.toml"))
    assert all(load_board(board.id) == board for board in boards)


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ("some/chips@1.2.3", "some/chips", "'platformio.platform' is 'some/chips'"),
        ('["stlink", "jlink"]', '["stlink", "cable"]', "'platformio.protocols' has 'cable'"),
        ('protocol = "jlink"', 'protocol = "dfu"', "'platformio.protocol' is 'dfu'"),
        ('"1366"', '"0x1366"', "'probe.usb' has '0x1366'"),
    ],
)
def test_a_mistake_in_how_a_board_is_reached_is_named(
    folder: Path, old: str, new: str, what: str
) -> None:
    assert refusal(folder, old, new).what == what
