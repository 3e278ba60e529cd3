# SPDX-License-Identifier: Apache-2.0
"""What start-up code must know of a memory outside the chip: [[hardware.controller]] in its file.

memory  name of the [[memory]] entry, with external = true
part    the memory chip, as the folder bsp/chip/<bsp> knows it: "N25Q128A"
pins    every wire between the two: signal, pin and number of the alternate function, "CLK PB2 AF9"
"""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mcuforge.boards.catalog.pin import NAME, Pin, parse_pin
from mcuforge.boards.catalog.toml_table import TomlTable

if TYPE_CHECKING:
    from mcuforge.boards.catalog.memory import Memory

_WIRE = re.compile(r"(?P<signal>[A-Z][A-Z0-9]*) (?P<pin>\w+) AF(?P<alternate>\d{1,2})")


@dataclass(frozen=True)
class Wire:
    """One pin of the chip that leads to a memory: its signal and its alternate function."""

    signal: str
    pin: Pin
    alternate: int


@dataclass(frozen=True)
class Controller:
    """A memory outside the chip, and its wires. `memory`: its name among the board's memories."""

    memory: str
    part: str
    pins: tuple[Wire, ...]

    def defines(self, memory: "Memory") -> str:
        """Write the lines of board_config.h for this memory."""
        name = f"BOARD_{self.memory.upper()}"
        pins = ", ".join(f"{{{w.pin.port}u, {w.pin.number}u, {w.alternate}u}}" for w in self.pins)
        return (
            f"#define {name}_PART_{self.part} 1\n"
            f"#define {name}_ORIGIN 0x{memory.origin:08x}u\n"
            f"#define {name}_BYTES {memory.bytes}u\n"
            f"#define {name}_PINS {pins}\n"
        )


def read_controller(table: TomlTable) -> Controller:
    """Read one entry whole; BoardError for a wrong, missing or unknown key."""
    part = table.text("part")
    if not NAME.fullmatch(part):
        table.refuse(
            "part", f"is '{part}'", "write capitals and digits: it becomes part of a macro"
        )
    controller = Controller(table.text("memory"), part, _read_wires(table))
    table.finish()
    return controller


def _read_wires(table: TomlTable) -> tuple[Wire, ...]:
    wires = []
    for text in table.texts("pins"):
        found = _WIRE.fullmatch(text)
        pin = parse_pin(found["pin"]) if found else None
        if found is None or pin is None or int(found["alternate"]) > 15:
            table.refuse("pins", f"has '{text}'", 'write signal, pin and function: "CLK PB2 AF9"')
        wires.append(Wire(found["signal"], pin, int(found["alternate"])))
    return tuple(wires)
