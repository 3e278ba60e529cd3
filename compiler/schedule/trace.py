# SPDX-License-Identifier: Apache-2.0
"""Traces the byte ranges that one inference reads and writes, for the replay of its plan."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from mcuforge.compiler.calls import Reads
from mcuforge.compiler.graph import Node
from mcuforge.compiler.schedule.rows import LayerRows, layer_rows
from mcuforge.compiler.schedule.schedule import Execution, Layer, Schedule, Stage
from mcuforge.compiler.tensors import Tensor, unique
from mcuforge.memplan.problem import Placement
from mcuforge.memplan.replay import Event, Read, Step, Sweep, SweepReads, Trace, Write


def memory_trace(schedule: Schedule, placements: Mapping[str, Placement]) -> Trace:
    """List every step's reads and writes in the worst order that its kernels may take.

    A layer that runs whole writes everything and then reads everything, unless its output lies over
    an input: then its reads and writes come in the units that the operator states. A row of a
    pipeline is written before its inputs are read, unless the operator reads them first.
    """
    tracer = _Tracer(schedule, placements)
    steps: list[Step] = []
    for stage in schedule.stages:
        steps += tracer.pipeline(stage) if stage.is_pipeline else [tracer.whole(stage.layers[0])]
    outputs = unique(schedule.values[t.name] for t in schedule.graph.outputs)
    fed = [t for t in schedule.graph.inputs if t not in schedule.streamed]
    return Trace(
        arrive=tuple(Write(t.name, 0, t.bytes) for t in fed),
        steps=tuple(steps),
        leave=tuple(Read(schedule.buffer(t).name, 0, t.bytes, value=t.name) for t in outputs),
    )


class _Tracer:
    def __init__(self, schedule: Schedule, placements: Mapping[str, Placement]) -> None:
        self.schedule = schedule
        self.placements = placements

    def whole(self, layer: Layer) -> Step:
        """Trace a layer that runs whole."""
        accesses = self._whole_events(layer.node)
        return Step(layer.node.name, tuple(_with_scratch(layer, accesses)))

    def _whole_events(self, node: Node) -> Iterator[Event | Sweep]:
        out = node.output
        fine = []
        if any(self._meet(x, out) for x in node.activations):  # else the order does not matter
            reads = node.op.reads(node.inputs, out)
            for x, read in zip(node.inputs, reads, strict=True):
                if not x.is_constant and read is not None and self._meet(x, out):
                    fine.append((x, read))
        if not fine:
            yield self._bytes(Write, out, 0, out.bytes)
        else:
            # all inputs are walked in the finest of their units; coarser reads repeat
            units = max(len(read.first) for _, read in fine)
            buffer, value = self.schedule.buffer(out), self.schedule.values[out.name]
            walked = tuple(self._walked(x, read, units) for x, read in fine)
            yield Sweep(buffer.name, value.name, out.bytes // units, units, walked)
        for x in node.activations:
            if not any(x is y for y, _ in fine):
                yield self._bytes(Read, x, 0, x.bytes)

    def _walked(self, x: Tensor, read: Reads, units: int) -> SweepReads:
        """The reads of an input while the output is written in so many units."""
        unit = np.arange(units) * len(read.first) // units
        begin, end = read.first[unit] * read.in_bytes, read.end[unit] * read.in_bytes
        buffer, value = self.schedule.buffer(x), self.schedule.values[x.name]
        return SweepReads(buffer.name, value.name, begin, end, read.before_write)

    def _meet(self, x: Tensor, out: Tensor) -> bool:
        """True when an input and the output share bytes of memory."""
        a, b = (self.placements[self.schedule.buffer(t).name] for t in (x, out))
        return (
            a.region == b.region
            and a.offset < b.offset + out.bytes
            and b.offset < a.offset + x.bytes
        )

    def pipeline(self, stage: Stage) -> list[Step]:
        """Trace a pipeline: one step per task."""
        layers = [_RowEvents(self.schedule, rows) for rows in layer_rows(self.schedule, stage)]
        steps = []
        for task in stage.tasks:
            layer = stage.layers[task.layer]
            of_row = layers[task.layer].of_row
            events = [event for row in range(task.begin, task.end) for event in of_row(row)]
            name = f"{layer.node.name} rows {task.begin} to {task.end}"
            steps.append(Step(name, tuple(_with_scratch(layer, events, task.begin))))
        return steps

    def _bytes(self, kind: type[Read] | type[Write], tensor: Tensor, begin: int, end: int) -> Event:
        value, buffer = self.schedule.values[tensor.name], self.schedule.buffer(tensor)
        return kind(buffer.name, begin, end, value=value.name)


class _RowEvents:
    """The reads and writes of each row of one layer, in the worst order."""

    def __init__(self, schedule: Schedule, rows: LayerRows) -> None:
        self.output = _Rows(schedule, rows.layer.node.output)
        self.writes: list[int] = rows.writes.tolist()
        self.early, self.late = (
            [
                (_Rows(schedule, read.tensor), read.first.tolist(), read.end.tolist())
                for read in rows.reads
                if read.before is before
            ]
            for before in (True, False)
        )

    def of_row(self, row: int) -> Iterator[Event]:
        for rows, first, end in self.early:
            yield from rows.events(Read, first[row], end[row])
        written = self.writes[row]
        if written >= 0:
            yield from self.output.events(Write, written, written + 1)
        for rows, first, end in self.late:
            yield from rows.events(Read, first[row], end[row])


class _Rows:
    """Places the rows of a value in its buffer."""

    def __init__(self, schedule: Schedule, tensor: Tensor) -> None:
        self.buffer = schedule.buffer(tensor).name
        self.value = schedule.values[tensor.name].name
        self.held = schedule.rows_held(tensor)
        self.size = tensor.row_bytes

    def events(self, kind: type[Read] | type[Write], first: int, end: int) -> Iterator[Event]:
        """Access rows [first, end), split at the end of the ring."""
        while first < end:
            last = min(end, first + self.held - first % self.held)
            at = first % self.held * self.size
            yield kind(self.buffer, first * self.size, last * self.size, at=at, value=self.value)
            first = last


def _with_scratch(
    layer: Layer, accesses: Iterable[Event | Sweep], row: int = 0
) -> Iterator[Event | Sweep]:
    """Write scratch before everything else and read it after; sums stay from their first row on."""
    size = layer.scratch_bytes
    if size and (layer.execution is not Execution.ACCUMULATE or row == 0):
        yield Write(layer.scratch_name, 0, size)
    yield from accesses
    if size:
        yield Read(layer.scratch_name, 0, size)
