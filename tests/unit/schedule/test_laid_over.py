# SPDX-License-Identifier: Apache-2.0
"""Outputs of pipelines over their dying inputs: as near as stated and no nearer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from mcuforge.compiler.calls import Call
from mcuforge.compiler.graph import Graph, Node
from mcuforge.compiler.ops.fully_connected import FullyConnected
from mcuforge.compiler.ops.reshape import Reshape
from mcuforge.compiler.ops.tables.relu import Relu
from mcuforge.compiler.schedule.estimate import Estimates
from mcuforge.compiler.schedule.kernels import Calls
from mcuforge.compiler.schedule.memory import ALIGNMENT, memory_problem
from mcuforge.compiler.schedule.schedule import Execution, Schedule, runnable
from mcuforge.compiler.schedule.search import make_schedule
from mcuforge.compiler.schedule.trace import memory_trace
from mcuforge.compiler.tensors import Tensor
from mcuforge.memplan.problem import Placement, Problem, Region
from mcuforge.memplan.replay import ReplayError, replay
from tests.unit.compiler.graphs import constant, tensor
from tests.unit.schedule.nets import Net, W

RAM = (Region("ram", 1 << 16),)


@dataclass(frozen=True)
class Scribbling(Relu):
    """A rectifier whose rows need a scratch buffer."""

    def row_calls(self, inputs: tuple[Tensor, ...], output: Tensor, isa: str) -> tuple[Call, ...]:
        calls = super().row_calls(inputs, output, isa)
        return tuple(replace(call, scratch_bytes=64) for call in calls)


def one_pipeline(graph: Graph) -> Schedule:
    """Run all of a graph as a pipeline, one row per task."""
    calls = Calls("portable")
    estimates = Estimates(graph, runnable(graph), calls)
    choice = estimates.pipelines(0, len(estimates.nodes))[0]
    return make_schedule(graph, (choice,), calls)


def of_a_window() -> Graph:
    net = Net(8, 8, 4)
    return net.graph(net.conv(net.x, 4))


def of_a_chain() -> Graph:
    net = Net(8, 8, 4)
    return net.graph(net.relu(net.conv(net.conv(net.x, 8), 4)))


def of_single_elements() -> Graph:
    net = Net(8, 8, 4)
    return net.graph(net.relu(net.x))


def of_two_operands() -> Graph:
    net = Net(8, 8, 4)
    return net.graph(net.sum(net.conv(net.x, 4), net.x))


def replay_at(schedule: Schedule, problem: Problem, distance: int) -> None:
    """Replay the plan whose one overlapping pair is so far apart, all else out of the way."""
    (overlap,) = problem.overlaps
    offsets = {b.name: 4096 * i for i, b in enumerate(problem.buffers, start=1)}
    offsets[overlap.second] = offsets[overlap.first] + distance
    placed = {name: Placement("ram", offset) for name, offset in offsets.items()}
    replay(problem, placed, memory_trace(schedule, placed))


@pytest.mark.parametrize("make", [of_a_window, of_a_chain, of_single_elements, of_two_operands])
def test_a_word_nearer_than_a_pipeline_allows_is_caught(make: Callable[[], Graph]) -> None:
    schedule = one_pipeline(make())
    problem = memory_problem(schedule, RAM)
    nearest = problem.overlaps[0].high // ALIGNMENT * ALIGNMENT
    replay_at(schedule, problem, nearest)
    with pytest.raises(ReplayError) as caught:
        replay_at(schedule, problem, nearest + ALIGNMENT)
    assert caught.value.byte >= 0


def test_a_single_row_is_not_computed_into_the_middle_of_itself() -> None:
    net = Net(1, 8, 4)
    problem = memory_problem(one_pipeline(net.graph(net.relu(net.x))), RAM)
    assert all(overlap.high <= 0 for overlap in problem.overlaps)


def test_rows_of_a_flattened_map_that_is_whole_are_told_from_one_another() -> None:
    net = Net(8, 4, 3)
    flat, out = tensor("flat", (1, 96)), tensor("out", (1, 5))
    linear = Node("linear", FullyConnected(), (flat, constant("w", (5, 96), W)), out)
    net.nodes += [Node("flatten", Reshape(), (net.x,), flat), linear]
    schedule = one_pipeline(net.graph(out))
    assert schedule.layers[0].execution is Execution.ACCUMULATE
    assert schedule.rows_held(flat) == 8


def test_scratch_of_a_layer_in_a_pipeline_lives_while_that_layer_runs() -> None:
    net = Net(8, 8, 4)
    a = net.conv(net.x, 4)
    b = tensor("b", a.shape)
    net.nodes.append(Node("scribble", Scribbling("relu"), (a,), b))
    schedule = one_pipeline(net.graph(net.conv(b, 4)))
    problem = memory_problem(schedule, RAM)
    scratch = next(x for x in problem.buffers if x.name == "scribble#scratch")
    assert (scratch.bytes, scratch.begin, scratch.end) == (64, 1, 2)
