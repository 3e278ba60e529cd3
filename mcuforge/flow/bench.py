# SPDX-License-Identifier: Apache-2.0
"""Puts the virtual instruments of an energy measurement around an emulated board."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from mcuforge.boards.catalog.board import Board
from mcuforge.boards.emulator.qemu import Emulator
from mcuforge.boards.instruments.bench import Bench, instruments
from mcuforge.boards.instruments.edges import EdgeFile
from mcuforge.boards.instruments.sounds import Speaker
from mcuforge.boards.link.port import Port
from mcuforge.boards.link.text import TextLink


@contextmanager
def instruments_around(
    board: Board, emulator: Emulator, sounds: Path | None = None
) -> Iterator[Bench]:
    """Connect interface board and power board to a board that QEMU runs; BoardError if it ended.

    sounds: the folder of what the interface board can play.
    """
    edges = EdgeFile(emulator.edges, board.tick_hz)
    with closing(Port.open(emulator.port, board.baud)) as dut:
        TextLink(dut).synchronize()  # past what it says of itself when it starts
        speaker = None if sounds is None else Speaker(sounds, emulator.audio)
        with instruments(dut, edges, board.baud, speaker) as bench:
            yield bench
