# SPDX-License-Identifier: Apache-2.0
"""What is tried until a model fits: in RAM when it is planned, in flash when it is linked."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mcuforge.compiler.compile import (
    Compiled,
    Memories,
    PlanOptions,
    Ram,
    compile_graph,
    with_code_room,
)
from mcuforge.compiler.compile import plan_graph as planned
from mcuforge.compiler.graph import Graph
from mcuforge.compiler.schedule.estimate import Known
from mcuforge.compiler.schedule.fit import LADDER, SMALLER
from mcuforge.compiler.schedule.planned import Planned
from mcuforge.compiler.schedule.weights import Flash, WeightsIn
from mcuforge.memplan.problem import Region
from tests.unit.schedule.nets import residual_net

ISA = "armv7em"
IMAGE, SECOND, OUTSIDE = Region("flash", 40_000), Region("bank2", 4096), Region("qspi", 1 << 20)


def plan_graph(graph: Graph, ram: Ram, known: Known | None = None) -> Planned:
    return planned(graph, ISA, ram, effort=0.0, known=known)


def net() -> Graph:
    return residual_net(size=8, channels=16)


def memories(count: int, size: int) -> Memories:
    """So many neighbouring memories of `size` bytes."""
    apart = tuple(Region(f"memory{i}", size, speed=count - i) for i in range(count))
    return Memories(apart, (Region("all", count * size, speed=1),))


def test_the_first_rung_that_fits_is_taken_and_remembered() -> None:
    fast = plan_graph(net(), 1 << 20)
    assert fast.rung is LADDER[0]
    small = plan_graph(net(), fast.arena_bytes - 8)
    assert small.rung is LADDER[1]
    assert fast.isa == small.isa == ISA
    assert not plan_graph(net(), 1).fits


def test_neighbouring_memories_are_joined_when_a_buffer_fits_none_of_them() -> None:
    peak = plan_graph(net(), 1 << 20).arena_bytes
    assert plan_graph(net(), memories(4, peak // 4 + 1)).rung is LADDER[2]
    assert plan_graph(net(), memories(4, peak // 4 - 1)).rung is LADDER[3]


def test_memories_by_themselves_come_first() -> None:
    peak = plan_graph(net(), 1 << 20).arena_bytes
    found = plan_graph(net(), memories(2, peak))
    assert found.rung is LADDER[0]
    assert [region.name for region in found.problem.regions] == ["memory0", "memory1"]


def test_graphs_that_share_what_is_known_get_the_same_plans() -> None:
    known = Known()
    plan_graph(residual_net(), 1 << 20, known)
    pipelines = len(known.pipelines)
    again, alone = plan_graph(residual_net(), 1 << 20, known), plan_graph(residual_net(), 1 << 20)
    assert len(known.pipelines) == pipelines > 0
    assert again.plan.placements == alone.plan.placements
    assert again.problem == alone.problem


def test_a_plan_without_code_is_the_one_that_is_compiled() -> None:
    alone, whole = plan_graph(net(), 1 << 20), compiled(Flash((IMAGE,)))
    assert alone.plan.placements == whole.plan.placements
    assert not isinstance(alone, Compiled)


def compiled(flash: Flash, weights: WeightsIn = "auto") -> Compiled:
    options = PlanOptions(weights=weights)
    return compile_graph(net(), ISA, 1 << 20, flash=flash, options=options, effort=0.0)


def test_code_gets_room_when_constants_move_to_external_flash() -> None:
    tight = compiled(Flash((IMAGE,), (OUTSIDE,)))
    assert tight.rung is LADDER[0]
    assert not tight.model.flash
    held = tight.model.weights_bytes
    roomier = with_code_room(tight, IMAGE.bytes - held // 2)
    assert roomier is not None
    assert roomier.model.weights_bytes == held
    assert sum(roomier.model.further_weights.values()) >= held - held // 2
    assert roomier.rung == replace(LADDER[0], name=roomier.rung.name, flash="moved")
    assert with_code_room(tight, IMAGE.bytes) is None


@pytest.mark.parametrize(
    ("flash", "weights"), [(Flash((IMAGE,)), "auto"), (Flash((IMAGE,), (OUTSIDE,)), "internal")]
)
def test_code_gets_room_when_kernels_have_smaller_constants(
    flash: Flash, weights: WeightsIn
) -> None:
    tight = compiled(flash, weights)
    roomier = with_code_room(tight, 40)
    assert roomier is not None
    assert roomier.model.weights_bytes <= tight.model.weights_bytes - 40
    assert roomier.plan is tight.plan
    assert roomier.rung.flash == "smaller"
    assert with_code_room(tight, 1 << 20) is None


def test_constants_that_no_flash_holds_are_those_of_slower_kernels() -> None:
    held = compiled(Flash((IMAGE,))).model.weights_bytes
    halves = (replace(IMAGE, bytes=held // 2), replace(OUTSIDE, bytes=held // 2 - 40))
    short = compiled(Flash(halves[:1], halves[1:]))
    assert short.rung.flash == "smaller"
    assert short.model.weights_bytes <= held - 40
    hopeless = compiled(Flash((replace(IMAGE, bytes=64),)))
    again = with_code_room(short, 40)
    assert again is None or again.rung.name.count(SMALLER) == 1
    assert short.rung.name.count(SMALLER) == 1
    assert (hopeless.rung, hopeless.model.weights_bytes) == (LADDER[0], held)


@pytest.mark.parametrize(
    ("flash", "weights"),
    [(Flash((IMAGE,), (OUTSIDE,)), "external"), (Flash((IMAGE, SECOND)), "auto")],
)
def test_code_gets_no_room_where_no_constant_may_make_way(flash: Flash, weights: WeightsIn) -> None:
    assert with_code_room(compiled(flash, weights), 40) is None
