# SPDX-License-Identifier: Apache-2.0
"""The square of the difference of two int8 tensors of any two scales, with broadcasting.

Formula: TFLite kernels/squared_difference.cc, restated.
"""

from dataclasses import dataclass

from mcuforge.compiler.calls import Fields
from mcuforge.compiler.ops.common.broadcast import BroadcastOp
from mcuforge.compiler.ops.common.checks import scale_refusal
from mcuforge.compiler.ops.common.common_scale import (
    common_scale,
    input_multipliers,
    on_common_scale,
    two_scale_fields,
)
from mcuforge.compiler.ops.common.fixed_point import (
    Multiplier,
    quantize_multiplier,
    scaled_by,
    stored,
)
from mcuforge.compiler.tensors import Array, Arrays, Tensor, Tensors

LEFT_SHIFT = 7  # fraction bits of the difference: its square, below 2**30, still fits


@dataclass(frozen=True)
class SquaredDifference(BroadcastOp):
    """(a - b)**2; inputs: a, b of shapes that broadcast to the output's."""

    def check(self, inputs: Tensors, output: Tensor) -> None:
        super().check(inputs, output)
        if output_multiplier(inputs, output).shift > 0:
            largest = max(t.scale for t in inputs)
            raise scale_refusal(
                f"the square of the larger input scale {largest:g} is over 2**12 times the output "
                f"scale {output.scale:g}"
            )

    def evaluate(self, inputs: Tensors, output: Tensor, values: Arrays) -> Array:
        a, b = on_common_scale(inputs, values, input_multipliers(inputs), LEFT_SHIFT)
        return stored(scaled_by((a - b) ** 2, output_multiplier(inputs, output)), output)

    def fields(self, inputs: Tensors, output: Tensor) -> Fields:
        factor = output_multiplier(inputs, output)
        return two_scale_fields(inputs, input_multipliers(inputs), output, factor)


def output_multiplier(inputs: Tensors, output: Tensor) -> Multiplier:
    """Find the factor from the squared common scale, without fraction bits, to the output's."""
    scale = common_scale(inputs)
    return quantize_multiplier(scale * scale / (4.0**LEFT_SHIFT * output.scale))
