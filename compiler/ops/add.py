# SPDX-License-Identifier: Apache-2.0
"""Addition and subtraction of int8 tensors of any two scales, with broadcasting."""

from dataclasses import dataclass

from mcuforge.compiler.calls import Fields
from mcuforge.compiler.graph import Activation
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
    activation_range,
    quantize_multiplier,
    scaled_by,
    stored,
)
from mcuforge.compiler.tensors import Array, Arrays, Tensor, Tensors

LEFT_SHIFT = 20  # fraction bits the inputs gain before they are brought to one scale


@dataclass(frozen=True)
class Add(BroadcastOp):
    """a + b, or a - b if `subtract`; inputs: a, b of shapes that broadcast to the output's."""

    subtract: bool = False
    act: Activation = "none"

    def check(self, inputs: Tensors, output: Tensor) -> None:
        super().check(inputs, output)
        if output_multiplier(inputs, output).shift > 0:
            largest = max(t.scale for t in inputs)
            raise scale_refusal(
                f"input scale {largest:g} is over 2**19 times the output scale {output.scale:g}"
            )

    def evaluate(self, inputs: Tensors, output: Tensor, values: Arrays) -> Array:
        a, b = on_common_scale(inputs, values, self.multipliers(inputs), LEFT_SHIFT)
        return stored(scaled_by(a + b, output_multiplier(inputs, output)), output, self.act)

    def fields(self, inputs: Tensors, output: Tensor) -> Fields:
        factor = output_multiplier(inputs, output)
        low, high = activation_range(self.act, output)
        scales = two_scale_fields(inputs, self.multipliers(inputs), output, factor)
        return {**scales, "act_min": low, "act_max": high}

    def multipliers(self, inputs: Tensors) -> tuple[Multiplier, Multiplier]:
        """Bring both inputs to the common scale; b's is negative to subtract."""
        a, b = input_multipliers(inputs)
        return a, b._replace(mantissa=-b.mantissa) if self.subtract else b


def output_multiplier(inputs: Tensors, output: Tensor) -> Multiplier:
    """Find the factor from the common scale, without its fraction bits, to the output's."""
    return quantize_multiplier(common_scale(inputs) / (2.0**LEFT_SHIFT * output.scale))
