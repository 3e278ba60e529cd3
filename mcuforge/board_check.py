# SPDX-License-Identifier: Apache-2.0
"""Samples to the board and answers back, over an open link."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mcuforge.boards.link.client import Link
from mcuforge.compiler.compile import Compiled
from mcuforge.compiler.ir import Array
from mcuforge.data import Samples
from mcuforge.errors import BoardError
from mcuforge.report.progress import Stages


@dataclass(frozen=True, eq=False)
class BoardAnswers:
    """What the board answered: per model output an array (samples, elements), and what it cost."""

    outputs: tuple[Array, ...]
    run_ticks: int  # of the first sample's whole inference
    stack_painted: int | None  # high-water mark of the inference, None where the board cannot tell


def run_samples(link: Link, compiled: Compiled, samples: Samples, stages: Stages) -> BoardAnswers:
    """Every sample through the board; BoardError when the link or the arena's guards break."""
    ports = compiled.model.outputs
    answers = [np.empty((samples.count, p.elements), p.dtype.numpy) for p in ports]
    first_ticks = 0
    with stages.counted("running samples on the board", samples.count) as counter:
        for index in range(samples.count):
            outputs = run_sample(link, compiled, samples.sample(index))
            for answer, output in zip(answers, outputs, strict=True):
                answer[index] = output
            if index == 0:
                first_ticks = link.counters().ticks
            counter.advance()
    counters = link.counters()
    if not counters.canaries_intact:
        raise BoardError(
            "the model wrote outside its arena: the guard bytes round it have changed",
            f"model {compiled.graph.source}",
            "this is a fault of mcuforge's: report the model, please",
        )
    return BoardAnswers(tuple(answers), first_ticks, counters.stack_bytes or None)


def run_sample(link: Link, compiled: Compiled, sample: tuple[Array, ...]) -> tuple[Array, ...]:
    """One inference: every output, flat, in its own dtype."""
    _feed(link, sample)
    link.run()
    return tuple(
        np.frombuffer(link.read_output(number), port.dtype.numpy)
        for number, port in enumerate(compiled.model.outputs)
    )


def layer_ticks(link: Link, samples: Samples) -> tuple[int, ...]:
    """Ticks of each layer on the first sample."""
    _feed(link, samples.sample(0))
    return link.profile()


def layer_outputs(link: Link, compiled: Compiled, sample: tuple[Array, ...]) -> tuple[Array, ...]:
    """What the arena holds as each layer's output right after it ran, flat."""
    _feed(link, sample)
    values = []
    for index, step in enumerate(compiled.schedule.layers):
        link.run(index, index + 1)
        out = step.node.output
        offset = compiled.plan.placements[out.name].offset
        values.append(np.frombuffer(link.read_arena(offset, out.bytes), out.dtype.numpy))
    return tuple(values)


def _feed(link: Link, sample: tuple[Array, ...]) -> None:
    for index, x in enumerate(sample):
        link.write_input(index, np.ascontiguousarray(x).tobytes())
