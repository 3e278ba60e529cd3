# SPDX-License-Identifier: Apache-2.0
"""Quantization to int8 or uint8: from float32 by division, from 8 bits by a table."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from mcuforge.compiler.calls import Blank, Call, kernel_call
from mcuforge.compiler.ops.common.checks import want_dtype, want_quant, want_shape
from mcuforge.compiler.ops.common.fixed_point import RANGE, Int64
from mcuforge.compiler.ops.tables.table import TableOp, clamp_to, rescaled, want_factor
from mcuforge.compiler.tensors import Array, Arrays, DType, Tensor, Tensors
from mcuforge.compiler.work import Work, vector_counts

REACH = 512.0  # a quotient this far from zero saturates at every zero point


@dataclass(frozen=True)
class Quantize(TableOp):
    """Quantizes float32, int8 or uint8 of any shape to int8 or uint8 of the same shape.

    From float32: zero_point + round(x / scale), halves away from zero, clamped. The reference
    leaves quotients beyond int32 undefined; here they and the infinities saturate, and NaN gives
    the smallest value.
    """

    input_types: ClassVar[tuple[DType, ...]] = (DType.FLOAT32, DType.INT8, DType.UINT8)

    def check(self, inputs: Tensors, output: Tensor) -> None:
        x = inputs[0]
        want_dtype(x, *self.input_types)
        want_dtype(output, DType.INT8, DType.UINT8)
        want_quant(output)
        want_shape(output, x.shape)
        if x.dtype is not DType.FLOAT32:
            want_quant(x)
            want_factor(x.scale / output.scale, x, output)

    def answers(self, x: Tensor, output: Tensor, values: Int64) -> Int64:
        scaled = rescaled(values - x.zero_point, x.scale / output.scale)
        return clamp_to(output, scaled + output.zero_point)

    def evaluate(self, inputs: Tensors, output: Tensor, values: Arrays) -> Array:
        if inputs[0].dtype is not DType.FLOAT32:
            return super().evaluate(inputs, output, values)
        rounded = rounded_quotient(values[0].astype(np.float32), output.scale)
        return clamp_to(output, rounded + output.zero_point).astype(output.dtype.numpy)

    def call(self, inputs: Tensors, output: Tensor) -> Call:
        if inputs[0].dtype is not DType.FLOAT32:
            return super().call(inputs, output)
        low, high = RANGE[output.dtype]
        return kernel_call(
            "quantize_f32",
            *(inputs[0], output, Blank.PARAMS),
            count=output.elements,
            scale=output.scale,
            zero_point=output.zero_point,
            low=low,
            high=high,
        )

    def work(self, inputs: Tensors, output: Tensor) -> Work:
        if inputs[0].dtype is not DType.FLOAT32:
            return super().work(inputs, output)
        return Work("quantize_f32", vector_counts(output))


def rounded_quotient(x: NDArray[np.float32], scale: float) -> Int64:
    """Compute round(x / scale) in float32, halves away from zero; int64 of x's shape.

    Results are held within `REACH`; NaN is -REACH.
    """
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        ratio = (x / np.float32(scale)).astype(np.float64)
    held = np.clip(np.where(np.isnan(ratio), -REACH, ratio), -REACH, REACH)
    rounded: Int64 = np.copysign(np.floor(np.abs(held) + 0.5), held).astype(np.int64)
    return rounded
