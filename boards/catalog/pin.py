# SPDX-License-Identifier: Apache-2.0
"""Pins by the names that data sheets give them."""

import re
from dataclasses import dataclass

_PIN = re.compile(r"(?:P(?P<port>[A-K])|GPIO)(?P<number>\d{1,2})")
PORT_PINS, PINS = 16, 32  # of a port with a letter; of a chip without ports
NAME = re.compile(r"[A-Z][A-Z0-9_]*")  # of chips, UARTs and parts: they become parts of macros


@dataclass(frozen=True)
class Pin:
    """A pin: PA2 is port 0, number 2; GPIO17 is port 0, the only one, number 17."""

    name: str
    port: int
    number: int


def parse_pin(text: str) -> Pin | None:
    """Read "PA2" or "GPIO17"; None for what is not a pin."""
    found = _PIN.fullmatch(text)
    port = found["port"] if found else None
    if found is None or int(found["number"]) >= (PORT_PINS if port else PINS):
        return None
    return Pin(text, ord(port) - ord("A") if port else 0, int(found["number"]))
