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

# test_host.py runs all six kinds of inputs in the same kernels; megabytes take a minute per board
EVERY_TIME = {"qemu-mps2-an386": "random", "qemu-mps3-an547": "ends", "qemu-riscv32": "random"}
BOARDS = (*EVERY_TIME, "qemu-mps2-an500", "qemu-mps2-an505", "qemu-mps2-m0plus")
RUNS = [
    pytest.param(board, kind, marks=[] if EVERY_TIME.get(board) == kind else [pytest.mark.slow])
    for board in BOARDS
    for kind in ("random", "ends")
]
CASES = tuple(case for module in case_modules() for case in cases_of(module))


PARTS = (CASES[::2], CASES[1::2])  # the flash of no board holds all of them at once


@cache
def golden_graph(part: int) -> Graph:
    """All cases of a part as one graph."""
    return merged(f"golden_{part}", PARTS[part])


def fed_and_wanted(part: int, kind: int) -> tuple[tuple[Array, ...], tuple[tuple[str, Array], ...]]:
    """The inputs of all cases in a row, and each output wanted with the name of its case."""
    fed: list[Array] = []
    wanted: list[tuple[str, Array]] = []
    for case in PARTS[part]:
        fed += feeds(case, case_graph(case))[kind]
        wanted += [(case.name, x.reshape(-1)) for x in answers(case)[kind]]
    return tuple(fed), tuple(wanted)


@pytest.mark.parametrize("part", range(len(PARTS)))
@pytest.mark.parametrize(("board_id", "kind"), RUNS)
def test_every_golden_case_is_exact_on_the_board(
    board_id: str, kind: str, part: int, tmp_path: Path
) -> None:
    graph = golden_graph(part)
    board = emulated(load_board(board_id))
    compiled = in_own_kernels(graph, board.isa, board.ram_bytes)
    source = tmp_path / "golden.tflite"
    source.write_bytes(b"every golden case")
    session = Session(source, source.read_bytes(), graph, board)
    stages = Stages(Console(stderr=True), quiet=True)
    built = build_check(session, compiled, tmp_path / "project")
    # the emulator computes while it waits: all that can be known is known before it starts
    fed, wanted = fed_and_wanted(part, FEEDS.index(kind))
    with open_board(session, built, stages) as link:
        outputs, _ = run_sample(link, compiled, fed)
        assert link.counters().canaries_intact
    pairs = zip(wanted, outputs, strict=True)
    wrong = [case for (case, want), got in pairs if not np.array_equal(got, want)]
    assert not wrong
