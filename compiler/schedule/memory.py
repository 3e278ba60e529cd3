# SPDX-License-Identifier: Apache-2.0
"""States a schedule as a memplan problem: its buffers, and the outputs that may overlap inputs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from mcuforge.compiler.schedule.liveness import Life, liveness
from mcuforge.compiler.schedule.overlap import Accesses, least_distances, whole_distances
from mcuforge.compiler.schedule.rows import layer_rows
from mcuforge.compiler.schedule.schedule import Layer, Schedule, Stage
from mcuforge.memplan.problem import Buffer, Overlap, Problem, Region

ALIGNMENT = 4  # word loads of float32 tensors and of DSP kernels; also the arena's own alignment


def memory_problem(schedule: Schedule, regions: tuple[Region, ...]) -> Problem:
    """List every buffer with its lifetime in slots, and where an output may lie over its input.

    A stage takes one slot per layer (see `slots`). A whole buffer lives from the slot of its first
    row to the end of the stage that reads it last; a ring lives in the slots of the layers that run
    while it holds something. Inputs live from slot 0, outputs to the end. Both, and the buffers of
    streamed inputs, lie where peripherals reach them if there is such a region.
    """
    nodes = [[layer.node for layer in stage.layers] for stage in schedule.stages]
    lives = liveness(schedule.graph, nodes, schedule.storage)
    buffers = tuple(_buffers(schedule, lives, regions))
    return Problem(buffers, regions, tuple(_overlaps(schedule, lives, buffers)))


def _buffers(
    schedule: Schedule, lives: Mapping[str, Life], regions: tuple[Region, ...]
) -> Iterator[Buffer]:
    """Every buffer: inputs first, then in the order they are written."""
    begins = slots(schedule)
    graph = schedule.graph
    ports = {schedule.buffer(tensor).name for tensor in (*graph.inputs, *graph.outputs)}
    reached = tuple(region.name for region in regions if region.dma)
    if len(reached) == len(regions):
        reached = ()  # any region: see Buffer.regions

    def end_of(name: str) -> int:
        """The slot after the stage that reads a whole buffer last."""
        return max(1, begins[min(lives[name].last + 1, len(schedule.stages))])

    held = {t.name: t.bytes for t in graph.inputs if t not in schedule.streamed}
    for name, size in held.items():
        yield Buffer(name, size, 0, end_of(name), ALIGNMENT, reached)
    for stage, begin in zip(schedule.stages, begins, strict=False):
        for index, layer in enumerate(stage.layers):
            for name, size in _written(schedule, layer):
                if name in held:
                    continue
                held[name] = size
                first, end = (begin + at for at in stage.alive.get(name, (index, index + 1)))
                if name in lives and name not in schedule.rings:
                    end = max(end, end_of(name))
                yield Buffer(name, size, first, end, ALIGNMENT, reached if name in ports else ())


def _written(schedule: Schedule, layer: Layer) -> Iterator[tuple[str, int]]:
    """The buffers that a layer writes, with their bytes: its output and its scratch."""
    own = schedule.buffer(layer.node.output)
    buffers = ((own.name, schedule.buffer_bytes(own)), (layer.scratch_name, layer.scratch_bytes))
    return ((name, size) for name, size in buffers if size)


def _overlaps(
    schedule: Schedule, lives: Mapping[str, Life], buffers: tuple[Buffer, ...]
) -> Iterator[Overlap]:
    """Where the whole outputs of each stage may lie over the inputs that it reads last."""
    sizes = {buffer.name: buffer.bytes for buffer in buffers}
    for number, stage in enumerate(schedule.stages):
        read = {schedule.buffer(t).name for layer in stage.layers for t in layer.node.activations}
        dying = {n for n in read if lives[n].first < number and lives[n].last == number}
        for first, second, distance in _distances(schedule, stage, dying):
            if distance < sizes[second]:
                yield Overlap(first, second, -sizes[second], -distance)


def slots(schedule: Schedule) -> tuple[int, ...]:
    """The slot that each stage begins in, and the one after the last: one slot per layer.

    The layers of a pipeline run in turn, many times over. A buffer gets the slots from the first to
    the last layer that runs while it holds something, so two buffers without a common slot never
    hold something at the same time.
    """
    return (0, *np.cumsum([len(stage.layers) for stage in schedule.stages]).tolist())


def _distances(schedule: Schedule, stage: Stage, dying: set[str]) -> Iterator[tuple[str, str, int]]:
    """(dying input, whole output, least distance of the output below the input) of one stage."""
    if not stage.is_pipeline:
        node = stage.layers[0].node
        needed = whole_distances(node, schedule.storage) if dying else {}
        for name, distance in needed.items():
            if name in dying:
                yield name, schedule.buffer(node.output).name, distance
        return
    outputs, reads = Accesses(), Accesses()
    for rows in layer_rows(schedule, stage):
        for read in rows.reads:
            buffer = schedule.buffer(read.tensor).name
            first, end = read.first[: len(rows.at)], read.end[: len(rows.at)]
            some = first < end
            if buffer in dying and some.any():
                begins = first[some] * read.tensor.row_bytes
                reads.add(buffer, rows.at[some], begins, -1 if read.before else 1)
        output = rows.layer.node.output
        buffer = schedule.buffer(output).name
        some = rows.writes >= 0
        if buffer not in schedule.rings and some.any():
            outputs.add(buffer, rows.at[some], (rows.writes[some] + 1) * output.row_bytes)
    yield from least_distances(outputs, reads)
