# SPDX-License-Identifier: Apache-2.0
"""Estimated cycles as printed, and the error that goes with them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from mcuforge.errors import InternalError
from mcuforge.flow.cycles import error_of
from mcuforge.report.model import CycleEstimate, EstimateError, LayerCycles, LayerFacts
from mcuforge.report.text import cycles_words, error_words, print_cycles

DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "cycles.md"
LAYERS = (
    LayerFacts(0, "conv[1]", "conv2d", 1000, 4000, 900, 4.0, (1, 8, 8, 4)),
    LayerFacts(1, "soft", "softmax", 0, 1000, 100, None, (1, 10)),
)
ESTIMATE = CycleEstimate(
    cycles=6500,
    cycles_per_mac=6.5,
    cycles_per_instruction=1.3,
    core="cortex-m4",
    clock_hz=120_000_000,
    milliseconds=0.0542,
    error=EstimateError(10, 25),
    layers=(LayerCycles(0, 5200, 5.2), LayerCycles(1, 1300, None)),
)


def test_every_line_says_that_it_is_an_estimate() -> None:
    words = cycles_words(ESTIMATE)
    assert words.startswith("6,500 estimated cycles per inference, 6.50 per MAC, 1.30 per instr")
    assert words.endswith("at 120 MHz estimated 0.05 ms (cortex-m4, not measured)")
    assert "from 10 % below to 25 % above such estimates" in error_words(ESTIMATE)


def test_without_silicon_no_time_is_told() -> None:
    words = cycles_words(replace(ESTIMATE, clock_hz=None, milliseconds=None, cycles_per_mac=None))
    assert "ms" not in words
    assert "MAC" not in words


def test_layers_have_their_parts() -> None:
    console = Console(width=100, record=True, quiet=False)
    print_cycles(ESTIMATE, LAYERS, console)
    lines = console.export_text().splitlines()
    assert "estimated cycles" in lines[1]
    assert lines[2].split()[-4:] == ["5,200", "5.20", "80.0", "%"]
    assert "conv[1]" in lines[2]
    assert lines[3].split()[-3:] == ["1,300", "20.0", "%"]
    assert lines[-2].startswith("estimate: 6,500 estimated cycles")
    assert lines[-1].startswith("error:")


@pytest.mark.parametrize("cpu", ["cortex-m4", "cortex-m7"])
def test_the_document_states_the_errors_that_are_printed(cpu: str) -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    reused, once = error_of(cpu, 20_000, 2_600_000), error_of(cpu, 260_000, 260_000)
    assert once.above_percent > reused.above_percent
    for error in (reused, once):
        assert f"-{error.below_percent} % to +{error.above_percent} %" in text


def test_a_core_without_a_known_error_is_our_fault() -> None:
    with pytest.raises(InternalError, match="cortex-m33"):
        error_of("cortex-m33", 1, 1)
