# SPDX-License-Identifier: Apache-2.0
"""A float ONNX model all the way: quantized, deployed, checked again from its project."""

from __future__ import annotations

import json
from dataclasses import replace
from io import StringIO
from pathlib import Path

import numpy as np
import onnx
import pytest
from rich.console import Console

from mcuforge.commands import check
from mcuforge.commands.deploy import Request, deploy
from mcuforge.commands.quantize import Request as QuantizeRequest
from mcuforge.commands.quantize import quantize
from mcuforge.compiler.builders.onnx_builder import OnnxBuilder
from mcuforge.report.progress import Stages
from mcuforge.report.text import print_report

QUIET = Stages(Console(stderr=True), quiet=True)
BOARD = "qemu-mps2-an386"
SAMPLES = 210  # enough for the peer to count


def network() -> onnx.ModelProto:
    """A convolution, GELU, a mean over the image, a layer of four classes."""
    net = OnnxBuilder(11, 20)
    x = net.conv("conv", net.input("image", (1, 3, 8, 6)), (8, 3, 3, 3), stride=2, pad=1)
    x = net.node("GlobalAveragePool", "mean", [net.node("Gelu", "gelu", [x])])
    return net.model("net", net.gemm("classes", net.node("Flatten", "flat", [x]), 8, 4), (1, 4))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """net_int8.onnx and data.npz with the int8 model's own classes as labels."""
    home = tmp_path_factory.mktemp("onnx")
    (home / "net.onnx").write_bytes(network().SerializeToString())
    x = np.random.default_rng(5).normal(0, 1, (SAMPLES, 3, 8, 6)).astype(np.float32)
    np.savez(home / "data.npz", x=x, y=np.arange(SAMPLES) % 4)
    report = quantize(QuantizeRequest(home / "net.onnx", home / "data.npz"), QUIET)
    assert (report.verdict, report.reasons) == ("pass", ())
    return home


def test_an_onnx_model_is_exact_to_our_reference_and_judged_beside_onnxruntime(
    folder: Path,
) -> None:
    model, project = folder / "net_int8.onnx", folder / "project"
    request = Request(model, BOARD, emulate=True, data=folder / "data.npz", out=project)
    report = deploy(request, QUIET)
    found = report.check
    assert (report.verdict, report.model.format) == ("pass", "onnx")
    assert (found.exact_samples, found.mismatched_elements) == (SAMPLES, 0)
    assert found.peer is not None
    assert found.peer.startswith("onnxruntime ")
    assert found.peer_judged
    assert found.top1_agreement is not None
    assert found.top1_agreement >= 0.985
    assert found.peer_max_abs_diff is not None
    assert found.peer_max_abs_diff <= 2
    assert found.accuracy is not None
    assert [layer.instructions_per_mac is None for layer in report.layers] == [
        layer.macs == 0 for layer in report.layers
    ]
    console = Console(width=200, record=True, file=StringIO())
    print_report(report, console)
    assert "210 of 210 exact, against mcuforge's own integer reference" in console.export_text()

    header = (project / "include" / "model.h").read_text()
    assert "In the model's file: float32 1x3x8x6" in " ".join(header.replace(" *", " ").split())
    assert (project / "model.onnx").read_bytes() == model.read_bytes()
    assert json.loads((project / "mcuforge.json").read_text())["copy"] == "model.onnx"

    again = check.check(check.Request(str(project), folder / "data.npz", samples=5), QUIET)
    assert (again.verdict, again.check.exact_samples) == ("pass", 5)
    assert again.model == replace(report.model, name="net_int8.onnx")


def test_random_samples_never_fail_a_model_for_its_peer(folder: Path) -> None:
    model = folder / "net_int8.onnx"
    report = deploy(Request(model, BOARD, emulate=True, samples=SAMPLES), QUIET)
    assert report.verdict == "pass"
    assert not report.check.peer_judged
    assert report.check.accuracy is None
