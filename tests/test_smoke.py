# SPDX-License-Identifier: Apache-2.0
"""The whole way, first of all tests: a model file, an emulated board, a verdict."""

from pathlib import Path

from mcuforge import DeployRequest, deploy

DIGITS = Path(__file__).resolve().parents[1] / "examples" / "digits"


def test_a_model_file_becomes_a_verdict() -> None:
    model, data = DIGITS / "digits_cnn.tflite", DIGITS / "digits_test.npz"
    board = "qemu-mps2-an500"
    report = deploy(DeployRequest(model, board, emulate=True, data=data, samples=32))
    assert (report.verdict, report.reasons) == ("pass", ())
    assert report.check.exact_samples == report.check.samples == 32
