# SPDX-License-Identifier: Apache-2.0
"""Dimensions in another order."""

from dataclasses import dataclass

import numpy as np

from mcuforge.compiler.ops.common.checks import shape_refusal
from mcuforge.compiler.ops.strided_copy import Axis, Block, CopyOp, row_major, want_same_bytes
from mcuforge.compiler.tensors import Array, Arrays, Tensor, Tensors


@dataclass(frozen=True)
class Transpose(CopyOp):
    """Reorders int8 or uint8: dimension i of the output is dimension `perm[i]` of the input."""

    perm: tuple[int, ...] = ()

    def check(self, inputs: Tensors, output: Tensor) -> None:
        x = inputs[0]
        if sorted(self.perm) != list(range(len(x.shape))):
            raise shape_refusal(
                f"permutation {list(self.perm)} of the {len(x.shape)} dimensions of '{x.name}', "
                "expected each dimension once"
            )
        want_same_bytes(x, output, tuple(x.shape[p] for p in self.perm))
        self.want_walkable(inputs, output)

    def block(self, x: Tensor, output: Tensor) -> Block:
        """Order the input's elements as the output's."""
        strides = row_major(x.shape)
        steps = tuple(strides[p] for p in self.perm)
        return Block(tuple(map(Axis, output.shape, steps, row_major(output.shape))))

    def evaluate(self, inputs: Tensors, output: Tensor, values: Arrays) -> Array:
        return np.ascontiguousarray(values[0].transpose(self.perm))
