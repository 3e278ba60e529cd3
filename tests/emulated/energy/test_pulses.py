# SPDX-License-Identifier: Apache-2.0
"""Timestamps on the pins of virtual chips: the image for the hardware, its pulses counted."""

from __future__ import annotations

from pathlib import Path

import pytest

from mcuforge.boards.catalog.board import all_boards, load_board
from mcuforge.boards.emulator import qemu
from mcuforge.boards.instruments.edges import EdgeFile
from mcuforge.boards.link.text import TextLink
from mcuforge.boards.virtual.chip import Edge
from mcuforge.boards.virtual.machine import VirtualBoard
from mcuforge.commands.mlperf import Request, mlperf
from mcuforge.flow.firmware import build_check
from mcuforge.flow.session import ENERGY_BAUD, compile_session, open_session
from tests.emulated.deployed import QUIET
from tests.emulated.test_mlperf import keywords, written

BOARDS = tuple(board.id for board in all_boards() if board.virtual is not None)
MACHINES = tuple(board.id for board in all_boards() if board.emulator is not None)
LEAST_S, MOST_S = 1e-6, 20e-6  # of a pulse; the rules ask for 1 us
REST = {"timestamp": True, "detection": True, "duty": False}


@pytest.mark.parametrize("board", BOARDS)
def test_a_timestamp_pulls_its_pin_down_for_a_microsecond(board: str, tmp_path: Path) -> None:
    model = written(tmp_path, 490, 12)
    session = open_session(model, board, exact=True, firmware="mlperf-energy")
    assert session.board.baud == ENERGY_BAUD
    built = build_check(session, compile_session(session), tmp_path / "project")
    machine = VirtualBoard(session.board, built.firmware.elf)  # refuses another baud than 9600
    machine.start()
    with TextLink(machine.port()) as link:
        link.synchronize()
        link.load(bytes(490))
        edges = machine.chip.outputs.edges
        assert {edge.pin: edge.high for edge in edges} == REST
        edges.clear()
        assert link.command("timestamp") == ()
        check_pulses(edges, 1, board)
        edges.clear()
        lines = link.command("infer 3 2")
        assert not [line for line in lines if line.startswith("m-lap-us")]
        check_pulses(edges, 2, board)
    assert edges[2].count - edges[0].count > 3 * 490 * 12  # three inferences lie between them


def check_pulses(edges: list[Edge], count: int, board: str) -> None:
    """Compare edges with so many pulses on the timestamp pin, at the clock of the board's file."""
    assert [(edge.pin, edge.high) for edge in edges] == count * [
        ("timestamp", False),
        ("timestamp", True),
    ]
    for fall, rise in zip(edges[::2], edges[1::2], strict=True):
        assert fall.hz == rise.hz == load_board(board).clock_hz
        assert LEAST_S <= (rise.count - fall.count) / fall.hz < MOST_S


@pytest.mark.parametrize("board", MACHINES)
def test_every_machine_of_qemu_tells_edges(board: str, tmp_path: Path) -> None:
    session = open_session(
        written(tmp_path, 490, 12), board, emulate=True, firmware="mlperf-energy"
    )
    built = build_check(session, compile_session(session), tmp_path / "project")
    with qemu.start(session.board, built.firmware.elf) as running:
        with TextLink.open(running.port) as link:
            link.command("timestamp")
        edges = EdgeFile(running.edges, session.board.tick_hz).take()
    assert {edge.pin: edge.high for edge in edges[:3]} == REST
    fall, rise = edges[3:]
    assert (fall.pin, fall.high, rise.pin, rise.high) == ("timestamp", False, "timestamp", True)
    slack = 2 / session.board.tick_hz  # of a clock whose ticks are longer than instructions
    assert LEAST_S <= rise.seconds - fall.seconds < MOST_S + slack


def test_windows_of_a_virtual_chip_are_counted_cycles(tmp_path: Path) -> None:
    keywords(tmp_path, 0)
    request = Request(
        tmp_path / "model.tflite",
        "nucleo_l4r5zi",
        tmp_path,
        exact=True,
        mode="energy",
        window=0.002,
        samples=1,
    )
    report = mlperf(request, QUIET)
    assert report.board.ran_as == "exact ELF, emulated"
    assert report.energy is not None
    (window,) = report.energy.windows
    assert window.seconds >= 0.002
    assert (window.microjoules, report.energy.clock) == (None, "emulated")
