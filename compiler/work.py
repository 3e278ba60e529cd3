# SPDX-License-Identifier: Apache-2.0
"""What a kernel does in one inference, counted in the things its instructions are spent on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

from mcuforge.compiler.tensors import Tensor


class Counts(NamedTuple):
    """How often a layer does something; as a price list, the instructions each time takes."""

    task: float = 0  # tasks of a pipeline, beside what each of their calls takes
    call: float = 0  # kernel calls, in a pipeline with the loop round them
    position: float = 0  # output pixels or vectors: where the window lies
    output: float = 0  # output elements: sums finished, scaled, clamped
    run: float = 0  # inner loops begun: over a row of taps, a vector, a row, bytes to copy
    tap: float = 0  # products, or elements read, or bytes copied
    rest: float = 0  # products left over where the inner loop takes several at once
    padding: float = 0  # taps on padding
    edge: float = 0  # rows of taps of windows that are partly on padding
    carried: float = 0  # sums taken up again by a task that adds rows up
    gathered: float = 0  # elements brought together before their products are summed
    in_bytes: float = 0  # of them, where channels fill no words
    piece: float = 0  # rows of taps that are gathered by themselves
    window: float = 0  # windows whose taps are looked up by themselves
    row: float = 0  # output rows begun, where kernels look up each one's place
    twice: float = 0  # outputs that are rounded twice
    mixed: float = 0  # outputs of layers some of whose channels round once and others twice
    summed: float = 0  # elements summed by themselves, for a zero point
    shared: float = 0  # products with a softmax's shares, whose sum is known

    def plus(self, other: Counts) -> Counts:
        """The sum with other counts."""
        return Counts(*(a + b for a, b in zip(self, other, strict=True)))

    def times(self, n: float) -> Counts:
        """`n` times as much of everything."""
        return Counts(*(n * count for count in self))


NONE = Counts()
CALLED = Counts(call=1)


@dataclass(frozen=True)
class Work:
    """What `kernel` does for a layer: in t tasks `fixed` + t * `per_task`.

    A kernel computes some pixels together. A task whose pixels are not a multiple of them leaves
    1, 2, ... over: `left` has what these do in addition.
    """

    kernel: str
    fixed: Counts
    per_task: Counts = NONE
    left: tuple[Counts, ...] = ()

    @property
    def at_once(self) -> int:
        """The pixels that are computed together."""
        return len(self.left) + 1

    def left_over(self, pixels: int) -> Counts:
        """What a task of so many pixels does for those that it leaves over."""
        over = pixels % self.at_once
        return self.left[over - 1] if over else NONE

    def in_calls(self, calls: float) -> Work:
        """The same work in so many calls, made by the tasks of a pipeline."""
        return replace(self, fixed=self.fixed._replace(call=calls), per_task=Counts(task=1))


def vector_counts(output: Tensor) -> Counts:
    """Count one call that computes the output vector by vector, along its last axis."""
    vectors = output.elements // max(output.shape[-1:] or (1,))
    return Counts(call=1, output=output.elements, run=vectors)
