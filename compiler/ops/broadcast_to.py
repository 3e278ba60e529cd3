# SPDX-License-Identifier: Apache-2.0
"""Repetition along dimensions of size 1, or missing ones: BROADCAST_TO."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from mcuforge.compiler.ops.strided_copy import (
    BYTES,
    Axis,
    Block,
    CopyOp,
    row_major,
    want_same_bytes,
    want_walkable,
)
from mcuforge.compiler.tensors import Array, Arrays, DType, Tensor, Tensors
from mcuforge.errors import Refusal


@dataclass(frozen=True)
class BroadcastTo(CopyOp):
    """Repeats int8 or uint8 to the output's shape; dimensions are aligned at the last one."""

    kind: ClassVar[str] = "broadcast_to"
    input_types: ClassVar[tuple[DType, ...]] = BYTES

    def check(self, inputs: Tensors, output: Tensor) -> None:
        x = inputs[0]
        want_same_bytes(x, output, output.shape)
        aligned = _aligned(x, output)
        pairs = zip(aligned, output.shape, strict=False)
        if len(aligned) != len(output.shape) or any(n not in (1, size) for n, size in pairs):
            raise Refusal(
                f"shape {list(x.shape)} of '{x.name}' does not repeat to {list(output.shape)}",
                "export the model again: its shapes contradict each other",
            )
        want_walkable(self.block(x, output))

    def block(self, x: Tensor, output: Tensor) -> Block:
        """Give repeated dimensions an input stride of 0."""
        aligned = _aligned(x, output)
        steps = (step if n > 1 else 0 for n, step in zip(aligned, row_major(aligned), strict=True))
        return Block(tuple(map(Axis, output.shape, steps, row_major(output.shape))))

    def evaluate(self, inputs: Tensors, output: Tensor, values: Arrays) -> Array:
        return np.ascontiguousarray(np.broadcast_to(values[0], output.shape))


def _aligned(x: Tensor, output: Tensor) -> tuple[int, ...]:
    """Extend the shape of `x` with ones in front to the output's rank."""
    return (1,) * (len(output.shape) - len(x.shape)) + x.shape
