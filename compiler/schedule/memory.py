# SPDX-License-Identifier: Apache-2.0
"""A schedule as a memplan problem: every buffer, and how outputs may lie over dying inputs."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from mcuforge.compiler.schedule.overlap import least_distance, least_distance_of_rows
from mcuforge.compiler.schedule.pipeline import Indices
from mcuforge.compiler.schedule.rows import layer_rows
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
    outputs, reads = _Accesses(), _Accesses()  # up to where is written, from where on is read
    for rows in layer_rows(schedule, stage):
        for read in rows.reads:
            buffer = schedule.buffer(read.tensor).name
            if buffer in dying:
                first, end = read.first[: len(rows.at)], read.end[: len(rows.at)]
                some = first < end
                # 2 * row: before this row is written; one more: while it is, or after
                times = 2 * rows.at[some] + (-1 if read.before else 1)
                reads.add(buffer, rows.at[some], times, first[some] * read.tensor.row_bytes)
        output = rows.layer.node.output
        buffer = schedule.buffer(output).name
        if buffer not in schedule.rings:
            some = rows.writes >= 0
            ends = (rows.writes[some] + 1) * output.row_bytes
            outputs.add(buffer, rows.at[some], 2 * rows.at[some], ends)
    for output_name, written in outputs.in_order():
        for source, seen in reads.in_order():
            yield source, output_name, least_distance_of_rows(*written, *seen)


class _Accesses:
    """When buffers are accessed, and at which of their bytes."""

    def __init__(self) -> None:
        self._found: dict[str, list[tuple[Indices, Indices]]] = {}
        self._begun: dict[str, int] = {}

    def add(self, buffer: str, rows: Indices, times: Indices, places: Indices) -> None:
        """The accesses of a layer while the pipeline computes its rows `rows`, which rise."""
        if len(rows):
            begun = int(rows[0])
            self._begun[buffer] = min(begun, self._begun.get(buffer, begun))
            self._found.setdefault(buffer, []).append((times, places))

    def in_order(self) -> Iterator[tuple[str, tuple[Indices, Indices]]]:
        """Each buffer with (times, places), what is accessed first first."""
        for buffer in sorted(self._found, key=lambda name: self._begun[name]):
            times, places = zip(*self._found[buffer], strict=True)
            yield buffer, (np.concatenate(times), np.concatenate(places))


def _whole_distances(
    schedule: Schedule, stage: Stage, dying: set[str]
) -> Iterator[tuple[str, str, int]]:
    """The distances of a layer that runs whole: what its kernel's order allows.

    A buffer may be read twice, under two views or as both operands.
    """
    if not dying:
        return
    node = stage.layers[0].node
    needed: dict[str, int] = {}
    for x, reads in zip(node.inputs, node.op.reads(node.inputs, node.output), strict=True):
        name = "" if x.is_constant else schedule.buffer(x).name
        if name in dying:
            distance = node.output.bytes if reads is None else least_distance(reads)
            needed[name] = max(distance, needed.get(name, distance))
    for name, distance in needed.items():
        yield name, schedule.buffer(node.output).name, distance
