# SPDX-License-Identifier: Apache-2.0
"""Inputs fed row by row and poison between steps, on emulated boards, through the front door."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

import mcuforge.flow.firmware
from mcuforge.commands import check
from mcuforge.commands.deploy import Request, deploy
from mcuforge.compiler.compile import PlanOptions
from mcuforge.errors import BoardError
from mcuforge.flow.session import compile_session, open_session
from mcuforge.memplan.poison import DeadRange
from mcuforge.memplan.problem import Placement, Problem
from mcuforge.memplan.replay import Trace
from tests.emulated.deployed import QUIET, deployed

DIGITS = Path(__file__).resolve().parents[2] / "examples" / "digits"
MODEL, DATA = DIGITS / "digits_cnn.tflite", DIGITS / "digits_test.npz"
STREAMED = PlanOptions("ram", streamed=True)


@pytest.mark.parametrize("board", ["qemu-mps2-an386", "qemu-mps2-an500", "qemu-riscv32"])
def test_a_streamed_input_answers_as_a_resident_one_and_poison_changes_nothing(board: str) -> None:
    request = Request(MODEL, board, emulate=True, samples=6, options=STREAMED, poison=True)
    report = deploy(request, QUIET)
    assert report.reasons == ()
    assert report.check.exact_samples == 6
    resident = deployed(MODEL, board)
    assert report.ram.arena <= resident.ram.arena
    instructions, usual = report.run.instructions, resident.run.instructions
    assert instructions is not None
    assert usual is not None
    assert abs(instructions - usual) < 0.05 * usual  # without the time of the link
    layers = [layer for layer in report.layers if layer.macs]
    assert all(layer.instructions for layer in layers)


def test_firmware_that_is_built_already_is_fed_row_by_row_too(tmp_path: Path) -> None:
    folder = tmp_path / "digits"
    request = Request(
        MODEL, "qemu-riscv32", emulate=True, samples=1, out=folder, options=STREAMED, poison=True
    )
    deploy(request, QUIET)
    for poison in (False, True):
        target = check.Request(str(folder), DATA, samples=5, poison=poison)
        report = check.check(target, QUIET)
        assert report.verdict == "pass"
        assert report.check.exact_samples == 5


def test_firmware_without_poison_is_not_taken_for_one_with_it(tmp_path: Path) -> None:
    folder = tmp_path / "digits"
    deploy(Request(MODEL, "qemu-riscv32", emulate=True, samples=1, out=folder), QUIET)
    with pytest.raises(BoardError) as error:
        check.check(check.Request(str(folder), DATA, samples=1, poison=True), QUIET)
    assert error.value.what == "the firmware was built without --poison"


def test_poison_catches_a_plan_that_gives_a_buffer_up_too_early(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The test declares bytes dead that are read after step 0: the first half of them."""

    compiled = compile_session(open_session(MODEL, "qemu-mps2-an386", emulate=True))
    output = compiled.schedule.steps[0][0].node.output

    def too_much(
        problem: Problem, places: Mapping[str, Placement], trace: Trace
    ) -> tuple[tuple[DeadRange, ...], ...]:
        place = places[compiled.schedule.buffer(output).name]
        half = DeadRange(place.region, place.offset, place.offset + output.bytes // 2)
        return ((half,), *((),) * (len(compiled.schedule.steps) - 1))

    monkeypatch.setattr(mcuforge.flow.firmware, "dead_bytes", too_much)
    request = Request(MODEL, "qemu-mps2-an386", emulate=True, samples=3, poison=True)
    report = deploy(request, QUIET)
    assert report.verdict == "fail"
    assert report.check.exact_samples == 0
    assert any("the plan gives up bytes that are read later" in reason for reason in report.reasons)
