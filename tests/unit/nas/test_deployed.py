# SPDX-License-Identifier: Apache-2.0
"""What a search costs is what is deployed: graphs of shapes beside files that were quantized.

A float ONNX file with random weights goes through `mcuforge quantize`'s quantizer, with activations
that may have any zero point, and through the ONNX front end. Its plan takes the arena that the
search was told, to the byte.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from random import Random

import numpy as np
import onnx
import pytest

from mcuforge.boards.catalog.board import load_board
from mcuforge.compiler.builders.static_quantizer import quantize_model
from mcuforge.compiler.compile import plan_graph
from mcuforge.compiler.estimate import Estimator, Target
from mcuforge.compiler.frontends import read_model
from mcuforge.compiler.graph import Graph
from mcuforge.compiler.ops.reshape import Reshape
from mcuforge.compiler.ops.tables.table import TableOp
from mcuforge.compiler.passes import optimize
from mcuforge.compiler.schedule.cost import schedule_costs
from mcuforge.flow.candidates import target_of
from mcuforge.nas.architecture import Architecture, Block, Stage, Stem, Task, TokenPart
from mcuforge.nas.graph_layers import graph_of
from mcuforge.nas.onnx_layers import onnx_of
from mcuforge.nas.space import load_space
from tests.unit.nas.float_weights import random_weights

IMAGES, SERIES = Task((16, 16, 3), 5), Task((64, 3), 4)
TOKENS = TokenPart(16, 8, (Block(2, 24),))
SMALL: dict[str, tuple[Architecture, Task]] = {
    # its two residual blocks need the most RAM: the order of their convolutions matters
    "residual": (Architecture(Stem(4), (Stage("residual", 24, 2, 2),)), IMAGES),
    "plain": (Architecture(Stem(8), (Stage("plain", 12, 2, 2, 5),), 20), IMAGES),
    "inverted": (
        Architecture(Stem(8, 3, 2), (Stage("inverted", 8, 2, 1, 5, 3), Stage("separable", 16, 1))),
        IMAGES,
    ),
    "series": (Architecture(Stem(8, 7, 2), (Stage("separable", 24, 2, 2, 9),)), SERIES),
    "hybrid": (Architecture(Stem(8), (Stage("residual", 16, 1, 4),), 0, TOKENS), IMAGES),
    "series with tokens": (
        Architecture(Stem(8, 3, 4), (), 0, TokenPart(16, 8, (Block(2, 16),))),
        SERIES,
    ),
    "low rank": (
        Architecture(None, (), 0, TokenPart(16, 8, (Block(2, 32, 12),), 4, True)),
        IMAGES,
    ),
}


@cache
def board() -> Target:
    return target_of(load_board("disco_f746ng"))


def deployed(architecture: Architecture, task: Task, folder: Path) -> Graph:
    """The graph of the file that would be deployed."""
    model = onnx_of(architecture, task, random_weights(architecture, task, seed=3))
    rng = np.random.default_rng(0)
    shape = tuple(side.dim_value for side in model.graph.input[0].type.tensor_type.shape.dim)
    samples = [rng.standard_normal(shape, np.float32) for _ in range(3)]
    path = folder / "network.onnx"
    onnx.save(quantize_model(model, samples, symmetric=False), path)
    return read_model(path)


def layers(graph: Graph) -> list[tuple[str, int, int]]:
    """Kind, input and output size of every layer that computes; tables are alike."""
    return [
        (
            "table" if isinstance(node.op, TableOp) else node.op.kind,
            node.inputs[0].elements,
            node.output.elements,
        )
        for node in optimize(graph).nodes
        if not isinstance(node.op, Reshape)
    ]


def check(architecture: Architecture, task: Task, folder: Path) -> None:
    """Compare layers, arena and instructions of both."""
    file, shapes = deployed(architecture, task, folder), graph_of(architecture, task)
    assert layers(shapes) == layers(file)
    target = board()
    cost = Estimator(target).cost(shapes, exact=True)
    plan = plan_graph(file, target.isa, target.memories, options=target.options)
    assert cost.arena == plan.arena_bytes
    instructions = sum(schedule_costs(plan.schedule, plan.isa))
    assert cost.instructions == pytest.approx(instructions, rel=0.01)


@pytest.mark.parametrize("name", SMALL)
def test_a_small_network_is_deployed_as_it_is_costed(name: str, tmp_path: Path) -> None:
    check(*SMALL[name], tmp_path)


def drawn(name: str, count: int) -> list[tuple[Architecture, Task]]:
    """The smallest of 40 architectures of a shipped space."""
    space, random = load_space(name), Random(1)
    graphs = [space.architecture(space.sample(random)) for _ in range(40)]
    graphs.sort(key=lambda architecture: graph_of(architecture, space.task).macs)
    return [(architecture, space.task) for architecture in graphs[:count]]


@pytest.mark.parametrize("name", ["cnn32", "ts1d"])
def test_networks_of_a_space_are_deployed_as_they_are_costed(name: str, tmp_path: Path) -> None:
    for architecture, task in drawn(name, 2):
        check(architecture, task, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["cnn32", "ts1d", "hybrid32", "vit32"])
def test_more_networks_of_every_space_are(name: str, tmp_path: Path) -> None:
    for architecture, task in drawn(name, 4)[1:]:
        check(architecture, task, tmp_path)
