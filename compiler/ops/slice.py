# SPDX-License-Identifier: Apache-2.0
"""A box of a tensor, with steps of any size and sign: STRIDED_SLICE, SLICE, one part of a SPLIT."""

from dataclasses import dataclass

import numpy as np

from mcuforge.compiler.ops.common.checks import shape_refusal
from mcuforge.compiler.ops.strided_copy import Axis, Block, CopyOp, row_major, want_same_bytes
from mcuforge.compiler.tensors import Array, Arrays, Tensor, Tensors


@dataclass(frozen=True)
class Slice(CopyOp):
    """out[i, j, ...] = x[begin[0] + i * stride[0], begin[1] + j * stride[1], ...], int8 or uint8.

    The extents are the output's; a negative stride walks backwards from `begin`.
    """

    begin: tuple[int, ...] = ()
    stride: tuple[int, ...] = ()

    def check(self, inputs: Tensors, output: Tensor) -> None:
        x = inputs[0]
        want_same_bytes(x, output, output.shape)
        if not len(x.shape) == len(output.shape) == len(self.begin) == len(self.stride):
            raise shape_refusal(
                f"a slice of {list(x.shape)} from {list(self.begin)} in steps of "
                f"{list(self.stride)} to {list(output.shape)}, expected lists of one length"
            )
        for axis, (size, extent) in enumerate(zip(x.shape, output.shape, strict=True)):
            first, step = self.begin[axis], self.stride[axis]
            last = first + (extent - 1) * step
            if step == 0 or extent < 1 or min(first, last) < 0 or max(first, last) >= size:
                raise shape_refusal(
                    f"axis {axis}: {extent} elements from {first} in steps of {step}, "
                    f"the tensor has {size}"
                )
        self.want_walkable(inputs, output)

    def block(self, x: Tensor, output: Tensor) -> Block:
        """Find the box's place in the input."""
        strides = row_major(x.shape)
        steps = tuple(s * step for s, step in zip(strides, self.stride, strict=True))
        axes = tuple(map(Axis, output.shape, steps, row_major(output.shape)))
        return Block(axes, sum(b * s for b, s in zip(self.begin, strides, strict=True)))

    def evaluate(self, inputs: Tensors, output: Tensor, values: Arrays) -> Array:
        sides = zip(self.begin, output.shape, self.stride, strict=True)
        picked: Array = values[0][np.ix_(*(b + np.arange(n) * s for b, n, s in sides))]
        return picked
