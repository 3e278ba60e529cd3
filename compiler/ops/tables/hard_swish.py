# SPDX-License-Identifier: Apache-2.0
"""Hard swish on int8, x * relu6(x + 3) / 6, in TFLite's 16-bit fixed point, as a table.

Formula: TFLite kernels/internal/reference/hard_swish.h and HardSwishPrepare, restated.
"""

from dataclasses import dataclass

import numpy as np

from mcuforge.compiler.ops.common.checks import scale_refusal
from mcuforge.compiler.ops.common.fixed_point import Int64, Multiplier, quantize_multiplier
from mcuforge.compiler.ops.tables.table import TableOp, clamp_to
from mcuforge.compiler.tensors import Tensor, Tensors

HIRES_BITS = 7  # a centred input of 9 bits fills int16 after this shift
REAL_THREE = 2**15  # where 3.0, the end of the ramp, lies on the ramp's own scale
MAX_SCALE = 1e7  # from 2**22 * 3 on, the reference shifts an int by more than its width


@dataclass(frozen=True)
class HardSwish(TableOp):
    """Hard swish of int8, any shape; TFLite demands an output scale above 1/128 of the input's."""

    def check(self, inputs: Tensors, output: Tensor) -> None:
        super().check(inputs, output)
        x = inputs[0]
        if output_multiplier(x, output).shift > 0:
            raise scale_refusal(
                f"tensor '{output.name}' has scale {output.scale}, expected more than 1/128 of "
                f"the input's {x.scale}"
            )
        if x.scale >= MAX_SCALE:
            raise scale_refusal(
                f"tensor '{x.name}' has scale {x.scale}, expected below {MAX_SCALE:g}"
            )

    def answers(self, x: Tensor, output: Tensor, values: Int64) -> Int64:
        hires = (values - x.zero_point) << HIRES_BITS
        scale = output_multiplier(x, output)
        ramp = relu_ramp(hires, ramp_multiplier(x))
        product = ramp * high_mul_16(hires, scale.mantissa)
        # towards zero, to cancel the upward bias of the two roundings before
        towards_zero = np.sign(product) * (np.abs(product) >> 15)
        return clamp_to(output, shift_right_16(towards_zero, -scale.shift) + output.zero_point)


def output_multiplier(x: Tensor, output: Tensor) -> Multiplier:
    """Find the factor from the input's scale / 128 to the output's, with a 16-bit mantissa."""
    return narrow(np.float32(x.scale) / np.float32(2**HIRES_BITS) / np.float32(output.scale))


def ramp_multiplier(x: Tensor) -> Multiplier:
    """Find the 16-bit factor from the input's scale / 128 to the scale on which 3.0 is 2**15."""
    ramp_scale = np.float32(3.0) / np.float32(REAL_THREE)
    return narrow(np.float32(x.scale) / np.float32(2**HIRES_BITS) / ramp_scale)


def narrow(real: np.float32) -> Multiplier:
    """Round a multiplier's mantissa to int16, saturating."""
    wide = quantize_multiplier(float(real))
    return Multiplier(min((wide.mantissa + 2**15) >> 16, 2**15 - 1), wide.shift)


def relu_ramp(hires: Int64, multiplier: Multiplier) -> Int64:
    """Compute relu6(x + 3) / 6 as a fraction of 2**15, 0 to 2**15 - 1; int64 of hires' shape."""
    left = max(multiplier.shift, 0)
    value = hires
    if left > 0:
        value = saturate_16(value << (left - 1))  # the last bit waits for the product
    value = high_mul_16(value, multiplier.mantissa)
    if left > 0:
        value = saturate_16(value << 1)
    value = shift_right_16(value, max(-multiplier.shift, 0))
    return (value + 2**15) >> 1


def saturate_16(values: Int64) -> Int64:
    """Limit `values` to the range of int16; int64 of their shape."""
    limited: Int64 = np.clip(values, -(2**15), 2**15 - 1)
    return limited


def high_mul_16(values: Int64, mantissa: int) -> Int64:
    """Compute round(values * mantissa / 2**15), halves upwards; int64 of values' shape.

    The mantissa is never -2**15.
    """
    return (values * mantissa + 2**14) >> 15


def shift_right_16(values: Int64, shift: int) -> Int64:
    """Compute round(values / 2**shift), halves away from zero, as int16 arithmetic does.

    Returns int64 of values' shape. From a shift of 16 the reference's int16 mask is all ones, and
    any value becomes 1 or -1.
    """
    mask = (1 << shift) - 1 if shift < 16 else -1
    threshold = (mask >> 1) + (values < 0)
    result: Int64 = (values >> shift) + ((values & mask) > threshold)
    return result
