# SPDX-License-Identifier: Apache-2.0
"""The ini files of a project for hardware, what a machine lacks for them, failed uploads."""

from __future__ import annotations

import configparser
import json
from collections import defaultdict
from pathlib import Path

import pytest

from mcuforge.boards.build.project import Project, write_project
from mcuforge.boards.build.stock import (
    STOCK,
    environment_name,
    missing,
    missing_tools,
    outside_protocols,
    platformio_of,
    stock_of,
)
from mcuforge.boards.build.upload import NoProbe, ProbeRefused, UploadFailed, upload_error
from mcuforge.boards.catalog.board import Board, load_board
from mcuforge.boards.catalog.platformio import PROTOCOLS
from tests.emulated.stock_core import LINES, SILICON, with_start_up

HIFIVE1 = load_board("hifive1")


def written(board: Board, folder: Path) -> Project:
    main = {"main.c": "int main(void)\n{\n    return 0;\n}\n"}
    return write_project(folder, with_start_up(board), main, [], firmware=False)


def ini(folder: Path, name: str = "platformio.ini") -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(folder / name)
    return parser


def test_every_platform_is_known_and_has_one_version() -> None:
    versions = defaultdict(set)
    for board in SILICON:
        versions[platformio_of(board).name].add(platformio_of(board).platform)
        assert board.probe is not None, board.id
        assert set(platformio_of(board).protocols) <= set(PROTOCOLS)
    assert versions.keys() == STOCK.keys()
    assert all(len(found) == 1 for found in versions.values())


@pytest.mark.parametrize("board", SILICON, ids=lambda board: board.id)
def test_a_hardware_project_names_the_stock_platform_and_has_an_environment_per_protocol(
    board: Board, tmp_path: Path
) -> None:
    written(board, tmp_path / "p")
    found, known = ini(tmp_path / "p"), platformio_of(board)
    common = found["env"]
    assert common["platform"] == known.platform
    assert common["board"] == known.board
    pin = f"platformio/{stock_of(board).package}@~{stock_of(board).release}.0"
    assert common["platform_packages"] == pin
    assert common["build_unflags"].split() == ["-Os", "-std=gnu11"]
    assert set(board.toolchain.flags) <= set(common["custom_machine_flags"].split())
    flags = common["build_flags"].split()
    assert "-Werror" not in flags
    assert ("-fcallgraph-info=su" in flags) is stock_of(board).call_graph
    assert common["extra_scripts"] == "pre:stock_flags.py"
    assert (tmp_path / "p" / "stock_flags.py").is_file()
    assert found["platformio"]["default_envs"] == board.id
    assert "platforms_dir" not in found["platformio"]
    names = {environment_name(board, protocol) for protocol in known.protocols}
    assert {s.removeprefix("env:") for s in found.sections()} == {"platformio", "env", *names}
    assert found[f"env:{board.id}"]["upload_protocol"] == known.protocol


def test_weights_outside_the_chip_are_written_by_the_tools_that_can(tmp_path: Path) -> None:
    main = {"main.c": "int main(void)\n{\n    return 0;\n}\n"}
    board = load_board("disco_f746ng")
    write_project(tmp_path / "p", board, main, [], firmware=False, outside=True)
    found = ini(tmp_path / "p")
    assert set(found.sections()) == {"platformio", "env", "env:disco_f746ng"}
    assert found["env"]["extra_scripts"] == "pre:stock_flags.py, post:stock_bin.py"
    assert (tmp_path / "p" / "stock_bin.py").is_file()
    line = found["env:disco_f746ng"]
    assert line["upload_protocol"] == "custom"
    assert "-f board/stm32f746g-disco.cfg -c" in line["upload_command"]
    assert outside_protocols(board) == ("stlink",)
    assert outside_protocols(load_board("nucleo_f746zg")) == ()


def test_a_cmsis_dap_probe_does_not_get_the_boards_st_link_file(tmp_path: Path) -> None:
    written(load_board("nucleo_f446re"), tmp_path / "p")
    probe = ini(tmp_path / "p")["env:nucleo_f446re_cmsis-dap"]
    assert probe["upload_protocol"] == "custom"
    assert "\n" not in probe["upload_command"]  # a shell would take a second line for a command
    assert "-f interface/cmsis-dap.cfg" in probe["upload_command"]
    assert "-f target/stm32f4x.cfg" in probe["upload_command"]
    assert "board/" not in probe["upload_command"]
    written(load_board("pico"), tmp_path / "pico")
    assert ini(tmp_path / "pico")["env:pico_cmsis-dap"]["upload_protocol"] == "cmsis-dap"


def test_the_offline_ini_keeps_its_objects_apart(tmp_path: Path) -> None:
    project = written(HIFIVE1, tmp_path / "p")
    offline = ini(tmp_path / "p", "offline.ini")
    assert offline["env:hifive1"]["platform"] == "mcuforge"
    assert offline["platformio"]["platforms_dir"] == "platforms"
    folder = tmp_path / "p" / offline["platformio"]["build_dir"] / "hifive1"
    assert project.build_dir == folder
    assert project.stock_build_dir("hifive1") != folder


def installed(core: Path, kind: str, name: str, version: str) -> None:
    folder = core / kind / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ".piopm").write_text(json.dumps({"name": name, "version": version}))


def test_what_is_missing_is_the_pinned_release(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLATFORMIO_CORE_DIR", str(tmp_path))
    monkeypatch.delenv("PLATFORMIO_PLATFORMS_DIR", raising=False)
    monkeypatch.delenv("PLATFORMIO_PACKAGES_DIR", raising=False)
    board = load_board("nucleo_f446re")
    both = ("platform platformio/ststm32@19.6.0", "package toolchain-gccarmnoneeabi 1.120301")
    assert missing(board) == both
    installed(tmp_path, "platforms", "ststm32", "18.0.0")
    installed(tmp_path, "packages", "toolchain-gccarmnoneeabi", "1.70201.0")
    (tmp_path / "packages" / "damaged").mkdir()
    (tmp_path / "packages" / "damaged" / ".piopm").write_text("[")
    assert missing(board) == both
    installed(tmp_path, "platforms", "ststm32", "19.6.0")
    assert missing(board) == both[1:]
    installed(tmp_path, "packages", "toolchain-gccarmnoneeabi", "1.120301.4")
    assert missing(board) == ()


def test_missing_flash_tools_are_those_that_the_platform_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLATFORMIO_CORE_DIR", str(tmp_path))
    monkeypatch.delenv("PLATFORMIO_PLATFORMS_DIR", raising=False)
    monkeypatch.delenv("PLATFORMIO_PACKAGES_DIR", raising=False)
    board = load_board("nucleo_f446re")
    assert missing_tools(board, "stlink") is None
    installed(tmp_path, "platforms", "ststm32", "19.6.0")
    manifest = tmp_path / "platforms" / "ststm32" / "platform.json"
    assert missing_tools(board, "stlink") == (), "a platform that is damaged is PlatformIO's matter"

    def uploader(version: str, **more: object) -> dict[str, object]:
        return {"type": "uploader", "owner": "platformio", "version": version} | more

    packages = {
        "toolchain-gccarmnoneeabi": {"type": "toolchain", "version": "~1.120301.0"},
        "tool-openocd": uploader("~3.1200.0", optional=True),
        "tool-jlink": uploader("^1.92000.0", optional=True),
        "tool-stm32flash": uploader("~0.7.0"),
        "tool-old": uploader("^0.2.1"),
    }
    manifest.write_text(json.dumps({"packages": packages}))
    openocd, jlink = "platformio/tool-openocd@~3.1200.0", "platformio/tool-jlink@^1.92000.0"
    flash, old = "platformio/tool-stm32flash@~0.7.0", "platformio/tool-old@^0.2.1"
    assert missing_tools(board, "stlink") == (old, openocd, flash)
    assert missing_tools(board, "jlink") == (jlink, old, openocd, flash)
    for name, version in (("tool-openocd", "3.1100.9"), ("tool-old", "0.3.0")):  # other releases
        installed(tmp_path, "packages", name, version)
    assert missing_tools(board, "stlink") == (old, openocd, flash)
    for name, version in (
        *(("tool-openocd", "3.1200.7"), ("tool-old", "0.2.2"), ("tool-jlink", "1.93000.0")),
        ("tool-stm32flash", "0.7.0"),
    ):
        installed(tmp_path, "packages", name, version)
    assert missing_tools(board, "jlink") == ()


@pytest.mark.parametrize(
    ("board", "protocol", "line", "kind", "hint"),
    [
        ("nucleo_f446re", "stlink", "Error: open failed", NoProbe, "connect the USB socket"),
        (
            "nucleo_f446re",
            "cmsis-dap",
            "Error: unable to find a matching CMSIS-DAP device",
            NoProbe,
            "connect the CMSIS-DAP probe",
        ),
        ("nucleo_f446re", "dfu", "No DFU capable USB device available", NoProbe, "BOOT0 high"),
        ("pico", "picotool", "No accessible RP2040 devices in BOOTSEL mode", NoProbe, "BOOTSEL"),
        (
            "nucleo_f446re",
            "stlink",
            "Error: libusb_open() failed with LIBUSB_ERROR_ACCESS",
            ProbeRefused,
            'SUBSYSTEM=="usb", ATTR{idVendor}=="0483", TAG+="uaccess"',
        ),
        (
            "nucleo_f446re",
            "cmsis-dap",
            "Error: libusb_open() failed with LIBUSB_ERROR_ACCESS",
            ProbeRefused,
            "60-openocd.rules",
        ),
        (
            "sipeed-longan-nano",
            "serial",
            "Failed to open port: /dev/ttyUSB0: Permission denied",
            ProbeRefused,
            'SUBSYSTEM=="tty", ATTRS{idVendor}=="0403"',
        ),
        (
            "nucleo_f446re",
            "dfu",
            "dfu-util: Cannot open DFU device 0483:df11 found on devnum 9",
            ProbeRefused,
            'ATTR{idProduct}=="df11"',
        ),
        (
            "nucleo_f446re",
            "stlink",
            "Error: init mode failed (unable to connect to the target)",
            UploadFailed,
            "check the board's power",
        ),
        (
            "nucleo_f446re",
            "stlink",
            "Error: checksum mismatch - attempting binary compare",
            UploadFailed,
            "the whole log",
        ),
    ],
)
def test_a_failed_upload_keeps_the_tools_own_words(
    board: str, protocol: str, line: str, kind: type[UploadFailed], hint: str, tmp_path: Path
) -> None:
    output = (
        "Uploading .pio/build/x/firmware.elf\n"
        f"{line}\n"
        "*** [upload] Error 1\n"
        "=================== [FAILED] Took 1.70 seconds ===================\n"
    )
    project = Project(tmp_path, load_board(board), ())
    error = upload_error(project, protocol, output)
    assert type(error) is kind
    assert line in error.what
    assert error.where.startswith(f"board {board}, `pio run -e {board}")
    assert hint in error.hint


def test_every_board_and_protocol_has_a_recorded_command_line() -> None:
    recorded = dict(line.split(": ", 1) for line in LINES.read_text().splitlines())
    wanted = [f"{board.id} {p}" for board in SILICON for p in platformio_of(board).protocols]
    wanted += [f"{board.id} {p} outside" for board in SILICON for p in outside_protocols(board)]
    assert set(recorded) == set(wanted)
    for name, line in recorded.items():
        if name.endswith("cmsis-dap"):
            assert "interface/cmsis-dap.cfg" in line
            assert "board/" not in line
        assert "firmware." in line, name
