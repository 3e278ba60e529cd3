# SPDX-License-Identifier: Apache-2.0
"""The rectifier with a slope of its own per channel, or element, below zero: PRELU."""

from dataclasses import dataclass

import numpy as np

from mcuforge.compiler.calls import Fields
from mcuforge.compiler.ops.common.broadcast import BroadcastOp
from mcuforge.compiler.ops.common.checks import scale_refusal, want_shape
from mcuforge.compiler.ops.common.fixed_point import output_multiplier, scaled_by, stored
from mcuforge.compiler.ops.mul import product_factor
from mcuforge.compiler.ops.tables.table import scale_ratio
from mcuforge.compiler.tensors import Array, Arrays, Tensor, Tensors

MOST_ABOVE = 2.0**22  # a value of 9 bits, shifted left, fits int32
MOST_BELOW = 2.0**14  # so does a product of 17 bits


@dataclass(frozen=True)
class Prelu(BroadcastOp):
    """a where a is positive, a * b below; the slopes b broadcast to the shape of a."""

    def check(self, inputs: Tensors, output: Tensor) -> None:
        super().check(inputs, output)
        want_shape(output, inputs[0].shape)
        above, below = scale_ratio(inputs[0], output), product_factor(inputs, output)
        if not (above < MOST_ABOVE and below < MOST_BELOW):
            raise scale_refusal(
                f"from scale {inputs[0].scale:g} and slopes of scale {inputs[1].scale:g} to scale "
                f"{output.scale:g} values are multiplied by {above:g} and {below:g}, expected "
                f"below 2**22 and 2**14"
            )

    def evaluate(self, inputs: Tensors, output: Tensor, values: Arrays) -> Array:
        a, b = (v.astype(np.int64) - t.zero_point for v, t in zip(values, inputs, strict=True))
        above = output_multiplier(scale_ratio(inputs[0], output), output)
        below = output_multiplier(product_factor(inputs, output), output)
        return stored(np.where(a >= 0, scaled_by(a, above), scaled_by(a * b, below)), output)

    def fields(self, inputs: Tensors, output: Tensor) -> Fields:
        above = output_multiplier(scale_ratio(inputs[0], output), output)
        below = output_multiplier(product_factor(inputs, output), output)
        return {
            "zero_point_a": inputs[0].zero_point,
            "zero_point_b": inputs[1].zero_point,
            "output_zero_point": output.zero_point,
            "multiplier_above": above.mantissa,
            "shift_above": above.shift,
            "multiplier_below": below.mantissa,
            "shift_below": below.shift,
        }
