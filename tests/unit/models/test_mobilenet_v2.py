# SPDX-License-Identifier: Apache-2.0
"""MobileNetV2 as the script makes it: the paper's sizes, the same bytes each time, live values."""

from __future__ import annotations

import numpy as np
import pytest

from mcuforge.compiler import reference
from mcuforge.compiler.builders.tflite_writer import write_model
from mcuforge.compiler.compile import compile_graph
from mcuforge.compiler.frontends.tflite.reader import read_tflite
from scripts.live_tensor_peak import live_tensor_peak
from scripts.make_mobilenet_v2 import mobilenet_v2
from tests.models.case_model import feed
from tests.models.oracle import run_reference

AMPLE_BYTES = 1 << 24


@pytest.mark.parametrize(
    ("width", "macs", "parameters", "peak"),
    [(1.0, 300_000_000, 3_400_000, 1_505_280), (0.35, 59_000_000, 1_660_000, 752_640)],
)
def test_it_has_the_sizes_its_authors_give(
    width: float, macs: int, parameters: int, peak: int
) -> None:
    graph = read_tflite(write_model(mobilenet_v2(width, 224)))
    assert graph.macs == pytest.approx(macs, rel=0.02)
    assert graph.parameters == pytest.approx(parameters, rel=0.04)
    assert live_tensor_peak(graph) == peak


def test_the_same_arguments_give_the_same_bytes() -> None:
    assert write_model(mobilenet_v2(0.35, 64)) == write_model(mobilenet_v2(0.35, 64))


def test_activations_neither_saturate_nor_die() -> None:
    graph = read_tflite(write_model(mobilenet_v2(0.35, 96)))
    values = reference.run_all(graph, [feed((1, 96, 96, 3), "int8")])
    for node in graph.nodes[:-1]:  # all but softmax, which picks a few of a thousand
        value = values[node.output.name]
        ends = np.mean(value == value.min()), np.mean(value == value.max())
        assert max(ends) < 0.75, node.name
        assert len(np.unique(value)) > 64, node.name


def test_it_compiles_and_means_what_tflite_makes_of_it() -> None:
    model = write_model(mobilenet_v2(0.35, 64))
    graph = read_tflite(model)
    compiled = compile_graph(graph, "portable", AMPLE_BYTES, effort=0.0)
    assert compiled.arena_bytes <= live_tensor_peak(graph) + 4 * len(graph.nodes)
    image = [feed((1, 64, 64, 3), "int8")]
    right = run_reference(model, image)[0]
    np.testing.assert_array_equal(reference.run(compiled.graph, image)[0], right)
