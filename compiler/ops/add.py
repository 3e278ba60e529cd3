# SPDX-License-Identifier: Apache-2.0
"""Addition and subtraction of int8 tensors of any two scales, with broadcasting."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from mcuforge.compiler.calls import Blank, Call, Params
from mcuforge.compiler.graph import Activation
from mcuforge.compiler.ops.common.broadcast import BroadcastOp, check_broadcast, operands
from mcuforge.compiler.ops.common.checks import want_int8
from mcuforge.compiler.ops.common.common_scale import (
    common_scale,
    input_multipliers,
    on_common_scale,
    two_scale_fields,
)
from mcuforge.compiler.ops.common.fixed_point import (
    Int64,
    Multiplier,
    activation_range,
    quantize_multiplier,
    requantize,
)
from mcuforge.compiler.tensors import Array, Arrays, Tensor, Tensors
from mcuforge.errors import Refusal

LEFT_SHIFT = 20  # fraction bits the inputs gain before they are brought to one scale


@dataclass(frozen=True)
class Add(BroadcastOp):
    """a + b, or a - b if `subtract`; inputs: a, b of shapes that broadcast to the output's."""

    kind: ClassVar[str] = "add"
    subtract: bool = False
    act: Activation = "none"

    def check(self, inputs: Tensors, output: Tensor) -> None:
        for tensor in (*inputs, output):
            want_int8(tensor)
        check_broadcast(inputs, output)
        if output_multiplier(inputs, output).shift > 0:
            largest = max(t.scale for t in inputs)
            raise Refusal(
                f"input scale {largest:g} is over 2**19 times the output scale {output.scale:g}",
                "quantize again with a representative dataset that exercises this tensor",
            )

    def evaluate(self, inputs: Tensors, output: Tensor, values: Arrays) -> Array:
        total: Int64 = np.zeros(1, np.int64)
        for tensor, value, factor in zip(inputs, values, self.multipliers(inputs), strict=True):
            total = total + on_common_scale(tensor, value, factor, LEFT_SHIFT)
        factor = output_multiplier(inputs, output)
        low, high = activation_range(self.act, output)
        result = requantize(total, factor.mantissa, factor.shift) + output.zero_point
        return np.clip(result, low, high).astype(np.int8).reshape(output.shape)

    def calls(self, inputs: Tensors, output: Tensor, isa: str) -> tuple[Call, ...]:
        factor = output_multiplier(inputs, output)
        low, high = activation_range(self.act, output)
        params = Params(
            "add_params",
            (
                *two_scale_fields(inputs, self.multipliers(inputs), output, factor),
                ("act_min", low),
                ("act_max", high),
            ),
        )
        return (Call("add_s8", (*operands(inputs), output, Blank.PARAMS), params),)

    def multipliers(self, inputs: Tensors) -> tuple[Multiplier, Multiplier]:
        """Bring both inputs to the common scale; b's is negative to subtract."""
        a, b = input_multipliers(inputs)
        return a, replace(b, mantissa=-b.mantissa) if self.subtract else b


def output_multiplier(inputs: Tensors, output: Tensor) -> Multiplier:
    """Find the factor from the common scale, without its fraction bits, to the output's."""
    return quantize_multiplier(common_scale(inputs) / (2.0**LEFT_SHIFT * output.scale))
