# SPDX-License-Identifier: Apache-2.0
"""Flash and RAM estimated without weights and compiler, beside what the linker's map says."""

from pathlib import Path
from random import Random

import pytest

from mcuforge.boards.catalog.board import load_board
from mcuforge.boards.image.footprint import model_parts
from mcuforge.compiler.estimate import Estimator
from mcuforge.compiler.isa.code_size import code_size
from mcuforge.flow.candidates import target_of
from mcuforge.flow.firmware import build_check
from mcuforge.flow.session import Session, compile_session
from mcuforge.nas.sampling import SPACES

SEED = 29  # another than scripts/measure_code.py fits with
# space, board; kernels may differ by 15 % with another compiler than the table's
CASES = [
    ("residual", "qemu-mps2-an386"),
    ("hybrid", "qemu-mps2-an500"),
    ("inverted", "qemu-mps3-an547"),
    ("sequence", "qemu-riscv32"),
]


@pytest.mark.parametrize(("space", "name"), CASES)
def test_estimated_flash_is_the_linkers_and_a_little_more(
    space: str, name: str, tmp_path: Path
) -> None:
    board = load_board(name)
    network = SPACES[space](Random(SEED))
    cost = Estimator(target_of(board)).cost(network.graph(), exact=True)
    session = Session(Path(f"{space}.onnx"), b"", network.graph(SEED), board)
    compiled = compile_session(session)
    built = build_check(session, compiled, tmp_path / "project")
    ram, flash = built.ram(compiled, 1 << 20, None), built.flash()
    assert cost.arena == ram.arena
    assert ram.total <= cost.ram <= ram.total + 400
    assert flash.total <= cost.flash
    assert cost.flash - flash.total <= max(0.02 * flash.total, 2048)
    kernels = model_parts(built.firmware)["kernels"]
    table = code_size(board.isa, board.cpu).of_kernels(compiled.model.kernels)
    assert abs(table - kernels) <= 0.01 * kernels + 64  # padding between them
