# SPDX-License-Identifier: Apache-2.0
"""`deploy --exact`: the image for the hardware on a virtual chip, to a verdict."""

from pathlib import Path

import pytest

from mcuforge import DeployRequest, deploy

DIGITS = Path(__file__).resolve().parents[2] / "examples" / "digits"
BOARDS = ("nucleo_f446re", "disco_f407vg", "disco_f429zi")
MODELS = ("digits_cnn.tflite", "digits_vit.onnx")


@pytest.mark.parametrize("board", BOARDS)
@pytest.mark.parametrize("model", MODELS)
def test_the_hardwares_image_is_exact_on_the_virtual_chip(model: str, board: str) -> None:
    request = DeployRequest(DIGITS / model, board, exact=True, samples=2)
    report = deploy(request)
    assert (report.verdict, report.reasons) == ("pass", ())
    assert report.check.exact_samples == report.check.samples == 2
    facts = report.board
    assert (facts.emulated, facts.stand_in) == (True, None)
    assert facts.virtual is not None
    assert facts.virtual.startswith("virtual STM32F4")
    run = report.run
    assert (run.cycles, run.microseconds) == (None, None)
    assert run.instructions is not None
    assert sum(layer.instructions or 0 for layer in report.layers) == run.instructions
    assert run.boot_instructions is not None
    assert run.boot_milliseconds is not None
    # a crystal takes 2 ms to start in the model; a clock signal comes at once
    assert (run.boot_milliseconds > 2.0) == (board != "nucleo_f446re")
    assert run.boot_milliseconds < 5.0
