# SPDX-License-Identifier: Apache-2.0
"""Which serial port `--port auto` takes, and what the user reads where it takes none."""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from serial.tools import list_ports

from mcuforge.boards import ports
from mcuforge.boards.catalog.board import load_board
from mcuforge.boards.catalog.platformio import Probe
from mcuforge.boards.doctor import ToolStatus, board_tools
from mcuforge.boards.link import usb
from mcuforge.boards.link.errors import (
    NoProbePort,
    PortBusy,
    SeveralPorts,
    Silent,
    WrongBoard,
    WrongModel,
)
from mcuforge.boards.link.frame import ANSWER, PROTOCOL, Kind, Splitter, encode
from mcuforge.boards.link.port import Port
from mcuforge.boards.ports import AUTO, Reach, UsbPort, find_ports
from tests.unit.link.fake_board import Reply, fake_board

BOARD = load_board("nucleo_f446re")
MODEL = bytes(range(32))
CHIP = 0x421  # what an STM32F446 says it is
OTHER_MODEL = bytes(32)


@dataclass(frozen=True)
class Listed:
    """A port as pyserial lists it."""

    device: str
    vid: int | None = 0x0483
    pid: int | None = 0x374B
    serial_number: str | None = "0661"
    description: str = "STM32 STLink"
    hwid: str = "USB"


def listed(monkeypatch: pytest.MonkeyPatch, *ports: Listed) -> None:
    monkeypatch.setattr(list_ports, "comports", lambda: list(ports))


def silent(_: bytes) -> bytes:
    return b""


def firmware(board: str = BOARD.id, model: bytes = MODEL) -> Reply:
    """Firmware that says hello and opens a session; its model has no input and no output."""
    numbers = (PROTOCOL, 256, 3, 0, 0, 1, 1, 64, 16, 1000, 0, CHIP, 1, 0)
    fields = struct.pack("<14I32s", *numbers, model)
    hello = fields + f"digits\0id\0{board}\0a build\0".encode()
    bodies = {Kind.HELLO: hello, Kind.OPEN: bytes(4)}

    def reply(data: bytes) -> bytes:
        frames = Splitter().feed(data)
        return b"".join(
            encode(f.kind | ANSWER, f.nonce, f.sequence, bodies[Kind(f.kind)]) for f in frames
        )

    return reply


def test_the_only_port_with_the_probes_ids_is_taken_and_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with fake_board(silent) as modem, fake_board(silent) as ours:
        other = Listed(modem, vid=0x1A86, pid=0x7523)
        built_in = Listed("/dev/ttyS0", vid=None, pid=None)
        listed(monkeypatch, other, built_in, Listed(ours))
        assert find_ports(BOARD, AUTO).names == (ours,)


def test_all_ports_of_one_probe_are_kept_until_one_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    with fake_board(silent) as first, fake_board(silent) as second:
        listed(monkeypatch, Listed(first), Listed(second))
        assert set(find_ports(BOARD, AUTO).names) == {first, second}


def test_of_two_probes_the_one_whose_board_says_hello_is_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with fake_board(firmware("nucleo_l4r5zi")) as other, fake_board(firmware()) as ours:
        listed(monkeypatch, Listed(other), Listed(ours, serial_number="0662"))
        assert find_ports(BOARD, AUTO).names == (ours,)


def test_two_probes_without_an_answer_are_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "HELLO_S", 0.2)
    with fake_board(silent) as first, fake_board(silent) as second:
        listed(monkeypatch, Listed(first), Listed(second, serial_number="0662"))
        with pytest.raises(SeveralPorts) as refused:
            find_ports(BOARD, AUTO)
    assert refused.value.what == "2 devices may be the board, and none answers as 'nucleo_f446re'"
    assert f"{first} (STM32 STLink, serial number 0661)" in refused.value.hint
    assert f"{second} (STM32 STLink, serial number 0662)" in refused.value.hint


def test_no_probe_names_its_ids_and_the_ports_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    listed(monkeypatch, Listed("/dev/ttyUSB7", vid=0x1A86, pid=0x7523, description="CH340"))
    with pytest.raises(NoProbePort) as refused:
        find_ports(BOARD, AUTO)
    assert refused.value.what.startswith("no serial port belongs to ST-LINK/V2-1 (USB 0483:374b")
    assert "/dev/ttyUSB7 (CH340" in refused.value.hint
    listed(monkeypatch)
    with pytest.raises(NoProbePort) as refused:
        find_ports(BOARD, AUTO)
    assert refused.value.hint == "connect the board; a cable that only charges has no data lines"


def test_a_board_without_known_ids_needs_a_port(monkeypatch: pytest.MonkeyPatch) -> None:
    listed(monkeypatch, Listed("/dev/ttyACM3"))
    with pytest.raises(NoProbePort) as refused:
        find_ports(replace(BOARD, probe=None), AUTO)
    assert refused.value.hint == "give the port: --port /dev/ttyACM3"


@pytest.mark.parametrize("asked", [AUTO, "its name"])
def test_a_busy_port_is_refused_before_anything_is_flashed(
    asked: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with fake_board(silent) as ours:
        listed(monkeypatch, Listed(ours))
        holder = Port.open(ours)
        try:
            with pytest.raises(PortBusy) as refused:
                find_ports(BOARD, AUTO if asked == AUTO else ours)
        finally:
            holder.close()
    assert refused.value.where == f"port {ours}"


def test_a_probe_matches_a_product_or_every_product_of_a_vendor() -> None:
    probe = Probe("a probe", ("0483:374b", "1366"))
    assert probe.matches(0x0483, 0x374B)
    assert probe.matches(0x1366, 0x1051)
    assert not probe.matches(0x0483, 0x3752)
    assert not probe.matches(None, None)


def reach(*names: str) -> Reach:
    return Reach(tuple(UsbPort(name, None, None, None, "") for name in names))


def test_the_port_of_a_flashed_board_is_the_one_that_answers() -> None:
    from mcuforge.flow.target import hello_port

    with fake_board(silent) as quiet, fake_board(firmware()) as ours:
        assert hello_port(BOARD, MODEL, reach(quiet, ours), 1.0) == ours


def test_a_board_that_is_silent_after_flashing_says_where_to_look() -> None:
    from mcuforge.flow.target import hello_port

    with fake_board(silent) as quiet, pytest.raises(Silent) as refused:
        hello_port(BOARD, MODEL, reach(quiet), 0.3)
    assert refused.value.what == "the board was flashed and is silent: no hello for 0.3 s"
    assert refused.value.where == f"board nucleo_f446re on port {quiet}"
    assert "press reset" in refused.value.hint
    assert "ST-LINK/V2-1" in refused.value.hint


def test_another_board_or_another_model_after_flashing_is_named() -> None:
    from mcuforge.flow.target import hello_port

    with fake_board(firmware("disco_f407vg")) as port, pytest.raises(WrongBoard) as wrong:
        hello_port(BOARD, MODEL, reach(port), 1.0)
    assert "was built for 'disco_f407vg', expected 'nucleo_f446re'" in wrong.value.what
    assert "unplug" in wrong.value.hint
    with fake_board(firmware(model=OTHER_MODEL)) as port, pytest.raises(WrongModel) as other:
        hello_port(BOARD, MODEL, reach(port), 1.0)
    assert "the board was flashed, and the firmware holds 'digits'" in other.value.what


def rows(statuses: Sequence[ToolStatus]) -> dict[str, ToolStatus]:
    return {status.purpose: status for status in statuses}


def test_the_doctor_asks_the_board_at_its_port(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))  # no compiler
    with fake_board(firmware()) as ours:
        listed(monkeypatch, Listed(ours))
        found = rows(board_tools(BOARD, AUTO))
    assert found["serial port"] == ToolStatus(ours, "serial port", True, "STM32 STLink", "")
    assert found["hello of the board"].found == "nucleo_f446re with model digits, last reset: power"
    with fake_board(firmware("pico")) as other:
        listed(monkeypatch, Listed(other))
        hello = rows(board_tools(BOARD, AUTO))["hello of the board"]
    assert not hello.ok
    assert "'pico'" in hello.found


def test_the_doctor_says_what_keeps_a_board_away(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))  # no compiler
    monkeypatch.setenv("PLATFORMIO_CORE_DIR", str(tmp_path))
    listed(monkeypatch)
    found = rows(board_tools(BOARD, AUTO))
    assert not found["serial port"].ok
    assert "ST-LINK" in found["serial port"].found
    assert "hello of the board" not in found
    assert not found["flashing"].ok
    assert "platform platformio/ststm32@19.6.0" in found["flashing"].found
    tools = found["flashing with stlink"]
    assert (tools.ok, tools.found) == (False, "not known before the platform is there")
    assert "pio pkg install --global --platform 'platformio/ststm32@19.6.0'" in tools.remedy
    assert rows(board_tools(load_board("qemu-riscv32")))["flashing"].found == "only emulated"


def test_the_doctor_says_whether_the_flash_tool_may_open_the_probe(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))  # no compiler
    monkeypatch.setenv("PLATFORMIO_CORE_DIR", str(tmp_path))
    monkeypatch.setattr(usb, "SYS", tmp_path / "sys")
    monkeypatch.setattr(usb, "DEV", tmp_path / "dev")
    listed(monkeypatch)
    for name, vendor, number in (("1-1", "0483", "7"), ("1-2", "046d", "8"), ("1-1:1.0", "", "")):
        device = tmp_path / "sys" / name
        device.mkdir(parents=True)
        for key, value in {"idVendor": vendor, "devnum": number}.items():
            if value:
                (device / key).write_text(f"{value}\n")
        for key, value in {"idProduct": "374b", "busnum": "1", "product": "STM32 STLink"}.items():
            (device / key).write_text(f"{value}\n")
    purpose = "opening the device of stlink"
    probe = rows(board_tools(BOARD, AUTO))[purpose]
    file = tmp_path / "dev" / "001" / "007"
    assert (probe.name, probe.ok, probe.found) == (str(file), False, "STM32 STLink")
    assert 'SUBSYSTEM=="usb", ATTR{idVendor}=="0483"' in probe.remedy
    file.parent.mkdir(parents=True)
    file.touch()
    assert rows(board_tools(BOARD, AUTO))[purpose].ok
    (tmp_path / "sys" / "1-1" / "idVendor").unlink()  # unplugged
    assert purpose not in rows(board_tools(BOARD, AUTO))


def test_the_doctor_says_which_flash_tools_are_missing_and_how_to_fetch_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))  # no compiler
    monkeypatch.setenv("PLATFORMIO_CORE_DIR", str(tmp_path))
    listed(monkeypatch)

    def install(kind: str, name: str, version: str) -> Path:
        folder = tmp_path / kind / name
        folder.mkdir(parents=True)
        (folder / ".piopm").write_text(json.dumps({"name": name, "version": version}))
        return folder

    openocd = {"type": "uploader", "owner": "platformio", "version": "~3.1200.0"}
    manifest = install("platforms", "ststm32", "19.6.0") / "platform.json"
    manifest.write_text(json.dumps({"packages": {"tool-openocd": openocd}}))
    tools = rows(board_tools(BOARD, AUTO))["flashing with stlink"]
    assert (tools.name, tools.ok) == ("flash tools", False)
    assert tools.found == "not installed: platformio/tool-openocd@~3.1200.0"
    fetch = "pio pkg install --global --tool 'platformio/tool-openocd@~3.1200.0'"
    assert tools.remedy == f"the first upload downloads them; before: {fetch}"
    install("packages", "tool-openocd", "3.1200.0")
    tools = rows(board_tools(BOARD, AUTO))["flashing with stlink"]
    assert (tools.ok, tools.found) == (True, str(tmp_path / "packages"))
