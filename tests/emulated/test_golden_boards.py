# SPDX-License-Identifier: Apache-2.0
"""Third link: every golden case on the emulated boards, as one firmware per board."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from mcuforge.boards.catalog.board import emulated, load_board
from mcuforge.compiler import reference
from mcuforge.flow.board_check import run_sample
from mcuforge.flow.firmware import build_check
from mcuforge.flow.session import Session
from mcuforge.flow.target import open_board
from mcuforge.report.progress import Stages
from tests.golden.isas import in_own_kernels
from tests.golden.merge import FEEDS, case_graph, case_modules, cases_of, feeds, merged

FED = ("random", "ramp", "ends")  # the host has run them all
BOARDS = (
    "qemu-mps2-an386",
    "qemu-mps2-an500",
    "qemu-mps2-an505",
    "qemu-mps2-m0plus",
    "qemu-mps3-an547",
    "qemu-riscv32",
)


@pytest.mark.parametrize("board_id", BOARDS)
def test_every_golden_case_is_exact_on_the_board(board_id: str, tmp_path: Path) -> None:
    cases = [case for module in case_modules() for case in cases_of(module)]
    graph = merged("golden", cases)
    board = emulated(load_board(board_id))
    compiled = in_own_kernels(graph, board.isa, board.ram_bytes)
    source = tmp_path / "golden.tflite"
    source.write_bytes(b"every golden case")
    session = Session(source, source.read_bytes(), graph, board)
    stages = Stages(Console(stderr=True), quiet=True)
    built = build_check(session, compiled, tmp_path / "project")
    drawn = [feeds(case, case_graph(case)) for case in cases]
    wrong = []
    with open_board(session, built, None, stages) as link:
        for name in FED:
            kind = FEEDS.index(name)
            fed = tuple(x for case in drawn for x in case[kind])
            outputs = iter(run_sample(link, compiled, fed))
            for case, inputs in zip(cases, drawn, strict=True):
                for want in reference.run(case_graph(case), inputs[kind]):
                    if not np.array_equal(next(outputs), want.reshape(-1)):
                        wrong.append(f"{case.name}, feed {name}")
        assert link.counters().canaries_intact
    assert not wrong
