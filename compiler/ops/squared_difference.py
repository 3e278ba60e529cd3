# SPDX-License-Identifier: Apache-2.0
"""The square of the difference of two int8 tensors of any two scales, with broadcasting.

Formula: TFLite kernels/squared_difference.cc, restated.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from mcuforge.compiler.calls import Blank, Call, Params
from mcuforge.compiler.ops.common.broadcast import BroadcastOp, check_broadcast, operands
from mcuforge.compiler.ops.common.checks import want_int8
from mcuforge.compiler.ops.common.common_scale import (
    common_scale,
    input_multipliers,
    on_common_scale,
    two_scale_fields,
)
from mcuforge.compiler.ops.common.fixed_point import (
    Multiplier,
    quantize_multiplier,
    requantize,
)
from mcuforge.compiler.tensors import Array, Arrays, Tensor, Tensors
from mcuforge.errors import Refusal

LEFT_SHIFT = 7  # fraction bits of the difference: its square, below 2**30, still fits


@dataclass(frozen=True)
class SquaredDifference(BroadcastOp):
    """(a - b)**2; inputs: a, b of shapes that broadcast to the output's."""

    kind: ClassVar[str] = "squared_difference"

    def check(self, inputs: Tensors, output: Tensor) -> None:
        for tensor in (*inputs, output):
            want_int8(tensor)
        check_broadcast(inputs, output)
        if output_multiplier(inputs, output).shift > 0:
            largest = max(t.scale for t in inputs)
            raise Refusal(
                f"the square of the larger input scale {largest:g} is over 2**12 times the output "
                f"scale {output.scale:g}",
                "quantize again with a representative dataset that exercises this tensor",
            )

    def evaluate(self, inputs: Tensors, output: Tensor, values: Arrays) -> Array:
        a, b = (
            on_common_scale(t, v, m, LEFT_SHIFT)
            for t, v, m in zip(inputs, values, input_multipliers(inputs), strict=True)
        )
        factor = output_multiplier(inputs, output)
        scaled = requantize((a - b) ** 2, factor.mantissa, factor.shift)
        result = np.clip(scaled + output.zero_point, -128, 127)
        return result.astype(np.int8).reshape(output.shape)

    def calls(self, inputs: Tensors, output: Tensor, isa: str) -> tuple[Call, ...]:
        factor = output_multiplier(inputs, output)
        fields = two_scale_fields(inputs, input_multipliers(inputs), output, factor)
        params = Params("squared_difference_params", fields)
        return (Call("squared_difference_s8", (*operands(inputs), output, Blank.PARAMS), params),)


def output_multiplier(inputs: Tensors, output: Tensor) -> Multiplier:
    """Find the factor from the squared common scale, without fraction bits, to the output's."""
    scale = common_scale(inputs)
    return quantize_multiplier(scale * scale / (4.0**LEFT_SHIFT * output.scale))
