# SPDX-License-Identifier: Apache-2.0
"""Sends samples to the board and reads its answers back, over an open link."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate, pairwise

import numpy as np

from mcuforge.boards.link.client import Link
from mcuforge.boards.link.messages import CoreState, Counters
from mcuforge.compiler.compile import Compiled
from mcuforge.compiler.schedule.written import rows_written
from mcuforge.compiler.tensors import Array
from mcuforge.errors import BoardError
from mcuforge.flow.data import Samples
from mcuforge.report.progress import Stages


@dataclass(frozen=True)
class Transfer:
    """What one sample costs on the serial line, with input, answers and counters.

    seconds: on the clock of the port, without the inference.
    """

    bytes: int
    seconds: float


@dataclass(frozen=True, eq=False)
class BoardAnswers:
    """What the board answered, and what it cost.

    outputs: one array (samples, elements) per model output, in the output's own dtype.
    """

    outputs: tuple[Array, ...]
    run_ticks: int  # of the first sample's whole inference
    stack_painted: int | None  # bytes, deepest use in an inference; None: the board cannot tell
    core: CoreState | None = None  # what the chip's registers say; None: the board cannot tell
    transfer: Transfer | None = None  # of the first sample


@dataclass(frozen=True)
class LayerTicks:
    """The ticks of each layer's steps, timed one by one, and the number of these timings."""

    ticks: tuple[int, ...]
    timings: tuple[int, ...]

    def adding_up(self, whole: int) -> tuple[int, ...]:
        """Divide the `whole` ticks of an uninterrupted inference among the layers.

        Timing one step also times reaching it: a call, and the comparisons that skip other steps.
        The surplus over the whole inference is divided equally among the timings.
        """
        surplus = (sum(self.ticks) - whole) / max(sum(self.timings), 1)
        own = [
            max(ticks - timings * surplus, 0.0)
            for ticks, timings in zip(self.ticks, self.timings, strict=True)
        ]
        scale = whole / (sum(own) or 1.0)  # 1.0, unless a layer costs less than reaching it
        ends = [round(end * scale) for end in accumulate(own)]
        return tuple(end - begin for begin, end in pairwise((0, *ends)))


def run_samples(
    link: Link, compiled: Compiled, samples: Samples, stages: Stages, *, poison: bool = False
) -> BoardAnswers:
    """Run every sample on the board.

    poison: the board overwrites dead bytes between steps; ticks, stack and transfer then come from
    another run of the first sample, without poison. Raises BoardError when the link breaks, when
    the firmware cannot poison, and when the canary bytes around an arena have changed: they are
    checked after every sample.
    """
    if poison and not link.firmware.poison:
        raise BoardError(
            "the firmware was built without --poison",
            f"model {compiled.graph.source}",
            "deploy with --poison: the firmware must hold the table of dead bytes",
        )
    ports = compiled.model.outputs
    answers = [np.empty((samples.count, p.elements), p.dtype.numpy) for p in ports]
    first_ticks, stack_bytes = 0, 0
    core, transfer = None, None
    with stages.counted("running samples on the board", samples.count) as counter:
        for index in range(samples.count):
            begin = link.now_s, link.traffic
            if index == 0 and poison:
                run_sample(link, compiled, samples.sample(0))
                counters = link.counters()
                first_ticks, stack_bytes = counters.ticks, counters.stack_bytes
                transfer = _transfer(link, begin, counters)
            outputs = run_sample(link, compiled, samples.sample(index), poison=poison)
            for answer, output in zip(answers, outputs, strict=True):
                answer[index] = output
            counters = link.counters()
            core = counters.core
            transfer = transfer or _transfer(link, begin, counters)
            if not counters.canaries_intact:
                raise BoardError(
                    "the model wrote outside its arena: the canary bytes around it have changed",
                    f"model {compiled.graph.source}, sample {index}",
                    "this is mcuforge's fault: please report the model",
                )
            if not poison:
                first_ticks = counters.ticks if index == 0 else first_ticks
                stack_bytes = counters.stack_bytes
            counter.advance()
    return BoardAnswers(tuple(answers), first_ticks, stack_bytes or None, core, transfer)


def _transfer(link: Link, begin: tuple[float, int], counters: Counters) -> Transfer:
    """What crossed the line since `begin`, seconds and bytes; counters: of the run since then."""
    inference_s = counters.ticks / link.firmware.tick_hz
    return Transfer(link.traffic - begin[1], link.now_s - begin[0] - inference_s)


def run_sample(
    link: Link, compiled: Compiled, sample: tuple[Array, ...], *, poison: bool = False
) -> tuple[Array, ...]:
    """Run one inference and read every output, each of shape (elements,) in its own dtype."""
    feed(link, sample)
    link.run(poison=poison)
    return tuple(
        np.frombuffer(link.read_output(number), port.dtype.numpy)
        for number, port in enumerate(compiled.model.outputs)
    )


def layer_ticks(link: Link, compiled: Compiled, samples: Samples) -> LayerTicks:
    """Time every step of the first sample by itself."""
    feed(link, samples.sample(0))
    return by_layer(compiled, link.time_steps())


def by_layer(compiled: Compiled, steps: Iterable[tuple[int, int]]) -> LayerTicks:
    """Sum the cost of steps by layer; `steps` holds the number and the ticks of each."""
    number = {id(layer): index for index, layer in enumerate(compiled.schedule.layers)}
    ticks, timings = [0] * len(number), [0] * len(number)
    for step, cost in steps:
        layer = number[id(compiled.schedule.steps[step][0])]
        ticks[layer] += cost
        timings[layer] += 1
    return LayerTicks(tuple(ticks), tuple(timings))


def layer_outputs(link: Link, compiled: Compiled, sample: tuple[Array, ...]) -> tuple[Array, ...]:
    """Read what the arenas hold as each layer's output, every row right after its step.

    One array per layer, of shape (elements,) in the output's dtype.
    """
    feed(link, sample)
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


def feed(link: Link, sample: tuple[Array, ...]) -> None:
    """Write one sample, an array per model input, into the board's input buffers."""
    for index, x in enumerate(sample):
        link.write_input(index, np.ascontiguousarray(x).tobytes())
