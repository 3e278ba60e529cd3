# SPDX-License-Identifier: Apache-2.0
"""Every board's start-up code, UART, clock, faults and memory limits, in its emulator."""

import ctypes
import random
import re
import subprocess
from pathlib import Path

import pytest

from mcuforge.boards.build.linker import default_stack_bytes
from mcuforge.boards.catalog.board import Board, all_boards, emulated, load_board
from tests.emulated.bsp_image import BuildFailed, build_probe, running

BSP = Path(__file__).resolve().parents[2] / "boards" / "bsp"
ECHO_BYTES = 65536
BURST_BYTES = 4096  # four times the receive ring
LONG_BURST_ON = ("qemu-mps2-an386", "qemu-riscv32", "hifive1", "netduinoplus2")  # each UART
BOARDS = [board.id for board in all_boards() if board.emulator is not None]
CODE_IN_RAM = [board for board in BOARDS if board.startswith("qemu-")]
STAND_IN = "disco_f746ng"


@pytest.fixture(scope="module", params=BOARDS)
def board(request: pytest.FixtureRequest) -> Board:
    return emulated(load_board(str(request.param)))


@pytest.fixture(scope="module")
def image(board: Board, tmp_path_factory: pytest.TempPathFactory) -> Path:
    define = f"-DECHO_BYTES={burst_bytes(board)}u"
    return build_probe(board, tmp_path_factory.mktemp(board.id), define)


def burst_bytes(board: Board) -> int:
    """Choose how many bytes the probe echoes at once: more than 16 bits count if that is fast."""
    return ECHO_BYTES if board.id in LONG_BURST_ON else BURST_BYTES


def random_bytes(seed: str) -> bytes:
    return random.Random(seed).randbytes(ECHO_BYTES)


def instructions(board: Board, ticks: str) -> float:
    return int(ticks) * 1e9 / board.tick_hz


def test_the_board_starts_with_its_variables_set_and_its_stack_where_the_linker_says(
    board: Board, image: Path
) -> None:
    with running(board, image) as (_, port):
        assert port.ask(b"i") == str(0x12345678)
        assert port.line() == "0"
        assert port.ask(b"h") == str(board.tick_hz)
        assert port.ask(b"k") == str(default_stack_bytes(board))


def test_a_burst_of_kibibytes_comes_back_whole(board: Board, image: Path) -> None:
    data = random_bytes(board.id)[: burst_bytes(board)]
    with running(board, image) as (_, port):
        port.send(b"e")
        assert port.exchange(data, len(data)) == data
        assert port.ask(b"d") == "0"


def test_bytes_sent_while_the_board_computes_wait_for_it(board: Board, image: Path) -> None:
    data = random_bytes(board.id)[:BURST_BYTES]
    with running(board, image) as (_, port):
        port.send(b"p")
        assert port.exchange(data, len(data)) == data


def test_ticks_count_instructions_the_same_in_every_run(board: Board, image: Path) -> None:
    tick = 1e9 / board.tick_hz  # instructions: the resolution of a coarse clock
    counts = []
    for _ in range(2):
        with running(board, image) as (_, port):
            short = instructions(board, port.ask(b"s"))
            long = instructions(board, port.ask(b"l"))
        counts.append((short, long))
        # 900 000 more times round a loop of two instructions; whole ticks on both sides
        assert abs(long - short - 1_800_000) <= (0 if tick == 1 else 2 * tick)
    slack = 0 if tick == 1 else tick
    assert all(abs(a - b) <= slack for a, b in zip(*counts, strict=True))


def test_an_illegal_instruction_is_reported_and_ends_the_board(board: Board, image: Path) -> None:
    arm = board.toolchain.prefix.startswith("arm")
    kind = "usagefault pc=" if arm else "exception mcause=0x00000002 mepc="
    low = board.first("flash").origin
    with running(board, image) as (emulator, port):
        port.send(b"u")
        assert port.line() == ""
        report = re.fullmatch(rf"m-fault-\[{kind}0x([0-9a-f]{{8}}) .*\]", port.line())
        assert report is not None
        assert low <= int(report[1], 16) < low + board.flash_bytes
        port.send(b"h")
        assert port.silent(0.3)
        assert Path(f"/proc/{emulator.pid}").exists()


def test_a_stack_that_overflows_is_reported_as_such(board: Board, image: Path) -> None:
    with running(board, image) as (_, port):
        assert port.ask(b"o") == ""
        assert port.line().startswith("m-fault-[stackoverflow ")


@pytest.mark.parametrize("board_id", CODE_IN_RAM)
def test_code_in_ram_is_as_read_only_as_the_flash_it_stands_for(
    board_id: str, tmp_path: Path
) -> None:
    board = emulated(load_board(board_id))
    with running(board, build_probe(board, tmp_path)) as (_, port):
        assert port.ask(b"z") == ""
        assert re.match(r"m-fault-\[(memmanage|exception mcause=0x00000007) ", port.line())


@pytest.mark.slow
def test_the_clock_runs_on_past_32_bits(tmp_path: Path) -> None:
    board = emulated(load_board("netduinoplus2"))
    with running(board, build_probe(board, tmp_path)) as (_, port):
        assert 4_400_000_000 <= int(port.ask(b"w")) < 4_400_000_100


def test_widen_gives_the_nearest_count_with_the_fine_low_half(tmp_path: Path) -> None:
    source = tmp_path / "widen.c"
    source.write_text(
        '#include "widen.h"\n'
        "uint64_t probe(uint64_t c, uint32_t f);\n"
        "uint64_t probe(uint64_t c, uint32_t f) { return widen(c, f); }\n"
    )
    library = tmp_path / "widen.so"
    command = ["gcc", "-std=c99", "-Wall", "-Wextra", "-Wconversion", "-Werror", "-shared", "-fPIC"]
    command += [f"-I{BSP / 'common'}", str(source), "-o", str(library)]
    subprocess.run(command, check=True)
    widen = ctypes.CDLL(str(library)).probe
    widen.restype = ctypes.c_uint64
    widen.argtypes = [ctypes.c_uint64, ctypes.c_uint32]
    for true in (5, (1 << 32) - 1, 1 << 32, (1 << 32) + 7, (7 << 32) - 3, (1 << 40) + (1 << 31)):
        for lag in (0, 1, 249_999, (1 << 31) - 1):
            assert widen(max(true - lag, 0), true & 0xFFFFFFFF) == true


@pytest.mark.parametrize(
    ("define", "message"),
    [
        (f"-DARENA_BYTES={320 * 1024}", "stack, variables and arena exceed the 327680 B of RAM"),
        (f"-DTABLE_BYTES={1024 * 1024}", "code and constants exceed the 1048576 B of flash"),
    ],
)
def test_what_exceeds_the_real_boards_memory_does_not_link_for_its_stand_in(
    define: str, message: str, tmp_path: Path
) -> None:
    board = emulated(load_board(STAND_IN))
    with pytest.raises(BuildFailed) as refused:
        build_probe(board, tmp_path, define)
    assert f"{message} of {STAND_IN}" in str(refused.value)
    # the stand-in itself has the room: it is the budget that refuses
    assert build_probe(emulated(load_board("qemu-mps2-an500")), tmp_path, define).is_file()


def test_the_image_for_the_hardware_builds_too(tmp_path: Path) -> None:
    board = load_board("hifive1")
    assert not board.emulated
    assert build_probe(board, tmp_path).is_file()
    config = (tmp_path / "board_config.h").read_text()
    assert "#define BOARD_TICK_HZ 16000000u\n" in config  # mcycle counts the core's clock


def test_a_firmware_that_fills_the_ram_to_the_last_bytes_still_runs(tmp_path: Path) -> None:
    board = emulated(load_board("hifive1"))
    largest = board.ram_bytes - default_stack_bytes(board) - 1024 - 64  # ring, variables
    elf = build_probe(board, tmp_path, f"-DARENA_BYTES={largest}")
    with running(board, elf) as (_, port):
        assert port.ask(b"d") == "0"


def test_the_arena_is_neither_in_the_image_nor_among_the_cleared_variables(
    tmp_path: Path,
) -> None:
    board = emulated(load_board("qemu-mps2-an386"))
    elf = build_probe(board, tmp_path, "-DARENA_BYTES=1000000")
    listed = subprocess.run(
        ["arm-none-eabi-size", "-A", str(elf)], check=True, capture_output=True, text=True
    ).stdout
    sizes = {fields[0]: int(fields[1]) for line in listed.splitlines() if (fields := line.split())
             and fields[0].startswith(".")}  # fmt: skip
    assert sizes[".mcuforge_arena"] == 1_000_000
    assert sizes[".bss"] < 2000
    assert elf.stat().st_size < 200_000
