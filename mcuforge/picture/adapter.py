# SPDX-License-Identifier: Apache-2.0
"""Makes a PlanPicture of a planned model; no other file here knows schedules and plans."""

from collections.abc import Sequence
from dataclasses import replace

from mcuforge.compiler.compile import Planned
from mcuforge.compiler.schedule.schedule import Schedule
from mcuforge.compiler.tensors import Tensor, unique
from mcuforge.memplan.peak import deciding_region, peak_moment
from mcuforge.picture.record import (
    Column,
    Deciding,
    DrawnBuffer,
    Kind,
    PlanPicture,
    RegionBand,
    StageSpan,
    live_bytes,
    share_bytes,
)


def picture_of(planned: Planned, model: str, board: str) -> PlanPicture:
    """The plan of `planned` as the picture shows it.

    model, board: the names in the title.
    """
    schedule, problem, plan = planned.schedule, planned.problem, planned.plan
    regions = tuple(RegionBand(r.name, r.bytes, plan.peaks[r.name]) for r in problem.regions)
    columns, stages = _time_axis(schedule)
    picture = PlanPicture(
        model=model,
        board=board,
        columns=columns,
        stages=stages,
        regions=regions,
        buffers=_buffers(planned),
        deciding=None,
        arena=sum(region.peak for region in regions),
        lower_bound=plan.lower_bound,
        optimal=plan.optimal,
        solver=plan.solver,
        budget=sum(region.bytes for region in regions),
    )
    if not picture.buffers:
        return picture
    slot, live = peak_moment(problem, plan)
    region = deciding_region(problem, plan)
    there = replace(picture, regions=tuple(r for r in regions if r.name == region))
    in_use = live_bytes(there)[slot]
    return replace(picture, deciding=Deciding(region, slot, slot + 1, in_use, live))


def slot_names(planned: Planned) -> tuple[str, ...]:
    """The name of the layer that runs in each step of the planner's time.

    The planner has one step per layer (compiler/schedule/memory.py), as the picture has columns.
    """
    columns, _ = _time_axis(planned.schedule)
    return tuple(column.label for column in columns)


def _time_axis(schedule: Schedule) -> tuple[tuple[Column, ...], tuple[StageSpan, ...]]:
    """One column per layer, in the order they run; one empty column for a model of only views."""
    columns: list[Column] = []
    stages: list[StageSpan] = []
    for stage in schedule.stages:
        begin = len(columns)
        for node in (layer.node for layer in stage.layers):
            out = node.output
            place = (out.shape, out.dtype.value, schedule.buffer(out).name)
            columns.append(Column(node.name, node.op.title, len(stages), *place))
        pipelines = len([span for span in stages if span.name])
        name = f"pipeline {pipelines + 1}" if stage.is_pipeline else ""
        stages.append(StageSpan(name, begin, len(columns)))
    if not columns:
        return (Column("no layer", "", 0, (), "", ""),), (StageSpan("", 0, 1),)
    return tuple(columns), tuple(stages)


def _buffers(planned: Planned) -> tuple[DrawnBuffer, ...]:
    """Every buffer of the problem at its place, with the buffers it shares bytes with."""
    schedule, plan = planned.schedule, planned.plan
    owners = {t.name: t for t in unique(schedule.storage.values())}
    drawn = []
    for b in planned.problem.buffers:
        place, tensor = plan.placements[b.name], owners.get(b.name)
        kind, rows = _kind(schedule, tensor), _ring_rows(schedule, tensor)
        held = () if tensor is None else (tensor.shape, tensor.dtype.value)
        at = (b.begin, b.end, place.region, place.offset)
        drawn.append(DrawnBuffer(b.name, b.bytes, *at, kind, rows, *held))
    return tuple(
        replace(b, overlaps=tuple(drawn[j].name for j in sharing))
        for b, sharing in zip(drawn, _sharing(drawn), strict=True)
    )


def _sharing(drawn: Sequence[DrawnBuffer]) -> list[list[int]]:
    """For each buffer the indices of those that share bytes with it, in rising order."""
    found: list[list[int]] = [[] for _ in drawn]
    alive: list[int] = []
    for i in sorted(range(len(drawn)), key=lambda i: drawn[i].begin):
        alive = [j for j in alive if drawn[j].end > drawn[i].begin]
        for j in alive:
            if share_bytes(drawn[i], drawn[j]):
                found[i].append(j)
                found[j].append(i)
        alive.append(i)
    return [sorted(sharing) for sharing in found]


def _kind(schedule: Schedule, tensor: Tensor | None) -> Kind:
    """What a buffer is for; one that is both input and output counts as input."""
    if tensor is None:
        return "scratch"
    if tensor.name in schedule.rings:
        return "ring"
    if any(t is tensor for t in schedule.graph.inputs):
        return "input"
    if any(schedule.buffer(t) is tensor for t in schedule.graph.outputs):
        return "output"
    return "tensor"


def _ring_rows(schedule: Schedule, tensor: Tensor | None) -> tuple[int, int] | None:
    if tensor is None or tensor.name not in schedule.rings:
        return None
    return schedule.rings[tensor.name], tensor.rows
