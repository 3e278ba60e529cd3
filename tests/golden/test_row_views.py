# SPDX-License-Identifier: Apache-2.0
"""Pipelines through reshapes: a line of an image is several tokens, and the other way round."""

from pathlib import Path

import numpy as np
import pytest

from mcuforge.compiler import reference
from mcuforge.compiler.graph import Graph, Node
from mcuforge.compiler.ops.conv2d import Conv2D
from mcuforge.compiler.ops.depthwise_conv2d import DepthwiseConv2D
from mcuforge.compiler.ops.fully_connected import FullyConnected
from mcuforge.compiler.ops.reshape import Reshape
from mcuforge.compiler.schedule.kernels import Calls
from mcuforge.compiler.schedule.pipeline import build_pipeline
from mcuforge.compiler.schedule.row_layer import row_layer
from mcuforge.compiler.schedule.schedule import runnable, view_storage
from mcuforge.compiler.schedule.search import Goal
from mcuforge.compiler.tensors import Quant
from tests.random.batch import Job, run_batch
from tests.random.goals import ISA_GOALS, compile_for
from tests.unit.compiler.graphs import constant, tensor

W = Quant((0.02,))
SAMPLES = 2


def patches_to_tokens_and_back() -> Graph:
    """A 16x8 image in 2x2 patches, a linear layer on tokens, a convolution on the grid again."""
    x = tensor("x", (1, 16, 8, 3))
    grid = tensor("grid", (1, 8, 4, 8))
    tokens = tensor("tokens", (1, 32, 8))
    wide = tensor("wide", (1, 32, 12))
    back = tensor("back", (1, 8, 4, 12))
    y = tensor("y", (1, 8, 4, 12))
    nodes = (
        Node("patch", Conv2D((2, 2)), (x, constant("w0", (8, 2, 2, 3), W)), grid),
        Node("flat", Reshape(), (grid,), tokens),
        Node("linear", FullyConnected(), (tokens, constant("w1", (12, 8), W)), wide),
        Node("unflat", Reshape(), (wide,), back),
        Node(
            "window",
            DepthwiseConv2D((1, 1), (1, 1, 1, 1)),
            (back, constant("w2", (1, 3, 3, 12), W)),
            y,
        ),
    )
    return Graph("views", (x,), (y,), nodes, "views.tflite")


@pytest.mark.parametrize("streamed", [False, True], ids=["resident", "streamed"])
@pytest.mark.parametrize(("isa", "goal"), ISA_GOALS)
def test_pipelines_run_through_reshapes_bit_exact(
    isa: str, goal: Goal, streamed: bool, tmp_path: Path
) -> None:
    graph = patches_to_tokens_and_back()
    compiled = compile_for(graph, goal, streamed, isa)
    rng = np.random.default_rng(5)
    feeds = tuple((rng.integers(-128, 128, (1, 16, 8, 3)).astype(np.int8),) for _ in range(SAMPLES))
    job = Job("views", compiled.model, feeds)
    (got,) = run_batch([job], isa, tmp_path)
    for sample, outputs in zip(feeds, got, strict=True):
        (want,) = reference.run(graph, sample)
        np.testing.assert_array_equal(outputs[0].reshape(-1), want.reshape(-1))


def test_a_chain_through_reshapes_holds_a_few_lines_only() -> None:
    graph = patches_to_tokens_and_back()
    storage = view_storage(graph)
    calls = Calls("portable")
    layers = [row_layer(n, storage, calls) for n in runnable(graph)]
    rings = build_pipeline([x for x in layers if x], graph.outputs, 1, eager=False).rings
    # one line of patches; three lines of four tokens under the window
    assert rings == {"grid": 1, "wide": 12}
