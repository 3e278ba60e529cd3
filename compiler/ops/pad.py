# SPDX-License-Identifier: Apache-2.0
"""A border of one value around a tensor: PAD, PADV2."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from mcuforge.compiler.ir import Array, DType, Tensor
from mcuforge.compiler.ops.base import Call, Op, Params, Slot
from mcuforge.compiler.ops.fixed_point import RANGE
from mcuforge.compiler.ops.strided_copy import (
    BYTES,
    Axis,
    Block,
    copy_call,
    row_major,
    want_same_bytes,
    want_walkable,
)
from mcuforge.errors import Refusal


@dataclass(frozen=True)
class Pad(Op):
    """int8 or uint8; `before` and `after` count elements per dimension, `value` is quantised."""

    kind: ClassVar[str] = "pad"
    input_types: ClassVar[tuple[DType, ...]] = BYTES
    before: tuple[int, ...] = ()
    after: tuple[int, ...] = ()
    value: int = 0

    def check(self, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        x = inputs[0]
        rank = len(x.shape)
        if len(self.before) != rank or len(self.after) != rank:
            raise Refusal(
                f"{len(self.before)} and {len(self.after)} paddings for the {rank} dimensions "
                f"of '{x.name}'",
                "export the model again: its shapes contradict each other",
            )
        if min((*self.before, *self.after), default=0) < 0:
            raise Refusal(
                f"paddings {list(self.before)} before and {list(self.after)} after, "
                "wanted 0 or more each",
                "crop with a slice instead of a negative padding",
            )
        shape = tuple(b + n + a for b, n, a in zip(self.before, x.shape, self.after, strict=True))
        want_same_bytes(x, output, shape)
        low, high = RANGE[x.dtype]
        if not low <= self.value <= high:
            raise Refusal(
                f"padding value {self.value}, wanted {low} to {high} as {x.dtype.value} holds",
                "pad with a value the tensor's scale can express",
            )
        want_walkable(self.block(x, output))

    def block(self, x: Tensor, output: Tensor) -> Block:
        """The input's place inside the output."""
        strides = row_major(output.shape)
        axes = tuple(map(Axis, x.shape, row_major(x.shape), strides))
        return Block(axes, 0, sum(b * s for b, s in zip(self.before, strides, strict=True)))

    def evaluate(
        self, inputs: tuple[Tensor, ...], output: Tensor, values: Sequence[Array]
    ) -> Array:
        widths = tuple(zip(self.before, self.after, strict=True))
        return np.pad(values[0], widths, constant_values=self.value)

    def calls(self, inputs: tuple[Tensor, ...], output: Tensor, isa: str) -> tuple[Call, ...]:
        params = Params("fill_params", (("count", output.elements), ("value", self.value)))
        fill = Call("fill_s8", (output, Slot.PARAMS), params)
        copy = copy_call(inputs[0], output, self.block(inputs[0], output))
        return (fill, copy) if output.elements > inputs[0].elements else (copy,)
