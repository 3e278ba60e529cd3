# SPDX-License-Identifier: Apache-2.0
"""Third link: every golden case on the emulated boards, as one firmware per board.

On one board for each folder of kernels and each compiler every time; on the other cores that run
the same kernels in `make test-all`.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from mcuforge.boards.catalog.board import emulated, load_board
from mcuforge.compiler.graph import Graph
from mcuforge.compiler.tensors import Array
from mcuforge.flow.board_check import run_sample
from mcuforge.flow.firmware import build_check
from mcuforge.flow.session import Session
from mcuforge.flow.target import open_board
from mcuforge.report.progress import Stages
from tests.golden.isas import in_own_kernels
from tests.golden.merge import FEEDS, answers, case_graph, case_modules, cases_of, feeds, merged

FED = ("random", "ends")  # test_host.py runs all six in the same kernels
BOARDS = (
    "qemu-mps2-an386",
    pytest.param("qemu-mps2-an500", marks=pytest.mark.slow),
    pytest.param("qemu-mps2-an505", marks=pytest.mark.slow),
    "qemu-mps2-m0plus",
    "qemu-mps3-an547",
    "qemu-riscv32",
)
CASES = tuple(case for module in case_modules() for case in cases_of(module))


@cache
def golden_graph() -> Graph:
    """All cases as one graph."""
    return merged("golden", CASES)


def fed_and_wanted(kind: int) -> tuple[tuple[Array, ...], tuple[tuple[str, Array], ...]]:
    """The inputs of all cases in a row, and each output wanted with the name of its case."""
    fed: list[Array] = []
    wanted: list[tuple[str, Array]] = []
    for case in CASES:
        fed += feeds(case, case_graph(case))[kind]
        wanted += [(case.name, x.reshape(-1)) for x in answers(case)[kind]]
    return tuple(fed), tuple(wanted)


@pytest.mark.parametrize("board_id", BOARDS)
def test_every_golden_case_is_exact_on_the_board(board_id: str, tmp_path: Path) -> None:
    graph = golden_graph()
    board = emulated(load_board(board_id))
    compiled = in_own_kernels(graph, board.isa, board.ram_bytes)
    source = tmp_path / "golden.tflite"
    source.write_bytes(b"every golden case")
    session = Session(source, source.read_bytes(), graph, board)
    stages = Stages(Console(stderr=True), quiet=True)
    built = build_check(session, compiled, tmp_path / "project")
    # the emulator computes while it waits: all that can be known is known before it starts
    expected = {name: fed_and_wanted(FEEDS.index(name)) for name in FED}
    wrong = []
    with open_board(session, built, stages) as link:
        for name, (fed, wanted) in expected.items():
            outputs = run_sample(link, compiled, fed)
            for (case, want), got in zip(wanted, outputs, strict=True):
                if not np.array_equal(got, want):
                    wrong.append(f"{case}, feed {name}")
        assert link.counters().canaries_intact
    assert not wrong
