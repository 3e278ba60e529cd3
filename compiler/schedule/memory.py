# SPDX-License-Identifier: Apache-2.0
"""A schedule as a memplan problem, and the trace that proves a plan for it safe."""

from __future__ import annotations

from collections.abc import Iterator

from mcuforge.compiler.ir import Node, Tensor, unique
from mcuforge.compiler.ops.base import Access
from mcuforge.compiler.schedule.schedule import Schedule
from mcuforge.memplan.problem import Buffer, Overlap, Problem, Region
from mcuforge.memplan.replay import Event, Read, Trace, Write
from mcuforge.memplan.replay import Step as TraceStep

ALIGNMENT = 4  # word loads of float32 tensors and of DSP kernels; also the arena's own alignment
CHUNKS = 64  # how finely the trace interleaves an elementwise operator's reads and writes


def memory_problem(schedule: Schedule, regions: tuple[Region, ...]) -> Problem:
    """Every buffer with its lifetime in steps, and where an output may lie over its input.

    Inputs live from step 0, outputs to the end; a tensor lives from the step that writes it to the
    last that reads it. Views extend the life of the buffer they share.
    """
    steps = schedule.layers
    last = max(len(steps), 1)
    born: dict[str, int] = {t.name: 0 for t in schedule.graph.inputs}
    dies: dict[str, int] = {t.name: 1 for t in schedule.graph.inputs}
    buffers: list[tuple[str, int]] = [(t.name, t.bytes) for t in schedule.graph.inputs]
    for time, step in enumerate(steps):
        for tensor in step.node.activations:
            dies[schedule.buffer(tensor).name] = time + 1
        out = step.node.output
        born[out.name], dies[out.name] = time, time + 1
        buffers.append((out.name, out.bytes))
        if step.scratch_bytes:
            born[step.scratch_name], dies[step.scratch_name] = time, time + 1
            buffers.append((step.scratch_name, step.scratch_bytes))
    kept = {schedule.buffer(tensor).name for tensor in schedule.graph.outputs}
    for name in kept:
        dies[name] = last
    return Problem(
        buffers=tuple(Buffer(n, size, born[n], dies[n], ALIGNMENT) for n, size in buffers),
        regions=regions,
        overlaps=tuple(
            Overlap(buffer.name, step.node.output.name, 0, 0)
            for time, step in enumerate(steps)
            for buffer in _overwritten(schedule, step.node)
            if dies[buffer.name] == time + 1 and buffer.name not in kept
        ),
    )


def _overwritten(schedule: Schedule, node: Node) -> tuple[Tensor, ...]:
    """The buffers the operator allows its output to lie over: all their readings are elementwise.

    A buffer may be read twice in one step, under two views or as both operands.
    """
    access = node.op.access(node.inputs, node.output)
    read = [
        (schedule.buffer(x), how)
        for x, how in zip(node.inputs, access, strict=True)
        if not x.is_constant
    ]
    whole = {id(buffer) for buffer, how in read if how is not Access.ELEMENTWISE}
    return unique(buffer for buffer, _ in read if id(buffer) not in whole)


def memory_trace(schedule: Schedule) -> Trace:
    """What one inference reads and writes, byte range by byte range, in the worst order allowed.

    A WHOLE input is read after the output has been written; an ELEMENTWISE one just ahead of it.
    """
    steps = []
    for step in schedule.layers:
        events = list(_events(schedule, step.node))
        if step.scratch_bytes:
            events.insert(0, Write(step.scratch_name, 0, step.scratch_bytes))
            events.append(Read(step.scratch_name, 0, step.scratch_bytes))
        steps.append(TraceStep(step.node.name, tuple(events)))
    outputs = unique(schedule.buffer(t) for t in schedule.graph.outputs)
    return Trace(
        arrive=tuple(Write(t.name, 0, t.bytes) for t in schedule.graph.inputs),
        steps=tuple(steps),
        leave=tuple(Read(t.name, 0, t.bytes) for t in outputs),
    )


def _events(schedule: Schedule, node: Node) -> Iterator[Event]:
    access = node.op.access(node.inputs, node.output)
    runtime = [
        (schedule.buffer(x), x, how)
        for x, how in zip(node.inputs, access, strict=True)
        if not x.is_constant
    ]
    out = node.output
    for begin, end in _chunks(out.elements):
        for buffer, x, how in runtime:
            if how is Access.ELEMENTWISE:
                size = x.dtype.itemsize
                yield Read(buffer.name, begin * size, end * size)
        yield Write(out.name, begin * out.dtype.itemsize, end * out.dtype.itemsize)
    for buffer, x, how in runtime:
        if how is Access.WHOLE:
            yield Read(buffer.name, 0, x.bytes)


def _chunks(elements: int) -> Iterator[tuple[int, int]]:
    """Ranges covering `elements`; the first is one element, so an output one byte ahead shows."""
    yield 0, 1
    size = max(1, -(-(elements - 1) // CHUNKS))
    for begin in range(1, elements, size):
        yield begin, min(begin + size, elements)
