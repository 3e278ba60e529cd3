# SPDX-License-Identifier: Apache-2.0
"""Tensors joined along one axis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from mcuforge.compiler.ir import Array, DType, Tensor
from mcuforge.compiler.ops.base import Call, Op
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
class Concatenation(Op):
    """int8 or uint8, one input or more, equal but in `axis`; all of one scale and zero point.

    The reference refuses differing scales for int8 too; for uint8 it would rescale in float.
    """

    kind: ClassVar[str] = "concatenation"
    input_types: ClassVar[tuple[DType, ...]] = BYTES
    axis: int = 0

    def check(self, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        rank = len(output.shape)
        if not 0 <= self.axis < rank:
            raise Refusal(
                f"joins along axis {self.axis}, wanted 0 to {rank - 1}",
                "export the model again: its shapes contradict each other",
            )
        for x in inputs:
            if len(x.shape) != rank:
                raise Refusal(
                    f"tensor '{x.name}' has shape {list(x.shape)}, "
                    f"wanted {rank} dimensions as in the output",
                    "export the model again: its shapes contradict each other",
                )
            want_same_bytes(x, output, self.with_extent(x.shape, output.shape[self.axis]))
        joined = sum(x.shape[self.axis] for x in inputs)
        if joined != output.shape[self.axis]:
            raise Refusal(
                f"the inputs join to {joined} along axis {self.axis}, "
                f"tensor '{output.name}' has {output.shape[self.axis]}",
                "export the model again: its shapes contradict each other",
            )
        for block in self.blocks(inputs, output):
            want_walkable(block)

    def with_extent(self, shape: tuple[int, ...], extent: int) -> tuple[int, ...]:
        """`shape` with another extent along the joined axis."""
        return (*shape[: self.axis], extent, *shape[self.axis + 1 :])

    def blocks(self, inputs: tuple[Tensor, ...], output: Tensor) -> tuple[Block, ...]:
        """Each input's place in the output."""
        strides = row_major(output.shape)
        result = []
        begin = 0
        for x in inputs:
            axes = tuple(map(Axis, x.shape, row_major(x.shape), strides))
            result.append(Block(axes, 0, begin * strides[self.axis]))
            begin += x.shape[self.axis]
        return tuple(result)

    def evaluate(
        self, inputs: tuple[Tensor, ...], output: Tensor, values: Sequence[Array]
    ) -> Array:
        return np.concatenate(tuple(values), axis=self.axis)

    def calls(self, inputs: tuple[Tensor, ...], output: Tensor, isa: str) -> tuple[Call, ...]:
        blocks = self.blocks(inputs, output)
        return tuple(copy_call(x, output, b) for x, b in zip(inputs, blocks, strict=True))
