# SPDX-License-Identifier: Apache-2.0
"""Convolutional networks from ONNX through `deploy`, quantized in every style."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from mcuforge.commands.deploy import Request, deploy
from mcuforge.report.progress import Stages
from scripts.make_onnx_cnn import NETWORKS, Style, images, make_int8

SAMPLES = 2
CASES = (
    ("mobilenet", Style(), "qemu-mps2-an500"),
    pytest.param(
        "mobilenet",
        Style(per_channel=False, activations="uint8", symmetric=False),
        "qemu-riscv32",
        marks=pytest.mark.slow,
    ),
    pytest.param("resnet", Style(per_channel=False), "qemu-mps2-an500", marks=pytest.mark.slow),
    ("resnet", Style(symmetric=False), "qemu-riscv32"),
)


@pytest.mark.parametrize(("network", "style", "board"), CASES)
def test_an_onnx_cnn_is_exact(network: str, style: Style, board: str, tmp_path: Path) -> None:
    single = NETWORKS[network]()
    file, data = tmp_path / f"{network}_{style.name}.onnx", tmp_path / "images.npz"
    file.write_bytes(make_int8(single, style).SerializeToString())
    np.savez(data, x=np.concatenate(images(single, SAMPLES, seed=5)))
    request = Request(file, board, emulate=True, data=data)
    report = deploy(request, Stages(Console(stderr=True), quiet=True))
    assert report.reasons == ()
    assert report.verdict == "pass"
    assert report.check.samples == report.check.exact_samples == SAMPLES
    assert report.check.mismatched_elements == 0
    assert report.check.peer is not None
    assert report.check.peer_max_abs_diff is not None
    assert report.check.peer_max_abs_diff <= 5
