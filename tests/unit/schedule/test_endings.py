# SPDX-License-Identifier: Apache-2.0
"""Pipelines taken from a longer one that ends with the same layer: equal to those built alone."""

from __future__ import annotations

import pytest

from mcuforge.compiler.builders.tflite_writer import write_model
from mcuforge.compiler.frontends.tflite.reader import read_tflite
from mcuforge.compiler.graph import Graph
from mcuforge.compiler.schedule.estimate import Estimates
from mcuforge.compiler.schedule.kernels import Calls
from mcuforge.compiler.schedule.order import orders
from mcuforge.compiler.schedule.pipeline import Ending, Pipeline
from scripts.make_osnet import Size, osnet
from tests.models.random_graphs import seeded_model
from tests.unit.schedule.nets import residual_net

LONGEST = 14


def graphs() -> list[Graph]:
    branches = osnet(Size(resolution=32, blocks=1, branches=3))
    drawn = [seeded_model(seed) for seed in range(8)]
    return [residual_net(), *(read_tflite(write_model(model)) for model in (branches, *drawn))]


def facts(pipeline: Pipeline) -> tuple[object, ...]:
    owners = {name: tensor.name for name, tensor in pipeline.owner.items()}
    counts = [pipeline.order.of_layer(i) for i in range(len(pipeline.layers))]
    rows = pipeline.order.layer_of_row.tolist()
    return pipeline.tasks, pipeline.rings, owners, pipeline.alive, pipeline.sums, counts, rows


@pytest.mark.parametrize("eager", [False, True])
def test_a_pipeline_taken_from_a_longer_one_is_the_one_built_alone(eager: bool) -> None:
    same = other = 0
    for graph in graphs():
        estimates = Estimates(graph, orders(graph, ())[-1], Calls("portable"))
        for end in range(2, len(estimates.nodes) + 1, 3):
            joined = [b for b in range(max(0, end - LONGEST), end) if end <= estimates.reach[b]]
            joined = [b for b in joined if estimates.holding.worth_joining(b, end)]
            built: dict[int, Ending] = {}
            for begin in joined:
                layers = tuple(x for x in estimates.rows[begin:end] if x is not None)
                kept = estimates.holding.kept(begin, end)
                built[begin] = Ending(layers, kept, 1 + end % 2, eager)
            for first in joined:
                for begin in (b for b in joined if b > first):
                    if built[first].same_without(begin - first):
                        found = built[first].without(begin - first)
                        assert facts(found) == facts(built[begin].pipeline)
                        same += 1
                    else:
                        other += 1
    assert same > 500
    assert other > 0 or not eager
