# SPDX-License-Identifier: Apache-2.0
"""A graph to C as one call: what it returns, and what it says when the RAM is too little."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from mcuforge.compiler.compile import (
    ARENA,
    Compiled,
    PlanOptions,
    compile_graph,
    plan_graph,
    refuse_over_budget,
)
from mcuforge.compiler.frontends import read_model
from mcuforge.compiler.graph import Graph, Node
from mcuforge.compiler.ops.add import Add
from mcuforge.compiler.passes import PASSES
from mcuforge.compiler.schedule import choose as choosing
from mcuforge.compiler.schedule.describe import describe
from mcuforge.errors import CompileError
from mcuforge.memplan.problem import Placement, Plan, Problem, Region
from mcuforge.memplan.replay import ReplayError
from mcuforge.memplan.solve import Place, solve
from tests.unit.compiler.graphs import (
    Scratchy,
    chain,
    constant,
    graph,
    padded_conv,
    relu,
    scratchy,
    sums,
    tensor,
    view,
)
from tests.unit.schedule.nets import residual_net

DIGITS = Path(__file__).resolve().parents[3] / "examples" / "digits" / "digits_cnn.tflite"


def compiled(graph: Graph, ram_bytes: int = 1 << 20) -> Compiled:
    return compile_graph(graph, "portable", ram_bytes, effort=0.0)


def test_the_demo_model_fits_1792_bytes() -> None:
    built = compile_graph(read_model(DIGITS), "portable", 1 << 20)
    assert built.arena_bytes == 1792
    assert built.plan.optimal
    assert built.model.arena_bytes == 1792
    assert [step.node.op.kind for step in built.schedule.layers][-1] == "softmax"


def test_the_graph_returned_is_the_one_after_the_passes() -> None:
    assert [node.op.kind for node in compiled(padded_conv()).graph.nodes] == ["conv2d"]


def test_a_plan_over_the_budget_comes_back_and_is_refused_in_three_lines() -> None:
    over = compiled(padded_conv(), ram_bytes=64)
    assert over.arena_bytes == 96  # 90 of the output, the last rows of the input beside it
    with pytest.raises(CompileError) as caught:
        refuse_over_budget(over, "tiny_board")
    assert str(caught.value).splitlines() == [
        "error: the model needs 96 bytes of RAM for its arena alone, tiny_board has 64 bytes",
        "where: tiny.tflite, operator 1 CONV_2D 'conv': 'y', 'x' alive at once",
        "try:   a board with more RAM (`mcuforge boards` lists them), or a smaller input",
    ]


@pytest.mark.parametrize("ram_bytes", [96, 97, 1 << 30])
def test_a_plan_that_fits_to_the_byte_is_not_refused(ram_bytes: int) -> None:
    refuse_over_budget(compiled(padded_conv(), ram_bytes), "tiny_board")


@pytest.mark.parametrize("ram_bytes", [1, 4, 6, 100])
def test_every_budget_gets_its_plan(ram_bytes: int) -> None:
    assert compiled(sums(3), ram_bytes).arena_bytes == 6


def test_the_layer_that_decides_is_the_fullest_one() -> None:
    x, big, out = tensor("x", (1, 1)), tensor("wide", (1, 600)), tensor("out", (1, 600))
    wide = Node("wide", Add(), (x, constant("c", (1, 600))), big, "operator 3 ADD")
    built = compiled(graph([x], [wide, scratchy(big, out, 8, "copy")], [out]))
    where = built.deciding_layer()
    wanted = "operator 0 SCRATCHY 'copy': 'out', 'wide', 'copy#scratch' alive at once"
    assert where == f"tiny.tflite, {wanted}"


def test_no_more_than_three_tensors_are_named() -> None:
    outputs = [tensor(f"y{i}", (1, 8)) for i in range(5)]
    x = tensor("x", (1, 8))
    where = compiled(graph([x], [relu(x, y) for y in outputs], outputs)).deciding_layer()
    assert where.endswith(": 'x', 'y0', 'y1' and 2 more alive at once")


def test_a_model_without_layers_is_decided_by_its_ends() -> None:
    x, flat = tensor("x"), tensor("flat", (6,))
    built = compiled(graph([x], [view(x, flat)], [flat]))
    assert built.arena_bytes == 6
    assert built.ram_live() == ()
    assert built.deciding_layer() == "tiny.tflite: its inputs and outputs alone"


def test_bytes_alive_count_what_overlaps_once() -> None:
    built = compiled(sums(3))
    assert built.ram_live() == (6, 6, 6)
    x, a, out = tensor("x"), tensor("a"), tensor("out")
    nodes = [Node("one", Scratchy(20), (x,), a), relu(a, out)]
    assert compiled(graph([x], nodes, [out])).ram_live() == (6 + 6 + 20, 6)


def test_the_fullest_layer_needs_no_more_than_the_arena() -> None:
    built = compiled(read_model(DIGITS))
    assert max(built.ram_live()) <= built.arena_bytes
    assert len(built.ram_live()) == len(built.schedule.layers)


def test_every_plan_is_replayed_and_a_wrong_one_is_our_fault(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def solve_wrongly(problem: Problem, *, effort: float, start: Plan | None, place: Place) -> Plan:
        plan = solve(problem, effort=effort, start=start, place=place)
        places = dict.fromkeys(plan.placements, Placement(ARENA, 0))
        return replace(plan, placements=places)

    monkeypatch.setattr(choosing, "solve", solve_wrongly)
    with pytest.raises(
        ReplayError, match=r"step 'conv' reads byte \d+ of 'x' at ram\+\d+, which now"
    ):
        compiled(padded_conv())


def test_a_wrong_plan_over_the_budget_is_still_our_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    def solve_wrongly(problem: Problem, *, effort: float, start: Plan | None, place: Place) -> Plan:
        plan = solve(problem, effort=effort, start=start, place=place)
        return replace(plan, placements={**plan.placements, "x": Placement(ARENA, 3)})

    monkeypatch.setattr(choosing, "solve", solve_wrongly)
    with pytest.raises(ReplayError, match="lies at 3, which is not a multiple of 4"):
        compiled(padded_conv(), ram_bytes=64)


def test_the_passes_are_dumped_where_asked(tmp_path: Path) -> None:
    compiled = compile_graph(chain(1), "portable", 1 << 20, dump_passes=tmp_path / "dump")
    files = sorted((tmp_path / "dump").iterdir())
    assert len(files) == 2 + len(PASSES)
    assert files[-1].name == f"{1 + len(PASSES)}_schedule.txt"
    assert files[-1].read_text(encoding="utf-8") == describe(compiled.schedule)


def test_a_budget_below_the_boards_ram_is_what_a_refusal_names() -> None:
    options = PlanOptions(ram_budget=50)
    over = compile_graph(padded_conv(), "portable", 4096, options=options, effort=0.0)
    with pytest.raises(CompileError) as caught:
        refuse_over_budget(over, "tiny_board")
    assert "96 bytes of RAM for its arena alone, the budget is 50" in caught.value.what
    assert "`--ram-budget 96`" in caught.value.hint


def test_a_refusal_says_what_streaming_the_input_would_come_to() -> None:
    over = compiled(residual_net(), ram_bytes=2200)
    with pytest.raises(CompileError, match=r"`--input streamed` needs [\d,]+ bytes \(would fit\)"):
        refuse_over_budget(over, "tiny_board")


def test_a_refusal_tries_first_what_would_be_enough() -> None:
    over = compiled(residual_net(), ram_bytes=300)
    with pytest.raises(CompileError) as caught:
        refuse_over_budget(over, "tiny_board")
    assert caught.value.hint.startswith("a board with more RAM")
    assert re.search(r"; `--input streamed` is not enough: [\d,]+ bytes$", caught.value.hint)


def test_what_the_input_resident_would_come_to_is_planned_with_the_same_care(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    efforts: list[float] = []

    def watched(problem: Problem, *, effort: float, start: Plan | None, place: Place) -> Plan:
        efforts.append(effort)
        return solve(problem, effort=effort, start=start, place=place)

    monkeypatch.setattr(choosing, "solve", watched)
    options = PlanOptions(streamed=True)
    streamed = plan_graph(residual_net(), "portable", 1 << 16, options=options, resident_too=True)
    resident = plan_graph(residual_net(), "portable", 1 << 16)
    assert streamed.resident_peak == resident.arena_bytes > streamed.arena_bytes
    assert resident.resident_peak is None
    assert efforts == [efforts[0]] * 3
    assert efforts[0] > 0


def test_too_little_in_every_one_of_several_memories_is_told_by_name() -> None:
    regions = (Region("fast", 80, speed=2), Region("slow", 60))
    over = compile_graph(padded_conv(), "portable", regions, effort=0.0)
    told = r"140 bytes in several memories: \d+ too many for '(fast|slow)'"
    with pytest.raises(CompileError, match=told):
        refuse_over_budget(over, "tiny_board")


def test_kernels_without_scratch_are_called_where_the_others_lack_room() -> None:
    graph = residual_net(channels=16)
    fast = compile_graph(graph, "armv7em", 1 << 20, effort=0.0)
    assert fast.isa == "armv7em"
    assert "conv2d_packed_s8" in fast.model.kernels
    small = compile_graph(graph, "armv7em", fast.arena_bytes - 8, effort=0.0)
    assert small.fits
    assert small.isa == "armv7em"  # whose prices the portable kernels have
    assert "conv2d_packed_s8" not in small.model.kernels
