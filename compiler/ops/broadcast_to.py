# SPDX-License-Identifier: Apache-2.0
"""Repetition along dimensions of size 1, or missing ones: BROADCAST_TO."""

from dataclasses import dataclass

import numpy as np

from mcuforge.compiler.ops.common.broadcast import aligned
from mcuforge.compiler.ops.common.checks import shape_refusal
from mcuforge.compiler.ops.strided_copy import Axis, Block, CopyOp, row_major, want_same_bytes
from mcuforge.compiler.tensors import Array, Arrays, Tensor, Tensors


@dataclass(frozen=True)
class BroadcastTo(CopyOp):
    """Repeats int8 or uint8 to the output's shape; dimensions are aligned at the last one."""

    def check(self, inputs: Tensors, output: Tensor) -> None:
        x = inputs[0]
        want_same_bytes(x, output, output.shape)
        shape = aligned(x, output)
        pairs = zip(shape, output.shape, strict=False)
        if len(shape) != len(output.shape) or any(n not in (1, size) for n, size in pairs):
            raise shape_refusal(
                f"shape {list(x.shape)} of '{x.name}' does not repeat to {list(output.shape)}"
            )
        self.want_walkable(inputs, output)

    def block(self, x: Tensor, output: Tensor) -> Block:
        """Give repeated dimensions an input stride of 0."""
        shape = aligned(x, output)
        steps = (step if n > 1 else 0 for n, step in zip(shape, row_major(shape), strict=True))
        return Block(tuple(map(Axis, output.shape, steps, row_major(output.shape))))

    def evaluate(self, inputs: Tensors, output: Tensor, values: Arrays) -> Array:
        return np.ascontiguousarray(np.broadcast_to(values[0], output.shape))
