# SPDX-License-Identifier: Apache-2.0
"""Edges on the pins of an emulated board, as firmware tells them (boards/bsp/common/pins.c)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

PINS = ("timestamp", "detection", "duty")  # `enum board_pin`
_LINE = re.compile(rb"mcuforge-pin ([0-2]) ([01]) ([0-9a-f]{16})\n")


@dataclass(frozen=True)
class Edge:
    """A new level of a pin; `seconds` are the board's own, which count instructions."""

    pin: str
    high: bool
    seconds: float


class Edges(Protocol):
    """A source of edges."""

    def take(self) -> Sequence[Edge]:
        """Return the edges since the last call, in the order of time."""


class EdgeFile:
    """The file to which QEMU writes what firmware says of its pins; it need not be there yet."""

    def __init__(self, path: Path, tick_hz: int) -> None:
        """tick_hz: what board_ticks() counts per second."""
        self._path = path
        self._tick_hz = tick_hz
        self._read = 0  # bytes

    def take(self) -> list[Edge]:
        """Return the edges since the last call, in the order of time."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._read)
                data = file.read()
        except FileNotFoundError:
            return []
        whole = data.rfind(b"\n") + 1
        self._read += whole
        return [
            Edge(PINS[int(pin)], level == b"1", int(ticks, 16) / self._tick_hz)
            for pin, level, ticks in _LINE.findall(data[:whole])
        ]
