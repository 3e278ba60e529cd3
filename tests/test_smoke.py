# SPDX-License-Identifier: Apache-2.0
"""The whole way, first of all tests: a model file, an emulated board, a verdict."""

from pathlib import Path

from mcuforge import DeployRequest, deploy

DIGITS = Path(__file__).resolve().parents[1] / "examples" / "digits"


def test_a_model_file_becomes_a_verdict() -> None:
    data = DIGITS / "digits_test.npz"
    model = DIGITS / "digits_cnn.tflite"
    report = deploy(DeployRequest(model, "qemu-mps2-an500", emulate=True, data=data))
    assert (report.verdict, report.reasons) == ("pass", ())
    assert report.check.exact_samples == report.check.samples > 0
