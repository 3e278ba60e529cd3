# SPDX-License-Identifier: Apache-2.0
"""Operators on 8-bit elements whose whole meaning fits a table of 256 bytes in flash."""

from abc import abstractmethod
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from mcuforge.compiler.calls import Blank, Blob, Call, kernel_call
from mcuforge.compiler.ops.common.by_row import RowwiseOp
from mcuforge.compiler.ops.common.checks import scale_refusal, want_int8, want_shape
from mcuforge.compiler.ops.common.fixed_point import RANGE, Int64, quantize_multiplier, requantize
from mcuforge.compiler.tensors import Array, Arrays, Tensor, Tensors
from mcuforge.compiler.work import Counts, Work
from mcuforge.errors import Refusal

MAX_FACTOR = 2**23  # times a centred 8-bit value of 9 bits, this still fits int32
MAX_STEPS = 2.0**31 - 256  # a rounded quotient plus a zero point that still fits int32


@dataclass(frozen=True)
class TableOp(RowwiseOp):
    """An operator from 8 bits to 8 bits of the same shape, on each element by itself."""

    def check(self, inputs: Tensors, output: Tensor) -> None:
        want_int8(inputs[0], output)
        want_shape(output, inputs[0].shape)

    @abstractmethod
    def answers(self, x: Tensor, output: Tensor, values: Int64) -> Int64:
        """Compute the output for each int64 input value (256,), clamped to the output's range.

        Returns int64 (256,).
        """

    def stored_table(self, x: Tensor, output: Tensor) -> NDArray[np.int8]:
        """Tabulate the output byte for each input byte: int8 (256,).

        The bytes, and the index, are raw: those of uint8 for a uint8 tensor.
        """
        low, high = RANGE[x.dtype]
        values = np.arange(low, high + 1, dtype=np.int64)
        table = np.empty(256, np.int8)
        table[values & 0xFF] = self.answers(x, output, values).astype(np.uint8).view(np.int8)
        return table

    def evaluate(self, inputs: Tensors, output: Tensor, values: Arrays) -> Array:
        raw = values[0].astype(np.uint8)
        return self.stored_table(inputs[0], output)[raw].view(output.dtype.numpy)

    def call(self, inputs: Tensors, output: Tensor) -> Call:
        blob = Blob("table", partial(self.stored_table, inputs[0], output))
        arguments = (inputs[0], blob, output, Blank.PARAMS)
        return kernel_call("table_s8", *arguments, count=output.elements)

    def work(self, inputs: Tensors, output: Tensor) -> Work:
        return Work("table_s8", Counts(call=1, output=output.elements))


def clamp_to(output: Tensor, values: Int64) -> Int64:
    """Limit `values` to what the output's dtype holds; int64 of their shape."""
    low, high = RANGE[output.dtype]
    clamped: Int64 = np.clip(values, low, high)
    return clamped


def rescaled(values: Int64, factor: float) -> Int64:
    """Multiply `values` by `factor`, of either sign, through TFLite's quantized multiplier.

    Returns int64 of values' shape.
    """
    multiplier = quantize_multiplier(abs(factor))
    mantissa = multiplier.mantissa if factor >= 0 else -multiplier.mantissa
    return requantize(values, mantissa, multiplier.shift)


def scale_ratio(x: Tensor, output: Tensor) -> float:
    """Compute x.scale / output.scale in float32; most TFLite operators use doubles."""
    return float(np.float32(x.scale) / np.float32(output.scale))


def dequantized(x: Tensor, values: Int64) -> NDArray[np.float32]:
    """Compute the real numbers that `values` stand for; float32 of their shape."""
    with np.errstate(over="ignore", under="ignore"):
        real: NDArray[np.float32] = np.float32(x.scale) * (values - x.zero_point).astype(np.float32)
    return real


def farthest(x: Tensor) -> float:
    """Find the largest absolute real value that `x` can hold, in float32."""
    low, high = RANGE[x.dtype]
    ends = np.array([low, high], np.int64)
    return float(np.abs(dequantized(x, ends)).max())


def quantized(real: NDArray[np.float32], output: Tensor) -> Int64:
    """Quantize real numbers as TFLite's table writer rounds them, clamped.

    Returns int64 of real's shape. It multiplies by the scale's float32 inverse and rounds halves
    away from zero.
    """
    steps = (real * (np.float32(1) / np.float32(output.scale))).astype(np.float64)
    rounded = np.copysign(np.floor(np.abs(steps) + 0.5), steps)
    return clamp_to(output, rounded.astype(np.int64) + output.zero_point)


def want_factor(factor: float, x: Tensor, output: Tensor) -> None:
    """Refuse a change of scale that leaves the reference's int32 arithmetic undefined."""
    if not abs(factor) < MAX_FACTOR:
        raise Refusal(
            f"from '{x.name}' (scale {x.scale}) to '{output.name}' (scale {output.scale}) values "
            f"are multiplied by {factor:g}, expected below {MAX_FACTOR}",
            "quantize again with a representative dataset that exercises both tensors",
        )


def want_room(output: Tensor, real: float) -> None:
    """Refuse an output scale so small that the quantized `real` exceeds an int32."""
    if real / output.scale >= MAX_STEPS:
        raise scale_refusal(
            f"tensor '{output.name}' has scale {output.scale}, on which {real:g} exceeds an int32"
        )
