# SPDX-License-Identifier: Apache-2.0
"""A schedule as a memory problem: lifetimes, views, overlaps, scratch; the trace that proves it."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from mcuforge.compiler.graph import Graph, Node
from mcuforge.compiler.ops.add import Add
from mcuforge.compiler.ops.quantize import Quantize
from mcuforge.compiler.schedule.memory import ALIGNMENT, memory_problem
from mcuforge.compiler.schedule.schedule import Schedule
from mcuforge.compiler.schedule.trace import memory_trace
from mcuforge.compiler.tensors import DType
from mcuforge.errors import CompileError
from mcuforge.memplan.problem import Placement, Problem, Region
from mcuforge.memplan.replay import Read, ReplayError, Trace, Write, replay
from mcuforge.memplan.solve import solve
from tests.schedules import whole_layers
from tests.unit.compiler.graphs import (
    Scratchy,
    chain,
    constant,
    graph,
    padded_conv,
    relu,
    scratchy,
    tensor,
    view,
)

RAM = (Region("ram", 4096),)


def planned(graph: Graph) -> tuple[Schedule, Problem]:
    steps = whole_layers(graph, "portable")
    return steps, memory_problem(steps, RAM)


def lives(problem: Problem) -> dict[str, tuple[int, int]]:
    return {b.name: (b.begin, b.end) for b in problem.buffers}


def overlaps(problem: Problem) -> set[tuple[str, str]]:
    """The pairs of which the second may lie exactly over the first."""
    return {(o.first, o.second) for o in problem.overlaps if o.low <= 0 <= o.high}


def check(steps: Schedule, problem: Problem, offsets: Mapping[str, int]) -> None:
    """Replay the plan that lies as `offsets` say."""
    replay(problem, placed(offsets), memory_trace(steps, placed(offsets)))


def placed(offsets: Mapping[str, int]) -> dict[str, Placement]:
    return {name: Placement("ram", offset) for name, offset in offsets.items()}


def trace_apart(steps: Schedule, problem: Problem) -> Trace:
    """The trace where no two buffers meet."""
    return memory_trace(steps, placed(offsets_of(problem)))


def test_a_tensor_lives_from_its_writer_to_its_last_reader() -> None:
    x, a, b, out = (tensor(name) for name in ("x", "a", "b", "out"))
    nodes = [relu(x, a), relu(a, b), Node("sum", Add(), (a, b), out)]
    _, problem = planned(graph([x], nodes, [out]))
    assert lives(problem) == {"x": (0, 1), "a": (0, 3), "b": (1, 3), "out": (2, 3)}
    assert all(buffer.alignment == ALIGNMENT for buffer in problem.buffers)


def test_an_input_lives_from_the_start_to_its_reader() -> None:
    late, x, a, out = (tensor(name) for name in ("late", "x", "a", "out"))
    nodes = [relu(x, a), Node("sum", Add(), (a, late), out)]
    _, problem = planned(graph([late, x], nodes, [out]))
    assert lives(problem)["late"] == (0, 2)


def test_an_input_nobody_reads_still_arrives_somewhere() -> None:
    unused, x, out = tensor("unused"), tensor("x"), tensor("out")
    steps, problem = planned(graph([unused, x], [relu(x, out)], [out]))
    assert lives(problem)["unused"] == (0, 1)
    assert Write("unused", 0, 6) in trace_apart(steps, problem).arrive


def test_an_output_lives_to_the_end() -> None:
    x, early, late = tensor("x"), tensor("early"), tensor("late")
    _, problem = planned(graph([x], [relu(x, early), relu(x, late)], [early, late]))
    assert lives(problem)["early"] == (0, 2)


def test_constants_take_no_ram() -> None:
    x, out = tensor("x"), tensor("out")
    _, problem = planned(graph([x], [Node("sum", Add(), (x, constant("c")), out)], [out]))
    assert set(lives(problem)) == {"x", "out"}


def test_a_view_is_no_step_and_keeps_its_buffer_alive() -> None:
    x, a, flat, b, out = tensor("x"), tensor("a"), tensor("flat", (6,)), tensor("b"), tensor("out")
    back = tensor("back")
    nodes = [relu(x, a), view(a, flat), relu(x, b), view(flat, back)]
    nodes.append(Node("sum", Add(), (back, b), out))
    steps, problem = planned(graph([x], nodes, [out]))
    assert [step.node.name for step in steps.layers] == ["to_a", "to_b", "sum"]
    assert steps.buffer(flat) is a
    assert steps.buffer(back) is a
    assert lives(problem) == {"x": (0, 2), "a": (0, 3), "b": (1, 3), "out": (2, 3)}


def test_an_output_that_is_a_view_keeps_its_buffer_to_the_end() -> None:
    x, a, flat, out = tensor("x"), tensor("a"), tensor("flat", (6,)), tensor("out")
    steps, problem = planned(graph([x], [relu(x, a), view(a, flat), relu(a, out)], [flat, out]))
    assert lives(problem)["a"] == (0, 2)
    assert overlaps(problem) == {("x", "a")}
    leave = trace_apart(steps, problem).leave
    assert leave == (Read("a", 0, 6, value="a"), Read("out", 0, 6, value="out"))


def test_a_model_of_views_alone_has_no_steps_and_one_buffer() -> None:
    x, flat = tensor("x"), tensor("flat", (6,))
    steps, problem = planned(graph([x], [view(x, flat)], [flat]))
    assert steps.layers == ()
    assert lives(problem) == {"x": (0, 1)}
    check(steps, problem, {"x": 0})


def test_a_constant_under_another_shape_is_no_output() -> None:
    x, out, c, flat = tensor("x"), tensor("out"), constant("c"), tensor("flat", (6,))
    with pytest.raises(CompileError) as caught:
        whole_layers(graph([x], [relu(x, out), view(c, flat)], [out, flat]), "portable")
    assert str(caught.value).splitlines() == [
        "error: output 'flat' is a constant, expected a computed tensor",
        "where: tiny.tflite, operator 1 RESHAPE 'view_flat'",
        "try:   leave it out of the model's outputs",
    ]


def test_an_elementwise_output_may_lie_over_an_input_read_for_the_last_time() -> None:
    _, problem = planned(chain(3))
    assert overlaps(problem) == {("x", "t0"), ("t0", "t1"), ("t1", "t2")}
    assert solve(problem).peak == 6


def test_an_input_read_again_later_is_not_overwritten() -> None:
    x, a, out = tensor("x"), tensor("a"), tensor("out")
    nodes = [relu(x, a), Node("sum", Add(), (x, a), out)]
    _, problem = planned(graph([x], nodes, [out]))
    assert overlaps(problem) == {("x", "out"), ("a", "out")}


@pytest.mark.parametrize("first", [True, False])
def test_an_output_read_by_the_last_step_is_not_overwritten(first: bool) -> None:
    x, a, b = tensor("x"), tensor("a"), tensor("b")
    outputs = [a, b] if first else [b, a]
    steps, problem = planned(graph([x], [relu(x, a), relu(a, b)], outputs))
    assert overlaps(problem) == {("x", "a")}
    check(steps, problem, {n: p.offset for n, p in solve(problem).placements.items()})


def test_an_output_keeps_the_distance_its_window_asks_for() -> None:
    _, problem = planned(padded_conv())
    assert overlaps(problem) == set()
    distances = {(o.first, o.second): -o.high for o in problem.overlaps}
    # row 0 of p needs nothing: it is written before x is read; rows of y end 3 rows behind p's
    assert 0 < distances["p", "y"] < 7 * 5 * 3


def test_an_operator_that_reads_all_of_its_input_is_kept_apart() -> None:
    x, out = tensor("x"), tensor("out")
    _, problem = planned(graph([x], [Node("s", Scratchy(0), (x,), out)], [out]))
    assert problem.overlaps == ()


def test_one_buffer_read_under_two_names_is_stated_once() -> None:
    x, a, flat, out = tensor("x"), tensor("a"), tensor("flat"), tensor("out")
    nodes = [relu(x, a), view(a, flat), Node("sum", Add(), (a, flat), out)]
    _, problem = planned(graph([x], nodes, [out]))
    assert overlaps(problem) == {("x", "a"), ("a", "out")}


def test_a_broadcast_operand_is_not_overwritten() -> None:
    x, out = tensor("x", (1, 4, 6)), tensor("out", (1, 4, 6))
    row, a = tensor("row", (1, 1, 6)), tensor("a", (1, 1, 6))
    nodes = [relu(row, a), Node("sum", Add(), (x, a), out)]
    steps, problem = planned(graph([x, row], nodes, [out]))
    assert ("a", "out") not in overlaps(problem)
    with pytest.raises(ReplayError):
        check(steps, problem, {"x": 0, "row": 64, "a": 32, "out": 32})


def test_floats_quantized_in_place_are_safe_and_the_plan_is_proved() -> None:
    x, out = tensor("x", dtype=DType.FLOAT32, quant=None), tensor("out")
    steps, problem = planned(graph([x], [Node("q", Quantize(), (x,), out)], [out]))
    plan = solve(problem)
    check(steps, problem, {n: p.offset for n, p in plan.placements.items()})
    assert plan.peak <= 24 + 8


def test_scratch_lives_for_its_step_only_and_takes_the_larger_of_two_calls() -> None:
    x, a, out = tensor("x"), tensor("a"), tensor("out")
    steps, problem = planned(graph([x], [scratchy(x, a, 40), relu(a, out)], [out]))
    assert lives(problem)["to_a#scratch"] == (0, 1)
    assert next(b.bytes for b in problem.buffers if b.name == "to_a#scratch") == 40
    assert [step.scratch_bytes for step in steps.layers] == [40, 0]


def test_scratch_is_named_unlike_every_tensor() -> None:
    x, a, out = tensor("x"), tensor("to_out#scratch"), tensor("out")
    steps, problem = planned(graph([x], [relu(x, a), scratchy(a, out)], [out]))
    assert steps.layers[1].scratch_name == "to_out#scratch#"
    assert set(lives(problem)) == {"x", "to_out#scratch", "out", "to_out#scratch#"}


def offsets_of(problem: Problem) -> dict[str, int]:
    """Every buffer apart."""
    at, offsets = 0, {}
    for buffer in problem.buffers:
        offsets[buffer.name] = at
        at += -(-buffer.bytes // ALIGNMENT) * ALIGNMENT
    return offsets


def test_buffers_apart_always_replay() -> None:
    x, a, out = tensor("x"), tensor("a"), tensor("out")
    steps, problem = planned(graph([x], [scratchy(x, a), relu(a, out)], [out]))
    check(steps, problem, offsets_of(problem))


@pytest.mark.parametrize(
    ("moved", "onto", "owner"),
    [
        ("to_a#scratch", "x", "to_a#scratch"),
        ("to_a#scratch", "a", "a"),
        ("a", "x", "a"),
        ("keep", "a", "a"),
        ("keep", "to_a#scratch", "to_a#scratch"),
    ],
)
def test_a_corrupted_plan_is_caught(moved: str, onto: str, owner: str) -> None:
    keep, x, a, out = tensor("keep"), tensor("x"), tensor("a"), tensor("out")
    nodes = [scratchy(x, a), Node("sum", Add(), (a, keep), out)]
    steps, problem = planned(graph([keep, x], nodes, [out]))
    offsets = offsets_of(problem)
    offsets[moved] = offsets[onto]
    with pytest.raises(ReplayError) as caught:
        check(steps, problem, offsets)
    assert caught.value.owner == owner
    assert {caught.value.tensor, caught.value.owner} == {moved, onto}


@pytest.mark.parametrize("ahead", [ALIGNMENT, 2 * ALIGNMENT, 60])
def test_an_output_a_word_ahead_of_its_input_is_caught(ahead: int) -> None:
    steps, problem = planned(chain(1, (1, 64)))
    with pytest.raises(ReplayError):
        check(steps, problem, {"x": 0, "t0": ahead})


@pytest.mark.parametrize("behind", [0, ALIGNMENT, 60])
def test_an_output_behind_its_input_is_safe(behind: int) -> None:
    steps, problem = planned(chain(1, (1, 64)))
    check(steps, problem, {"x": behind, "t0": 0})


@pytest.mark.parametrize("elements", [1, 2, 63, 65, 1000, 4097])
def test_an_output_over_its_input_is_traced_element_by_element(elements: int) -> None:
    steps, _ = planned(chain(1, (1, elements)))
    events = memory_trace(steps, placed({"x": 0, "t0": 0})).steps[0].events
    for kind, name in ((Read, "x"), (Write, "t0")):
        ranges = [(e.begin, e.end) for e in events if isinstance(e, kind)]
        assert {e.tensor for e in events if isinstance(e, kind)} == {name}
        assert ranges == [(i, i + 1) for i in range(elements)]
    for read, write in zip(events[::2], events[1::2], strict=True):
        assert isinstance(read, Read)
        assert isinstance(write, Write)


def test_the_trace_counts_bytes_not_elements() -> None:
    x, out = tensor("x", dtype=DType.FLOAT32, quant=None), tensor("out")
    steps, _ = planned(graph([x], [Node("q", Quantize(), (x,), out)], [out]))
    trace = memory_trace(steps, placed({"x": 0, "out": 0}))
    assert trace.arrive == (Write("x", 0, 24),)
    assert trace.leave == (Read("out", 0, 6, value="out"),)
    reads = [e for e in trace.steps[0].events if isinstance(e, Read)]
    assert (reads[0].begin, reads[0].end, reads[-1].end) == (0, 4, 24)


def test_an_input_read_whole_is_read_after_all_of_the_output_is_written() -> None:
    x, out = tensor("x"), tensor("out")
    steps, problem = planned(graph([x], [Node("s", Scratchy(0), (x,), out)], [out]))
    events = trace_apart(steps, problem).steps[0].events
    assert events == (Write("out", 0, 6, value="out"), Read("x", 0, 6, value="x"))


def test_scratch_is_written_first_and_read_last() -> None:
    x, out = tensor("x"), tensor("out")
    steps, problem = planned(graph([x], [scratchy(x, out, 16)], [out]))
    events = trace_apart(steps, problem).steps[0].events
    assert events[0] == Write("to_out#scratch", 0, 16)
    assert events[-1] == Read("to_out#scratch", 0, 16)
