# SPDX-License-Identifier: Apache-2.0
"""The MLPerf Tiny models are read with the MACs their maker counts, and the ViTs."""

from __future__ import annotations

import pytest

from mcuforge.compiler.frontends import read_model, survey_model
from mcuforge.compiler.verify import verify
from tests.shared import shared

pytestmark = pytest.mark.shared


@pytest.mark.parametrize(
    ("file", "operators", "macs"),
    [
        ("ad01_int8", 10, 264_192),
        ("kws_ref_model", 13, 2_656_768),
        ("pretrainedResnet_quant", 16, 12_501_632),
        ("str_ww_ref_model", 11, 826_368),
        ("vww_96_int8", 31, 7_489_664),
    ],
)
def test_an_mlperf_tiny_model_is_read_whole(file: str, operators: int, macs: int) -> None:
    path = shared(f"models/mlperf_tiny/{file}.tflite")
    graph = read_model(path)
    verify(graph, "the front end")
    assert len(graph.nodes) == operators
    assert graph.macs == macs
    assert all(row.supported for row in survey_model(path).rows)


def test_layers_of_a_real_model_have_their_authors_names() -> None:
    graph = read_model(shared("models/mlperf_tiny/kws_ref_model.tflite"))
    names = [node.name for node in graph.nodes]
    assert names[:3] == ["conv2d", "depthwise_conv2d", "conv2d_1"]
    assert names[-3:] == ["flatten", "dense", "softmax"]
    assert graph.nodes[12].origin == "operator 12 SOFTMAX"


@pytest.mark.parametrize("file", ["vit_cifar10_tf_int8_erf", "vit_cifar10_tf_int8_sigmoid"])
def test_a_vision_transformer_is_read_whole(file: str) -> None:
    path = shared(f"models/vit/{file}.tflite")
    graph = read_model(path)
    verify(graph, "the front end")
    assert all(row.supported for row in survey_model(path).rows)
