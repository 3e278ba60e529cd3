# SPDX-License-Identifier: Apache-2.0
"""A tensor of any type once more: an output that is an input, a constant or another output too."""

from dataclasses import dataclass
from typing import ClassVar

from mcuforge.compiler.calls import Reads
from mcuforge.compiler.ops.common.checks import want_dtype, want_same_quant, want_shape
from mcuforge.compiler.ops.strided_copy import Axis, Block, CopyOp
from mcuforge.compiler.tensors import Array, Arrays, DType, Tensor, Tensors


@dataclass(frozen=True)
class Copy(CopyOp):
    """out = x, byte by byte, as a whole."""

    input_types: ClassVar[tuple[DType, ...]] = tuple(DType)

    def check(self, inputs: Tensors, output: Tensor) -> None:
        x = inputs[0]
        want_dtype(output, x.dtype)
        want_same_quant(x, output)
        want_shape(output, x.shape)

    def evaluate(self, inputs: Tensors, output: Tensor, values: Arrays) -> Array:
        return values[0].copy()

    def block(self, x: Tensor, output: Tensor) -> Block:
        """Name all bytes."""
        return Block((Axis(x.bytes, 1, 1),))

    def reads(self, inputs: Tensors, output: Tensor) -> tuple[Reads | None, ...]:
        return (None,)

    def row_reads(self, inputs: Tensors, output: Tensor) -> tuple[Reads | None, ...] | None:
        return None
