# SPDX-License-Identifier: Apache-2.0
"""Small shapes on emulated boards: an ISA's instructions mean what stands beside them in C."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from mcuforge.boards.catalog.board import emulated, load_board
from mcuforge.flow.board_check import run_sample
from mcuforge.flow.firmware import build_check
from mcuforge.flow.session import Session
from mcuforge.flow.target import open_board
from mcuforge.report.progress import Stages
from tests.golden.isa_shapes import isa_kinds, of_isa, with_values
from tests.golden.isas import in_own_kernels
from tests.golden.small_shapes import together

BOARDS = {"armv7em": "qemu-mps2-an386", "helium": "qemu-mps3-an547", "rv32": "qemu-riscv32"}
SHAPES = 250
STEPS = {"conv2d": 29, "depthwise_conv2d": 5, "fully_connected": 4, "batch_matmul": 8, "pairs": 6}


@pytest.mark.slow
@pytest.mark.parametrize(("isa", "kind"), [p for p in isa_kinds() if p[0] in BOARDS])
def test_small_shapes_are_exact_on_the_board(isa: str, kind: str, tmp_path: Path) -> None:
    found = of_isa(kind, isa, STEPS.get(kind, 2))
    nodes = [with_values(name, node) for name, node in islice(found, SHAPES)]
    graph = together("shapes", [n.node for n in nodes])
    board = emulated(load_board(BOARDS[isa]))
    compiled = in_own_kernels(graph, board.isa, board.ram_bytes)
    source = tmp_path / "shapes.tflite"
    source.write_bytes(b"small shapes")
    session = Session(source, source.read_bytes(), graph, board)
    stages = Stages(Console(stderr=True), quiet=True)
    built = build_check(session, compiled, tmp_path / "project")
    fed = tuple(
        value
        for n in nodes
        for tensor, value in zip(n.node.inputs, n.values, strict=True)
        if not tensor.is_constant
    )
    with open_board(session, built, stages) as link:
        outputs, _ = run_sample(link, compiled, fed)
        assert link.counters().canaries_intact
    wrong = [
        n.name
        for n, got in zip(nodes, outputs, strict=True)
        if not np.array_equal(got, n.wanted.reshape(-1))
    ]
    assert not wrong
