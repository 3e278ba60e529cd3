# SPDX-License-Identifier: Apache-2.0
"""What the doctor says of a machine, of a bare one above all."""

import tomllib
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from serial.tools import list_ports

from mcuforge.boards import doctor
from mcuforge.boards.build.tools import version
from mcuforge.boards.catalog.board import all_boards

ROOT = Path(__file__).resolve().parents[3]


def versions(monkeypatch: pytest.MonkeyPatch, known: dict[str, str]) -> None:
    def look_up(name: str) -> str:
        if name not in known:
            raise metadata.PackageNotFoundError(name)
        return known[name]

    monkeypatch.setattr(metadata, "version", look_up)


def program(folder: Path, name: str, body: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)


def test_on_a_bare_machine_every_tool_of_every_board_has_a_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(list_ports, "comports", list)
    versions(monkeypatch, {})
    statuses = {status.name: status for status in doctor.tools(all_boards())}
    assert {name: s.remedy for name, s in statuses.items() if "apt" in s.remedy} == {
        "arm-none-eabi-gcc": "apt install gcc-arm-none-eabi libnewlib-arm-none-eabi",
        "riscv64-unknown-elf-gcc": (
            "apt install gcc-riscv64-unknown-elf picolibc-riscv64-unknown-elf"
        ),
        "qemu-system-arm": "apt install qemu-system-arm",
        "qemu-system-riscv32": "apt install qemu-system-misc",
    }
    for status in statuses.values():
        assert not status.ok
        assert status.remedy


def test_a_compiler_too_old_for_call_graphs_is_not_ok(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(tmp_path, "arm-none-eabi-gcc", "echo 'arm-none-eabi-gcc (GNU) 9.3.1 2020'")
    monkeypatch.setenv("PATH", str(tmp_path))
    status = doctor.compiler_status("arm-none-eabi-gcc")
    assert not status.ok
    assert status.found == "9.3.1; 10 or newer is needed"


def test_a_compiler_without_a_c_library_is_not_ok(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = 'case $1 in --version) echo "gcc (X) 12.2.0";; *) echo "${1#*=}";; esac'
    program(tmp_path, "riscv64-unknown-elf-gcc", body)
    monkeypatch.setenv("PATH", str(tmp_path))
    status = doctor.compiler_status("riscv64-unknown-elf-gcc")
    assert not status.ok
    assert status.found == "12.2.0, without a C library"
    assert "picolibc" in status.remedy


def test_numpy_2_under_tflite_runtime_is_not_ok(monkeypatch: pytest.MonkeyPatch) -> None:
    versions(monkeypatch, {"tflite-runtime": "2.14.0", "numpy": "2.1.0"})
    status = doctor.judge_status("tflite-runtime==2.14.0")
    assert not status.ok
    assert status.remedy.endswith("-m pip install 'numpy<2'")
    versions(monkeypatch, {"tflite-runtime": "2.14.0", "numpy": "1.26.4"})
    assert doctor.judge_status("tflite-runtime==2.14.0").ok


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
@pytest.mark.parametrize("system", ["linux", "darwin"])
@pytest.mark.parametrize("minor", [11, 12, 13, 14])
def test_the_judges_of_each_python_are_those_that_pip_installs(
    minor: int, system: str, machine: str
) -> None:
    wanted = [Requirement(text) for text in doctor.judges_of((3, minor), system, machine)]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    described = {
        "python_version": f"3.{minor}",
        "sys_platform": system,
        "platform_machine": machine,
    }
    installs = [
        requirement.name
        for requirement in map(Requirement, project["dependencies"])
        if requirement.marker is None or requirement.marker.evaluate(described)
    ]
    known = {"tflite-runtime", "ai-edge-litert", "tflite-micro"}
    assert known.intersection(installs) == {requirement.name for requirement in wanted}
    assert installs.count("numpy") == 1


def test_a_judge_that_is_missing_is_told_with_what_installs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    versions(monkeypatch, {})
    for status in doctor.judge_statuses():
        assert not status.ok
        assert status.name in status.remedy


@dataclass(frozen=True)
class Port:
    device: str
    description: str
    hwid: str


def test_a_port_this_user_may_not_open_comes_with_the_group_to_join(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = Port(str(tmp_path / "ttyACM0"), "STM32 STLink", "USB VID:PID=0483:374B")
    Path(ours.device).touch()
    forbidden = Port(str(tmp_path / "ttyUSB0"), "FTDI", "USB VID:PID=0403:6010")
    built_in = Port("/dev/ttyS0", "n/a", "n/a")
    monkeypatch.setattr(list_ports, "comports", lambda: [forbidden, ours, built_in])
    found = doctor.serial_ports()
    assert [(status.name, status.ok) for status in found] == [
        (ours.device, True),
        (forbidden.device, False),  # it does not exist, so nobody may open it
    ]
    assert "dialout" in found[1].remedy


@pytest.mark.parametrize(
    ("first_line", "expected"),
    [
        ("arm-none-eabi-gcc (15:12.2.rel1-1) 12.2.1 20221205", "12.2.1"),
        ("QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7)", "7.2.22"),
        ("no number", ""),
    ],
)
def test_versions_are_the_programs_own_not_the_packages(
    first_line: str, expected: str, tmp_path: Path
) -> None:
    program(tmp_path, "tool", f"echo '{first_line}'")
    assert version(tmp_path / "tool") == expected
    assert version(tmp_path / "absent") == ""
