# SPDX-License-Identifier: Apache-2.0
"""What the STM32F4 is said to be, against modm-devices, which is generated from ST's own files.

Both the virtual chip's table and the start-up code are checked: typed apart, they could share a
misreading of the manual.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from xml.etree import ElementTree

import pytest

from mcuforge.boards.arch import BSP
from mcuforge.boards.catalog.board import load_board
from mcuforge.boards.virtual.stm32f4.chip import USARTS
from mcuforge.boards.virtual.stm32f4.facts import F407, F429, F446, Facts

# facts, the package's file, and the letters of the part number: name, pins, size of the flash
PARTS = {
    "nucleo_f446re": (F446, "46", {"device-name": "46", "device-pin": "r", "device-size": "e"}),
    "disco_f407vg": (
        F407,
        "05_07_15_17",
        {"device-name": "07", "device-pin": "v", "device-size": "g"},
    ),
    "disco_f429zi": (
        F429,
        "27_29_37_39",
        {"device-name": "29", "device-pin": "z", "device-size": "i"},
    ),
}
boards = pytest.mark.parametrize("board", PARTS)


@cache
def device(board: str) -> ElementTree.Element:
    """The chip's description, without what belongs to its relatives alone."""
    _, file, part = PARTS[board]
    spec = find_spec("modm_devices")
    assert spec is not None, "pip install modm-devices: it is in the extra dev"
    assert spec.origin is not None
    path = Path(spec.origin).parent / "resources" / "devices" / "stm32" / f"stm32f4-{file}.xml"
    found = ElementTree.parse(path).getroot().find("device")
    assert found is not None
    _remove_relatives(found, part)
    return found


def _remove_relatives(element: ElementTree.Element, part: dict[str, str]) -> None:
    for child in list(element):
        if any(part[k] not in child.get(k, part[k]).split("|") for k in part):
            element.remove(child)
        else:
            _remove_relatives(child, part)


def facts_of(board: str) -> Facts:
    return PARTS[board][0]


@boards
def test_memories_lie_where_they_are(board: str) -> None:
    found: dict[str, tuple[int, int]] = {}
    for memory in device(board).iter("memory"):
        origin, size = int(memory.get("start", ""), 16), int(memory.get("size", ""))
        name = memory.get("name", "").rstrip("123")
        if name == "sram" and name in found:  # banks, one behind the other
            assert sum(found[name]) == origin
            origin, size = found[name][0], found[name][1] + size
        found[name] = origin, size
    found.pop("backup", None)
    assert {m.name: (m.origin, m.bytes) for m in facts_of(board).memories} == found


@boards
def test_interrupts_have_their_numbers(board: str) -> None:
    vectors = {v.get("name"): int(v.get("position", "")) for v in device(board).iter("vector")}
    count = max(vectors.values()) + 1
    assert facts_of(board).interrupts == count
    for name, (_, _, interrupt, _, _) in USARTS.items():
        assert vectors[name] == interrupt
    header = (BSP / "chip" / "stm32f4" / "chip.h").read_text(encoding="utf-8")
    hardware = load_board(board).hardware
    assert hardware is not None
    said = re.search(rf"{hardware.chip}\)\n#define CHIP_INTERRUPTS (\d+)", header)
    assert said is not None
    assert int(said[1]) == count
    uart = re.search(rf"BOARD_UART_{hardware.uart}\)\n#define CHIP_UART_INTERRUPT (\d+)", header)
    assert uart is not None
    assert int(uart[1]) == vectors[hardware.uart]


@boards
def test_pins_of_usarts_have_their_alternate_functions(board: str) -> None:
    wired = {}
    for pin in device(board).iter("gpio"):
        name = f"P{pin.get('port', '').upper()}{pin.get('pin')}"
        for signal in pin.iter("signal"):
            uart = f"USART{signal.get('instance')}"
            if signal.get("driver") == "usart" and signal.get("name") in ("tx", "rx"):
                said = (signal.get("name", "").upper(), int(signal.get("af", "")))
                if uart in USARTS:
                    wired[uart, name] = said
    known = facts_of(board).usart_pins
    assert {key: known.get(key) for key in wired} == wired
    hardware = load_board(board).hardware
    assert hardware is not None
    for line, used in (("TX", hardware.tx), ("RX", hardware.rx)):
        name = f"P{chr(ord('A') + used.port)}{used.number}"
        assert wired[hardware.uart, name] == (line, hardware.alternate)


@boards
def test_wait_states_suffice_at_the_boards_voltage(board: str) -> None:
    facts = facts_of(board)
    (latency,) = [v for v in device(board).iter("latency") if v.get("vcore-min") == "2700"]
    fastest = max(scale.over_drive_hclk for scale in facts.scales.values())
    found = [(int(w.get("ws", "")), int(w.get("hclk-max", ""))) for w in latency]
    assert found
    for states, most in found:
        assert most == min((states + 1) * facts.wait_state_hz, fastest)
        assert states <= facts.latency_mask
