# SPDX-License-Identifier: Apache-2.0
"""Compares chips with modm-devices, which is generated from ST's own files.

Both the virtual chip's table and the start-up code are checked: typed apart, they could share a
misreading of the manual.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from xml.etree import ElementTree

from mcuforge.boards.arch import BSP
from mcuforge.boards.catalog.board import Board, load_board
from mcuforge.boards.catalog.hardware import Hardware
from mcuforge.boards.virtual.stm32.facts import ChipFacts, Facts

VOLTAGE = "2700"  # millivolts of the supply, on an F4 or F7: the boards run at 3.3 V


@dataclass(frozen=True)
class Part:
    """A board's chip: its facts, the package's file, and the part number's letters."""

    board: str
    facts: ChipFacts
    file: str
    name: str  # "46" of STM32F446RE
    pins: str  # "r"
    flash: str  # "e"

    @cached_property
    def device(self) -> ElementTree.Element:
        """The chip's description, without what belongs to its relatives alone."""
        spec = find_spec("modm_devices")
        assert spec is not None, "pip install modm-devices: it is in the extra dev"
        assert spec.origin is not None
        folder = Path(spec.origin).parent / "resources" / "devices" / "stm32"
        found = ElementTree.parse(folder / f"{self.file}.xml").getroot().find("device")
        assert found is not None
        letters = {"device-name": self.name, "device-pin": self.pins, "device-size": self.flash}
        _remove_relatives(found, letters)
        return found

    @property
    def hardware(self) -> Hardware:
        """The board's table [hardware]."""
        hardware = self._board.hardware
        assert hardware is not None
        return hardware

    @property
    def _board(self) -> Board:
        return load_board(self.board)

    @property
    def chip_header(self) -> str:
        """The family's chip.h."""
        folder = self._board.bsp
        assert folder is not None
        return (BSP / "chip" / folder / "chip.h").read_text(encoding="utf-8")


def _remove_relatives(element: ElementTree.Element, part: dict[str, str]) -> None:
    for child in list(element):
        if any(part[k] not in child.get(k, part[k]).split("|") for k in part):
            element.remove(child)
        else:
            _remove_relatives(child, part)


def memories_of(part: Part) -> dict[str, tuple[int, int]]:
    """Origin and size by the description's name."""
    return {
        memory.get("name", ""): (int(memory.get("start", ""), 16), int(memory.get("size", "")))
        for memory in part.device.iter("memory")
    }


def check_memories(part: Part) -> None:
    """Compare names, origins and sizes."""
    memories: dict[str, tuple[int, int]] = {}
    for bank, (origin, size) in memories_of(part).items():
        name = bank.rstrip("123")
        if name == "sram" and name in memories:  # banks, one behind the other
            assert sum(memories[name]) == origin
            origin, size = memories[name][0], memories[name][1] + size
        memories[name] = origin, size
    memories.pop("backup", None)
    alias = memories.pop("itcm_flash", None)
    assert {m.name: (m.origin, m.bytes) for m in part.facts.memories} == memories
    found = [(m.origin, m.bytes) for m in part.facts.aliases]
    assert found == ([] if alias is None else [alias])


def check_interrupts(part: Part) -> None:
    """Compare the number of interrupts and the UARTs' own, in the model and in chip.h."""
    vectors = {v.get("name"): int(v.get("position", "")) for v in part.device.iter("vector")}
    count = max(vectors.values()) + 1
    assert part.facts.interrupts == count
    for name, wired in part.facts.uarts.items():
        assert vectors[name] == wired.interrupt
    header, hardware = part.chip_header, part.hardware
    said = re.search(rf"{hardware.chip}\)\n#define CHIP_INTERRUPTS (\d+)", header)
    assert said is not None
    assert int(said[1]) == count
    uart = re.search(rf"BOARD_UART_{hardware.uart}\)\n#define CHIP_UART_INTERRUPT (\d+)", header)
    assert uart is not None
    assert int(uart[1]) == vectors[hardware.uart]


def check_pins(part: Part) -> None:
    """Compare the alternate functions of the USARTs' pins, and the board's two."""
    wired = {}
    for pin in part.device.iter("gpio"):
        name = f"P{pin.get('port', '').upper()}{pin.get('pin')}"
        for signal in pin.iter("signal"):
            uart = f"{signal.get('driver', '').upper()}{signal.get('instance')}"
            if signal.get("name") in ("tx", "rx"):
                said = (signal.get("name", "").upper(), signal.get("af"))
                if uart in part.facts.uarts and said[1] is not None:
                    wired[uart, name] = (said[0], int(said[1]))
    known = part.facts.usart_pins
    assert {key: known.get(key) for key in wired} == wired
    hardware = part.hardware
    for line, used in (("TX", hardware.tx), ("RX", hardware.rx)):
        name = f"P{chr(ord('A') + used.port)}{used.number}"
        assert wired[hardware.uart, name] == (line, hardware.alternate)


def wait_states(part: Part, voltage: str = VOLTAGE) -> Iterator[tuple[int, int]]:
    """List (wait states, fastest HCLK in Hz) at a voltage, in the description's words."""
    (latency,) = [v for v in part.device.iter("latency") if v.get("vcore-min") == voltage]
    for state in latency:
        yield int(state.get("ws", "")), int(state.get("hclk-max", ""))


def check_wait_states(part: Part, facts: Facts) -> None:
    """Compare the fastest clock with each number of wait states."""
    found = list(wait_states(part))
    assert found
    for states, most in found:
        assert most == min((states + 1) * facts.wait_state_hz, facts.fastest_hz)
        assert states <= facts.latency_mask
