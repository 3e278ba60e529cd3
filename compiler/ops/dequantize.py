# SPDX-License-Identifier: Apache-2.0
"""Dequantization from int8 or uint8 to float32: scale * (q - zero_point)."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from mcuforge.compiler.calls import Blank, Call, kernel_call
from mcuforge.compiler.ops.common.by_row import RowwiseOp
from mcuforge.compiler.ops.common.checks import want_dtype, want_quant, want_shape
from mcuforge.compiler.tensors import Array, Arrays, DType, Tensor, Tensors


@dataclass(frozen=True)
class Dequantize(RowwiseOp):
    """Dequantizes int8 or uint8 of any shape to float32 of the same shape.

    The product of two float32 is rounded once, so it equals the reference's, which goes through
    double.
    """

    kernel_name: ClassVar[str] = "dequantize_f32"
    input_types: ClassVar[tuple[DType, ...]] = (DType.INT8, DType.UINT8)

    def check(self, inputs: Tensors, output: Tensor) -> None:
        want_dtype(inputs[0], *self.input_types)
        want_quant(inputs[0])
        want_dtype(output, DType.FLOAT32)
        want_shape(output, inputs[0].shape)

    def evaluate(self, inputs: Tensors, output: Tensor, values: Arrays) -> Array:
        centred = values[0].astype(np.int32) - inputs[0].zero_point
        with np.errstate(over="ignore", under="ignore"):
            return np.float32(inputs[0].scale) * centred.astype(np.float32)

    def call(self, inputs: Tensors, output: Tensor) -> Call:
        x = inputs[0]
        return kernel_call(
            self.kernel_name,
            *(x, output, Blank.PARAMS),
            count=output.elements,
            scale=x.scale,
            zero_point=x.zero_point,
            is_signed=int(x.dtype is DType.INT8),
        )
