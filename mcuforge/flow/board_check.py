# SPDX-License-Identifier: Apache-2.0
"""Samples to the board and answers back, over an open link."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate, pairwise

import numpy as np

from mcuforge.boards.link.client import Link
from mcuforge.compiler.compile import Compiled
from mcuforge.compiler.ir import Array
from mcuforge.compiler.schedule.schedule import Execution, Layer, Schedule, Task
from mcuforge.errors import BoardError
from mcuforge.flow.data import Samples
from mcuforge.report.progress import Stages


@dataclass(frozen=True, eq=False)
class BoardAnswers:
    """What the board answered: per model output an array (samples, elements), and what it cost."""

    outputs: tuple[Array, ...]
    run_ticks: int  # of the first sample's whole inference
    stack_painted: int | None  # high-water mark of the inference, None where the board cannot tell


@dataclass(frozen=True)
class LayerTicks:
    """Of each layer the ticks of its steps, timed one by one, and how many timings these are."""

    ticks: tuple[int, ...]
    timings: tuple[int, ...]

    def adding_up(self, whole: int) -> tuple[int, ...]:
        """The layers' parts of an inference of `whole` ticks run at once: their sum is `whole`.

        A step timed by itself costs the way to it beside: a call and the comparisons that skip what
        is not asked for, alike for every step. What all timings together are too many is taken off
        each of them alike.
        """
        beside = (sum(self.ticks) - whole) / max(sum(self.timings), 1)
        own = [
            max(ticks - timings * beside, 0.0)
            for ticks, timings in zip(self.ticks, self.timings, strict=True)
        ]
        scale = whole / (sum(own) or 1.0)  # 1.0, but where a layer costs less than the way to it
        ends = [round(end * scale) for end in accumulate(own)]
        return tuple(end - begin for begin, end in pairwise((0, *ends)))


def run_samples(
    link: Link, compiled: Compiled, samples: Samples, stages: Stages, *, poison: bool = False
) -> BoardAnswers:
    """Every sample through the board; BoardError when the link or an arena's guards break.

    The guards are looked at after every sample. `poison`: between steps the board overwrites what
    is dead; the ticks and the stack are those of a run of the first sample without it.
    """
    if poison and not link.can_poison:
        raise BoardError(
            "the firmware was built without --poison",
            f"model {compiled.graph.source}",
            "deploy with --poison: what is dead between steps is compiled into the firmware",
        )
    ports = compiled.model.outputs
    answers = [np.empty((samples.count, p.elements), p.dtype.numpy) for p in ports]
    first_ticks, stack_bytes = 0, 0
    with stages.counted("running samples on the board", samples.count) as counter:
        for index in range(samples.count):
            if index == 0 and poison:
                run_sample(link, compiled, samples.sample(0))
                counters = link.counters()
                first_ticks, stack_bytes = counters.ticks, counters.stack_bytes
            outputs = run_sample(link, compiled, samples.sample(index), poison=poison)
            for answer, output in zip(answers, outputs, strict=True):
                answer[index] = output
            counters = link.counters()
            if not counters.canaries_intact:
                raise BoardError(
                    "the model wrote outside its arena: the guard bytes round it have changed",
                    f"model {compiled.graph.source}, sample {index}",
                    "this is a fault of mcuforge's: report the model, please",
                )
            if not poison:
                first_ticks = counters.ticks if index == 0 else first_ticks
                stack_bytes = counters.stack_bytes
            counter.advance()
    return BoardAnswers(tuple(answers), first_ticks, stack_bytes or None)


def run_sample(
    link: Link, compiled: Compiled, sample: tuple[Array, ...], *, poison: bool = False
) -> tuple[Array, ...]:
    """One inference: every output, flat, in its own dtype."""
    _feed(link, sample)
    link.run(poison=poison)
    return tuple(
        np.frombuffer(link.read_output(number), port.dtype.numpy)
        for number, port in enumerate(compiled.model.outputs)
    )


def layer_ticks(link: Link, compiled: Compiled, samples: Samples) -> LayerTicks:
    """Every step of the first sample timed by itself."""
    _feed(link, samples.sample(0))
    ticks = [0] * len(compiled.schedule.layers)
    timings = [0] * len(compiled.schedule.layers)
    number = {id(layer): index for index, layer in enumerate(compiled.schedule.layers)}
    layers = [number[id(layer)] for layer, _ in compiled.schedule.steps]
    for step, cost in link.time_steps():
        ticks[layers[step]] += cost
        timings[layers[step]] += 1
    return LayerTicks(tuple(ticks), tuple(timings))


def layer_outputs(link: Link, compiled: Compiled, sample: tuple[Array, ...]) -> tuple[Array, ...]:
    """What the arenas hold as each layer's output, every row read right after its step, flat."""
    _feed(link, sample)
    schedule = compiled.schedule
    values = {id(x): bytearray(x.node.output.bytes) for x in schedule.layers}
    for step, (layer, task) in enumerate(schedule.steps):
        link.run(step, step + 1)
        for at, offset, size in rows_written(schedule, layer, task):
            place = compiled.plan.placements[schedule.buffer(layer.node.output).name]
            arena = [a.region for a in compiled.model.arenas].index(place.region)
            read = link.read_arena(place.offset + offset, size, arena)
            values[id(layer)][at : at + size] = read
    return tuple(
        np.frombuffer(bytes(values[id(x)]), x.node.output.dtype.numpy) for x in schedule.layers
    )


def rows_written(schedule: Schedule, layer: Layer, task: Task) -> Iterator[tuple[int, int, int]]:
    """What a step has written: (byte of the layer's output, byte of its buffer, bytes) for each
    run of rows that stand together. Nothing while rows are only added up."""
    out = layer.node.output
    if (
        layer.execution is Execution.ACCUMULATE
        and task.end < schedule.buffer(layer.node.activations[0]).rows
    ):
        return
    if layer.execution is not Execution.ROWS and layer.execution is not Execution.ARRIVE:
        yield 0, 0, out.bytes
        return
    ring, size = schedule.rows_held(out), out.row_bytes
    row = task.begin
    while row < task.end:
        count = min(task.end - row, ring - row % ring)
        yield row * size, row % ring * size, count * size
        row += count


def _feed(link: Link, sample: tuple[Array, ...]) -> None:
    for index, x in enumerate(sample):
        link.write_input(index, np.ascontiguousarray(x).tobytes())
