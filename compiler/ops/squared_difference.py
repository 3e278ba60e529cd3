# SPDX-License-Identifier: Apache-2.0
"""The square of the difference of two int8 tensors of any two scales, with broadcasting.

Formula: TFLite kernels/squared_difference.cc, restated.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from mcuforge.compiler.ir import Array, Tensor
from mcuforge.compiler.ops.add import common_scale
from mcuforge.compiler.ops.base import Call, Params, Slot
from mcuforge.compiler.ops.broadcast import BroadcastOp, broadcast, check_broadcast, operands
from mcuforge.compiler.ops.checks import want_int8
from mcuforge.compiler.ops.fixed_point import (
    Int64,
    Multiplier,
    quantise_multiplier,
    requantise,
)
from mcuforge.errors import Refusal

LEFT_SHIFT = 7  # fraction bits of the difference: its square, below 2**30, still fits


@dataclass(frozen=True)
class SquaredDifference(BroadcastOp):
    """inputs: a, b of shapes that broadcast to the output's; (a - b)**2."""

    kind: ClassVar[str] = "squared_difference"

    def check(self, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        for tensor in (*inputs, output):
            want_int8(tensor)
        check_broadcast(inputs, output)
        if output_multiplier(inputs, output).shift > 0:
            largest = max(t.scale for t in inputs)
            raise Refusal(
                f"the square of the larger input scale {largest:g} is over 2**12 times the output "
                f"scale {output.scale:g}",
                "quantise again with a representative dataset that exercises this tensor",
            )

    def evaluate(
        self, inputs: tuple[Tensor, ...], output: Tensor, values: Sequence[Array]
    ) -> Array:
        a, b = (
            _on_common_scale(t, v, m)
            for t, v, m in zip(inputs, values, input_multipliers(inputs), strict=True)
        )
        factor = output_multiplier(inputs, output)
        scaled = requantise((a - b) ** 2, factor.mantissa, factor.shift)
        result = np.clip(scaled + output.zero_point, -128, 127)
        return result.astype(np.int8).reshape(output.shape)

    def calls(self, inputs: tuple[Tensor, ...], output: Tensor, isa: str) -> tuple[Call, ...]:
        a, b = inputs
        factor_a, factor_b = input_multipliers(inputs)
        factor = output_multiplier(inputs, output)
        params = Params(
            "squared_difference_params",
            (
                *broadcast(a.shape, b.shape).fields(),
                ("zero_point_a", a.zero_point),
                ("multiplier_a", factor_a.mantissa),
                ("shift_a", factor_a.shift),
                ("zero_point_b", b.zero_point),
                ("multiplier_b", factor_b.mantissa),
                ("shift_b", factor_b.shift),
                ("output_zero_point", output.zero_point),
                ("output_multiplier", factor.mantissa),
                ("output_shift", factor.shift),
            ),
        )
        return (Call("squared_difference_s8", (*operands(inputs), output, Slot.PARAMS), params),)


def input_multipliers(inputs: tuple[Tensor, ...]) -> tuple[Multiplier, Multiplier]:
    """Bring both inputs to twice the larger scale."""
    a, b = (quantise_multiplier(t.scale / common_scale(inputs)) for t in inputs)
    return a, b


def output_multiplier(inputs: tuple[Tensor, ...], output: Tensor) -> Multiplier:
    """From the square of the common scale, less the fraction bits, to the output's scale."""
    scale = common_scale(inputs)
    return quantise_multiplier(scale * scale / (4.0**LEFT_SHIFT * output.scale))


def _on_common_scale(tensor: Tensor, values: Array, factor: Multiplier) -> Int64:
    """The centred values with LEFT_SHIFT fraction bits, in steps of the common scale."""
    fine = (values.astype(np.int64) - tensor.zero_point) << LEFT_SHIFT
    return requantise(fine, factor.mantissa, factor.shift)
