# SPDX-License-Identifier: Apache-2.0
"""A schedule as a memplan problem: every buffer, and how outputs may lie over dying inputs."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from mcuforge.compiler.schedule.overlap import least_distance, least_distance_of_rows
from mcuforge.compiler.schedule.rows import row_events
from mcuforge.compiler.schedule.schedule import Schedule, Stage
from mcuforge.memplan.problem import Buffer, Overlap, Problem, Region

ALIGNMENT = 4  # word loads of float32 tensors and of DSP kernels; also the arena's own alignment


def memory_problem(schedule: Schedule, regions: tuple[Region, ...]) -> Problem:
    """Every buffer with its lifetime in slots, and where an output may lie over its input.

    A stage takes as many slots as it has layers (see `slots`). What is whole lives from the slot of
    its first row to the end of the stage that reads it last; a ring in the slots of the layers that
    run while it holds anything. Inputs live from slot 0, outputs to the end. Both, and what holds
    the rows of streamed inputs, lie where peripherals reach them, if there is such a region.
    """
    begins = slots(schedule)
    inputs = [t for t in schedule.graph.inputs if t not in schedule.streamed]
    born: dict[str, int] = {t.name: 0 for t in inputs}
    dies: dict[str, int] = {t.name: 1 for t in inputs}
    sizes: dict[str, int] = {t.name: t.bytes for t in inputs}

    def hold(name: str, size: int, alive: tuple[int, int]) -> None:
        sizes[name] = size
        born[name], dies[name] = alive

    for stage, begin, end in zip(schedule.stages, begins, begins[1:], strict=False):
        for index, layer in enumerate(stage.layers):
            for tensor in layer.node.activations:
                name = schedule.buffer(tensor).name
                if name not in schedule.rings:
                    dies[name] = end
            own, once = schedule.buffer(layer.node.output), (index, index + 1)
            for name, size in (
                (own.name, schedule.buffer_bytes(own)),
                (layer.scratch_name, layer.scratch_bytes),
            ):
                if size and name not in sizes:
                    alive = stage.alive.get(name, once)
                    hold(name, size, (begin + alive[0], begin + alive[1]))
    kept = {schedule.buffer(tensor).name for tensor in schedule.graph.outputs}
    for name in kept:
        dies[name] = max(begins[-1], 1)
    overlaps = []
    for stage, end in zip(schedule.stages, begins[1:], strict=True):
        made = {schedule.buffer(layer.node.output).name for layer in stage.layers}
        dying = {
            name
            for layer in stage.layers
            for name in (schedule.buffer(t).name for t in layer.node.activations)
            if name not in made and name not in kept and dies[name] == end
        }
        for first, second, distance in _distances(schedule, stage, dying):
            if distance < sizes[second]:
                overlaps.append(Overlap(first, second, -sizes[second], -distance))
    ports = kept | {schedule.buffer(tensor).name for tensor in schedule.graph.inputs}
    reached = tuple(region.name for region in regions if region.dma)
    if len(reached) == len(regions):
        reached = ()  # no restriction, as Buffer.regions has it
    return Problem(
        buffers=tuple(
            Buffer(n, sizes[n], born[n], dies[n], ALIGNMENT, reached if n in ports else ())
            for n in sizes
        ),
        regions=regions,
        overlaps=tuple(overlaps),
    )


def slots(schedule: Schedule) -> tuple[int, ...]:
    """The slot each stage begins in, and the one after the last: a slot for every layer.

    Layers of a pipeline run in turn, many times over. A buffer is given the slots of the first to
    the last layer that runs while it holds something, so two buffers without a common slot never
    hold something at the same time.
    """
    return (0, *np.cumsum([len(stage.layers) for stage in schedule.stages]).tolist())


def _distances(schedule: Schedule, stage: Stage, dying: set[str]) -> Iterator[tuple[str, str, int]]:
    """(dying input, whole output, least distance of the output below the input) of one stage."""
    if not stage.is_pipeline:
        yield from _whole_distances(schedule, stage, dying)
        return
    outputs: dict[str, list[tuple[int, int]]] = {}  # buffer -> (time, end of the bytes written)
    reads: dict[str, list[tuple[int, int]]] = {}  # buffer -> (time, begin of the bytes read)
    for time, event in enumerate(row_events(schedule, stage)):
        for tensor, row, _, before in event.reads:
            buffer = schedule.buffer(tensor).name
            if buffer in dying:
                # 2 * time: before this row is written; one more: while it is, or after
                when = 2 * time - 1 if before else 2 * time + 1
                reads.setdefault(buffer, []).append((when, row * tensor.row_bytes))
        if event.writes is not None:
            tensor, _, end = event.writes
            if schedule.buffer(tensor).name not in schedule.rings:
                buffer = schedule.buffer(tensor).name
                outputs.setdefault(buffer, []).append((2 * time, end * tensor.row_bytes))
    for output, writes in outputs.items():
        for source, seen in reads.items():
            columns = (*np.array(writes, np.int64).T, *np.array(seen, np.int64).T)
            yield source, output, least_distance_of_rows(*columns)


def _whole_distances(
    schedule: Schedule, stage: Stage, dying: set[str]
) -> Iterator[tuple[str, str, int]]:
    """The distances of a layer that runs whole: what its kernel's order allows.

    A buffer may be read twice, under two views or as both operands.
    """
    node = stage.layers[0].node
    needed: dict[str, int] = {}
    for x, reads in zip(node.inputs, node.op.reads(node.inputs, node.output), strict=True):
        if x.is_constant:
            continue
        name = schedule.buffer(x).name
        distance = node.output.bytes if reads is None else least_distance(reads)
        needed[name] = max(distance, needed.get(name, distance))
    for name, distance in needed.items():
        if name in dying:
            yield name, schedule.buffer(node.output).name, distance
