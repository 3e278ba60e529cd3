# SPDX-License-Identifier: Apache-2.0
"""`deploy --port auto` from a model to a verdict, with PlatformIO's own way to build and upload.

The stock platforms are stand-ins (`stock_core`), the flash tool starts QEMU with the image that it
is given, and the serial port is QEMU's.
"""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console
from serial.tools import list_ports

from mcuforge.boards.build.build import build_stock
from mcuforge.boards.build.pio import run_pio
from mcuforge.boards.build.project import Project, write_project
from mcuforge.boards.build.stock import missing, missing_tools, platformio_of
from mcuforge.boards.build.upload import UploadFailed, upload
from mcuforge.boards.catalog.board import load_board
from mcuforge.boards.emulator import qemu
from mcuforge.boards.image.elf import read_elf
from mcuforge.boards.image.stack import stack_bound
from mcuforge.boards.link.client import Link
from mcuforge.boards.virtual.machine import VirtualBoard
from mcuforge.commands.bench import Request as Bench
from mcuforge.commands.bench import bench
from mcuforge.commands.deploy import Request, deploy
from mcuforge.flow import target
from mcuforge.report.text import print_bench
from tests.emulated.deployed import QUIET
from tests.emulated.stock_core import (
    LINES,
    RECORD,
    StockCore,
    make_core,
    with_outside_weights,
    with_start_up,
)
from tests.emulated.test_platformio import MODEL
from tests.unit.link.fake_board import fake_board

ROOT = Path(__file__).resolve().parents[2]
DIGITS = ROOT / "examples" / "digits"
START = """\
PYTHONPATH={root} {python} -m mcuforge.boards.emulator run --board hifive1 \\
    .pio/build/hifive1/firmware.elf --state {state} || exit 1
port=$({python} -c 'import json, sys; print(json.load(open(sys.argv[1]))["port"])' {state})
ln -sfn "$port" {port}
"""


@dataclass(frozen=True)
class Listed:
    """The port of a J-Link, as pyserial lists it."""

    device: str
    vid: int = 0x1366
    pid: int = 0x1051
    serial_number: str = "979"
    description: str = "J-Link"


def users(monkeypatch: pytest.MonkeyPatch, core: StockCore) -> None:
    """Let PlatformIO take the folder for the user's own."""
    for name, value in core.environment().items():
        if name.startswith("PLATFORMIO_") or name == RECORD:
            monkeypatch.setenv(name, value)


def recorded(name: str) -> str:
    return next(line for line in LINES.read_text().splitlines() if line.startswith(f"{name}: "))


def test_a_model_is_built_flashed_and_checked_over_the_port_that_was_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port, state = tmp_path / "ttyACM0", tmp_path / "emulator.json"
    words = {"root": ROOT, "python": sys.executable, "state": state, "port": port}
    core = make_core(tmp_path / "core", then=START.format(**words))
    users(monkeypatch, core)
    monkeypatch.setenv(qemu.OWNER_VARIABLE, str(os.getpid()))
    monkeypatch.setattr(list_ports, "comports", lambda: [Listed(str(port))])
    model, data = DIGITS / "digits_cnn.tflite", DIGITS / "digits_test.npz"
    with fake_board(lambda _: b"") as unflashed:
        port.symlink_to(unflashed)
        try:
            folder = tmp_path / "project"
            request = Request(model, "hifive1", port="auto", data=data, samples=3, out=folder)
            report = deploy(request, QUIET)
            qemu.stop_detached(state)  # `pio test` flashes the board again
            arguments = ("test", "--test-port", str(port))
            again = run_pio(folder, *arguments, environment=core.environment())
        finally:
            qemu.stop_detached(state)
    assert report.verdict == "pass", report.reasons
    assert report.check.exact_samples == 3
    assert not report.board.emulated
    assert report.run.instructions is None
    assert report.run.microseconds is not None
    assert "-fcallgraph-info=su" not in report.toolchain.flags
    assert report.toolchain.stack_bound_by is not None  # GCC 8 writes no call graph
    assert 0 < report.ram.stack < 4096
    line, same = core.uploads()
    assert line == same
    assert line.startswith("JLinkExe -device FE310")
    assert "loadfile .pio/build/hifive1/firmware.elf" in line
    assert again.code == 0, again.output
    assert "32 of 32 exact" in again.output
    assert "1 succeeded" in again.output


def test_a_bench_over_the_port_counts_the_cycles_of_every_layer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # a virtual chip in place of the board: its cycle counter counts instructions
    core = make_core(tmp_path / "core")
    users(monkeypatch, core)
    machines: list[VirtualBoard] = []

    def flash(project: Project, protocol: str, port: str) -> None:
        upload(project, protocol, port)
        elf = project.stock_build_dir(project.board.id) / "firmware.elf"
        machines.append(VirtualBoard(project.board, elf))

    def opened(
        _url: str, *, baud: int, timeout_s: float = 10.0, run_timeout_s: float = 60.0
    ) -> Link:
        assert baud == 115200
        return Link(machines[0].port(), timeout_s, run_timeout_s)

    monkeypatch.setattr(target, "upload", flash)
    monkeypatch.setattr(Link, "open", opened)
    with fake_board(lambda _: b"") as port:
        listed = Listed(str(port), vid=0x0483, pid=0x374B)
        monkeypatch.setattr(list_ports, "comports", lambda: [listed])
        report = bench(Bench(DIGITS / "digits_cnn.tflite", "nucleo_f446re", port="auto"), QUIET)
    assert len(core.uploads()) == len(machines) == 1
    board, run = report.board, report.run
    assert (board.emulated, board.stand_in, board.virtual) == (False, None, None)
    assert board.ran_as == "hardware"
    assert (run.instructions, run.boot_instructions) == (None, None)
    assert (run.clock_hz, run.wait_states) == (180_000_000, 5)
    assert run.caches == "instruction, data, prefetch"
    assert run.cycles is not None
    assert run.microseconds == round(run.cycles / 180, 3)
    assert sum(layer.cycles or 0 for layer in report.layers) == run.cycles
    assert all(layer.instructions is None for layer in report.layers)
    assert sum(x.cycles or 0 for x in report.operators) == run.cycles
    assert report.operators[0].op == "conv2d"
    console = Console(width=200, record=True, file=StringIO())
    print_bench(report, console)
    said = console.export_text()
    assert "(hardware)" in said
    assert f"{run.cycles:,} cycles, " in said
    assert (
        "core:     180 MHz, 5 wait states of the flash, caches on: instruction, data, pre" in said
    )


def test_the_linker_gets_the_abi_and_a_cmsis_dap_probe_its_own_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    core = make_core(tmp_path / "core")
    users(monkeypatch, core)
    board = with_start_up(load_board("nucleo_f446re"))
    project = write_project(tmp_path / "p", board, MODEL, ["table_s8"], firmware=False)
    assert missing(board) == ()
    assert missing_tools(board, "stlink") == ()
    firmware = build_stock(project, "stlink")
    assert firmware.call_graph
    assert 0 < stack_bound(firmware, "hello_run").bytes < 200
    folder = f"{project.directory}/"
    for protocol in ("stlink", "cmsis-dap"):
        upload(project, protocol, "no port")
        (line,) = core.uploads()
        assert f"nucleo_f446re {protocol}: {line.replace(folder, '')}" == recorded(
            f"nucleo_f446re {protocol}"
        )
    ini = project.directory / "platformio.ini"
    ini.write_text(ini.read_text().replace("extra_scripts = pre:stock_flags.py\n", ""))
    assert core.pio(project.directory, "run").code != 0  # the stand-in has the trap
    shutil.rmtree(core.folder / "packages" / "tool-openocd")
    assert missing_tools(board, "stlink") == ("platformio/tool-openocd@~3.1200.0",)


def test_weights_outside_the_chip_are_flashed_from_the_elf_file_and_not_in_the_binary(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    core = make_core(tmp_path / "core")
    users(monkeypatch, core)
    board = load_board("disco_f746ng")
    files = with_outside_weights(board, MODEL)
    project = write_project(
        tmp_path / "p", board, files, ["table_s8"], firmware=False, outside=True
    )
    elf = build_stock(project, "stlink").elf
    sections = {section.name: section.address for section in read_elf(elf).sections}
    assert sections[".mcuforge_weights.qspi"] == 0x90000000
    assert elf.with_suffix(".bin").stat().st_size < 16 * 1024
    upload(project, "stlink", "no port")
    (line,) = core.uploads()
    name = "disco_f746ng stlink outside"
    assert f"{name}: {line.replace(f'{project.directory}/', '')}" == recorded(name)


def test_a_flash_tool_that_fails_is_quoted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    core = make_core(
        tmp_path / "core", then="echo 'Error: flash write failed at 0x8000000'; exit 1"
    )
    users(monkeypatch, core)
    board = with_start_up(load_board("nucleo_f446re"))
    project = write_project(tmp_path / "p", board, MODEL, ["table_s8"], firmware=False)
    with pytest.raises(UploadFailed, match="Error: flash write failed at 0x8000000") as refused:
        upload(project, "stlink", "no port")
    assert str(project.directory / ".pio" / "upload.log") in refused.value.hint


@pytest.mark.parametrize("board_id", ["pico", "sipeed-longan-nano"])
def test_other_makers_platforms_build_an_image_that_boots_and_flash_it_through_a_port(
    board_id: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    core = make_core(tmp_path / "core")
    users(monkeypatch, core)
    board = load_board(board_id)
    protocol = platformio_of(board).protocol
    project = write_project(tmp_path / "p", board, MODEL, ["table_s8"], firmware=False)
    firmware = build_stock(project, protocol)
    assert firmware.call_graph == (board_id == "pico")  # GCC 9 writes none
    upload(project, protocol, "PORT")
    (line,) = core.uploads()
    line = line.replace(f"{project.directory}/", "")
    assert f"{board_id} {protocol}: {line}" == recorded(f"{board_id} {protocol}")
    machine = VirtualBoard(board, firmware.elf)
    machine.timeout = 0.01
    assert machine.read(1) == b"", "no fault report"
    assert machine.chip.core.count > 10_000  # past the start-up code, which broke no rule
