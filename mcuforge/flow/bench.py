# SPDX-License-Identifier: Apache-2.0
"""Puts the virtual instruments of an energy measurement around an emulated board."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager

from mcuforge.boards.catalog.board import Board
from mcuforge.boards.emulator.qemu import Emulator
from mcuforge.boards.instruments.bench import Bench, instruments
from mcuforge.boards.instruments.edges import EdgeFile
from mcuforge.boards.link.port import Port
from mcuforge.boards.link.text import TextLink


@contextmanager
def instruments_around(board: Board, emulator: Emulator) -> Iterator[Bench]:
    """Connect interface board and power board to a board that QEMU runs; BoardError if it ended."""
    edges = EdgeFile(emulator.edges, board.tick_hz)
    with closing(Port.open(emulator.port, board.baud)) as dut:
        TextLink(dut).synchronize()  # past what it says of itself when it starts
        with instruments(dut, edges, board.baud) as bench:
            yield bench
