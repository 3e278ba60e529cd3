# SPDX-License-Identifier: Apache-2.0
"""Estimated cycles of a whole model: what was logged is what the timer counted, layer by layer."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.console import Console

from mcuforge.commands.bench import Request, bench
from mcuforge.compiler.compile import PlanOptions
from mcuforge.errors import BoardError
from mcuforge.report.progress import Stages

DIGITS = Path(__file__).resolve().parents[2] / "examples" / "digits" / "digits_cnn.tflite"
QUIET = Stages(Console(stderr=True), quiet=True)


@pytest.mark.parametrize(
    ("board", "least", "most"), [("nucleo_l4r5zi", 1.0, 3.0), ("nucleo_h743zi", 0.5, 3.0)]
)
def test_cycles_follow_from_the_instructions_that_were_counted(
    board: str, least: float, most: float
) -> None:
    report = bench(Request(DIGITS, board, cycles=True), QUIET)
    estimate, counted = report.estimated_cycles, report.run.instructions
    assert estimate is not None
    assert counted is not None
    assert least * counted <= estimate.cycles <= most * counted
    assert estimate.core == report.board.cpu
    assert estimate.clock_hz is not None
    assert estimate.milliseconds == pytest.approx(estimate.cycles / estimate.clock_hz * 1e3, 1e-3)
    assert sum(layer.cycles for layer in estimate.layers) == estimate.cycles
    assert [layer.index for layer in estimate.layers] == [layer.index for layer in report.layers]
    for own, layer in zip(estimate.layers, report.layers, strict=True):
        assert layer.instructions is not None
        if layer.instructions > 5000:  # the timer counts 40 at a time, and so do many steps
            assert least / 1.1 <= own.cycles / layer.instructions <= most * 1.1, layer.name
    assert (report.run.cycles, report.run.microseconds) == (None, None), "nothing was measured"


def test_an_inference_in_parts_is_priced_whole() -> None:
    """With its input streamed the model returns for every row and is called again."""
    streamed = PlanOptions(streamed=True)
    report = bench(Request(DIGITS, "netduinoplus2", options=streamed, cycles=True), QUIET)
    assert report.estimated_cycles is not None
    assert report.run.instructions is not None
    assert report.run.cycles is None
    assert 1 <= report.estimated_cycles.cycles / report.run.instructions <= 3
    assert sum(x.cycles for x in report.estimated_cycles.layers) == report.estimated_cycles.cycles


def test_no_milliseconds_are_estimated_for_a_board_that_is_only_emulated() -> None:
    report = bench(Request(DIGITS, "qemu-mps2-an386", cycles=True), QUIET)
    assert report.estimated_cycles is not None
    assert report.estimated_cycles.clock_hz is None
    assert report.estimated_cycles.milliseconds is None


def test_a_core_without_timings_is_refused_before_anything_is_built() -> None:
    with pytest.raises(BoardError, match="the cycles of a rv32imac cannot be estimated"):
        bench(Request(DIGITS, "qemu-riscv32", cycles=True), QUIET)
