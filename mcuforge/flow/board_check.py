# SPDX-License-Identifier: Apache-2.0
"""Sends samples to the board and reads its answers back, over an open link."""

from collections.abc import Iterable
from dataclasses import astuple, dataclass, replace
from functools import cached_property
from itertools import accumulate, pairwise

import numpy as np

from mcuforge.boards.link.client import Link
from mcuforge.boards.link.errors import LinkError
from mcuforge.boards.link.messages import CoreState, Counters
from mcuforge.compiler.compile import Compiled
from mcuforge.compiler.schedule.written import rows_written
from mcuforge.compiler.tensors import Array
from mcuforge.errors import BoardError
from mcuforge.flow.checkpoint import EVERY_SAMPLES, Checkpoint, Progress, check_digest
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
    link: Link,
    compiled: Compiled,
    samples: Samples,
    stages: Stages,
    *,
    poison: bool = False,
    checkpoint: Checkpoint | None = None,
) -> BoardAnswers:
    """Run every sample on the board.

    poison: the board overwrites dead bytes between steps; ticks, stack and transfer then come from
    another run of the first sample, without poison. checkpoint: goes on where an earlier run ended,
    and keeps what is done when this one ends early. Raises BoardError when the link breaks, when
    the firmware cannot poison, and when the canary bytes around an arena have changed: they are
    checked after every sample. CompileError for a checkpoint of another check.
    """
    if poison and not link.firmware.poison:
        raise BoardError(
            "the firmware was built without --poison",
            f"model {compiled.graph.source}",
            "deploy with --poison: the firmware must hold the table of dead bytes",
        )
    run = _Run(link, compiled, samples, poison)
    if checkpoint is not None and run.resume(checkpoint):
        stages.note(f"going on behind sample {run.done}: {checkpoint.path} holds those before")
    with stages.counted("running samples on the board", samples.count, run.done) as counter:
        while run.done < samples.count:
            try:
                run.advance()
            except LinkError as error:
                if checkpoint is None:
                    raise
                run.save(checkpoint)
                raise type(error)(error.what, error.where, _go_on(error.hint, run.done)) from error
            counter.advance()
            if checkpoint is not None and run.done % EVERY_SAMPLES == 0:
                run.save(checkpoint)
    if checkpoint is not None:
        checkpoint.remove()
    return run.answers()


def _go_on(hint: str, done: int) -> str:
    return f"{hint}; then run the same command again, which goes on behind sample {done}"


class _Run:
    """The samples that were run so far."""

    def __init__(self, link: Link, compiled: Compiled, samples: Samples, poison: bool) -> None:
        self.done = 0
        self._link, self._compiled, self._samples = link, compiled, samples
        self._poison = poison
        ports = compiled.model.outputs
        self._outputs = [np.empty((samples.count, p.elements), p.dtype.numpy) for p in ports]
        self._ticks = self._stack_bytes = 0
        self._core: CoreState | None = None
        self._transfer: Transfer | None = None

    @cached_property
    def _digest(self) -> str:
        """All that answers and ticks depend on, but for what differs from start to start."""
        firmware = replace(self._link.firmware, reset=0, epoch=0)
        tensors = (*self._link.inputs, *self._link.outputs)
        words = (
            *map(repr, (astuple(firmware), *map(astuple, tensors))),
            "virtual" if self._link.virtual else "real",
            "poison" if self._poison else "plain",
        )
        return check_digest(self._samples.inputs, words)

    def resume(self, checkpoint: Checkpoint) -> bool:
        """Take over what a checkpoint has; False if there is none."""
        shapes = tuple((array.shape[1:], array.dtype) for array in self._outputs)
        before = checkpoint.load(self._digest, shapes, self._samples.count)
        if before is None:
            return False
        self.done, self._ticks, self._stack_bytes = before.done, before.ticks, before.stack_bytes
        for array, held in zip(self._outputs, before.outputs, strict=True):
            array[: self.done] = held
        self._core = self._link.counters().core
        return True

    def save(self, checkpoint: Checkpoint) -> None:
        """Keep what is done."""
        outputs = tuple(array[: self.done] for array in self._outputs)
        progress = Progress(self.done, outputs, self._ticks, self._stack_bytes)
        checkpoint.save(self._digest, progress)

    def advance(self) -> None:
        """Run the next sample."""
        begin = self._link.now_s, self._link.traffic
        if self.done == 0 and self._poison:
            _, counters = run_sample(self._link, self._compiled, self._samples.sample(0))
            self._ticks, self._stack_bytes = counters.ticks, counters.stack_bytes
            self._transfer = _transfer(self._link, begin, counters)
        sample = self._samples.sample(self.done)
        outputs, counters = run_sample(self._link, self._compiled, sample, poison=self._poison)
        self._core = counters.core
        self._transfer = self._transfer or _transfer(self._link, begin, counters)
        if not counters.canaries_intact:
            raise BoardError(
                "the model wrote outside its arena: the canary bytes around it have changed",
                f"model {self._compiled.graph.source}, sample {self.done}",
                "this is mcuforge's fault: please report the model",
            )
        for array, output in zip(self._outputs, outputs, strict=True):
            array[self.done] = output
        if not self._poison:
            self._ticks = counters.ticks if self.done == 0 else self._ticks
            self._stack_bytes = counters.stack_bytes
        self.done += 1

    def answers(self) -> BoardAnswers:
        """What the board answered to all samples."""
        stack = self._stack_bytes or None
        return BoardAnswers(tuple(self._outputs), self._ticks, stack, self._core, self._transfer)


def _transfer(link: Link, begin: tuple[float, int], counters: Counters) -> Transfer:
    """What crossed the line since `begin`, seconds and bytes; counters: of the run since then."""
    inference_s = counters.ticks / link.firmware.tick_hz
    return Transfer(link.traffic - begin[1], link.now_s - begin[0] - inference_s)


def run_sample(
    link: Link, compiled: Compiled, sample: tuple[Array, ...], *, poison: bool = False
) -> tuple[tuple[Array, ...], Counters]:
    """Run one inference and read every output, each of shape (elements,) in its own dtype."""
    outputs, counters = link.infer([_bytes(x) for x in sample], poison=poison)
    ports = compiled.model.outputs
    arrays = (np.frombuffer(y, port.dtype.numpy) for y, port in zip(outputs, ports, strict=True))
    return tuple(arrays), counters


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
        link.write_input(index, _bytes(x))


def _bytes(x: Array) -> bytes:
    return np.ascontiguousarray(x).tobytes()
