# SPDX-License-Identifier: Apache-2.0
"""The whole way, first of all tests: a model file, an emulated board, a verdict."""

from pathlib import Path

from rich.console import Console

from mcuforge.deploy import Request, deploy
from mcuforge.report.progress import Stages

DIGITS = Path(__file__).resolve().parents[1] / "examples" / "digits"


def test_a_model_file_becomes_a_verdict() -> None:
    data = DIGITS / "digits_test.npz"
    request = Request(DIGITS / "digits_cnn.tflite", "qemu-mps2-an500", emulate=True, data=data)
    report = deploy(request, Stages(Console(stderr=True), quiet=True))
    assert (report.verdict, report.reasons) == ("pass", ())
    assert report.check.exact_samples == report.check.samples > 0
