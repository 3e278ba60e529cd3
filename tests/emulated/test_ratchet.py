# SPDX-License-Identifier: Apache-2.0
"""No model gets slower or larger unseen: figures are counted again and compared with the bench.

An emulator's counts repeat, so 1 % is a change of ours and no noise. Figures that got much better
fail too: a file that is out of date would let them get worse again. With another version of the
compiler than the figures name, answers must be exact and the figures within a wider band.
"""

from __future__ import annotations

import pytest

import scripts.bench_table
from mcuforge.commands.deploy import Request
from mcuforge.report.model import Report
from mcuforge.report.progress import Stages
from scripts.bench_table import (
    M7,
    MLPERF,
    OWN,
    REMEDY,
    ROOT,
    SHARED,
    count,
    model_file,
    table_row,
)
from scripts.figures import Case, differences, read_figures
from tests.emulated.deployed import deployed
from tests.shared import shared

CODE_BYTES = 16 * 1024  # flash without weights, of a model of MLPerf Tiny's
CODE_BOARDS = (M7, "qemu-mps2-an386", "qemu-riscv32")
COMMITTED = read_figures()
EVERY_TIME = {  # the rest, minutes together, is left to make test-all
    *(Case("digits_cnn.tflite", board) for board in COMMITTED.boards),
    *(Case("digits_vit.onnx", board) for board in (M7, "qemu-mps3-an547", "qemu-riscv32")),
    *(Case(model, board) for model in MLPERF for board in (M7, "qemu-riscv32")),
    Case("vit_cifar10_int8_qdq_default.onnx", M7),
}


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(
            case,
            id=str(case),
            marks=[
                *([] if case in EVERY_TIME else [pytest.mark.slow]),
                *([] if case.model in OWN else [pytest.mark.shared]),
            ],
        )
        for case in sorted(COMMITTED.rows)
    ],
)
def test_nothing_gets_slower_or_larger_unseen(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scripts.bench_table, "deploy", as_others_do)
    if case.model not in OWN:
        shared(str(model_file(case.model).relative_to(SHARED)))
    counted = count(case)
    was, now = COMMITTED.boards[case.board].compiler, counted.board.compiler
    found = differences(COMMITTED.rows[case], counted.figure, other_compiler=was != now)
    compilers = f"{case}, the figures are of {was}, here is {now}:"
    told = "\n".join((compilers, *found, table_row(case, counted.figure), REMEDY))
    assert not found, told
    if case.model in MLPERF and case in {Case(case.model, board) for board in CODE_BOARDS}:
        assert counted.figure.code <= CODE_BYTES, told


def as_others_do(request: Request, stages: Stages) -> Report:
    """Take the deploy that test_models.py uses too: more samples, and the first one's counts."""
    return deployed(request.model, request.board, request.options)


def test_models_of_ours_are_counted_wherever_they_run() -> None:
    assert {Case(model, board) for model in OWN for board in COMMITTED.boards} <= set(
        COMMITTED.rows
    )
    assert {M7, *CODE_BOARDS} <= set(COMMITTED.boards)
    assert all(model_file(model).is_relative_to(ROOT) for model in OWN)
