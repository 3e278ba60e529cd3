# SPDX-License-Identifier: Apache-2.0
"""The common scale, with fraction bits, of two int8 inputs of any two scales."""

import numpy as np

from mcuforge.compiler.calls import Fields
from mcuforge.compiler.ops.common.fixed_point import (
    Int64,
    Multiplier,
    quantize_multiplier,
    scaled_by,
)
from mcuforge.compiler.tensors import Arrays, Tensor, Tensors


def common_scale(inputs: Tensors) -> float:
    """Return twice the larger input scale, on which the sum of two int8 values fits 8 bits."""
    return 2.0 * max(t.scale for t in inputs)


def input_multipliers(inputs: Tensors) -> tuple[Multiplier, Multiplier]:
    """Find the factors that bring both inputs to the common scale."""
    a, b = (quantize_multiplier(t.scale / common_scale(inputs)) for t in inputs)
    return a, b


def on_common_scale(
    inputs: Tensors, values: Arrays, factors: tuple[Multiplier, Multiplier], left_shift: int
) -> tuple[Int64, Int64]:
    """Bring stored values to the common scale, int64 of their shapes with so many fraction bits."""
    a, b = (
        scaled_by((v.astype(np.int64) - t.zero_point) << left_shift, factor)
        for t, v, factor in zip(inputs, values, factors, strict=True)
    )
    return a, b


def two_scale_fields(
    inputs: Tensors, factors: tuple[Multiplier, Multiplier], output: Tensor, factor: Multiplier
) -> Fields:
    """Return the parameters of a kernel that brings its inputs to one scale, after the walk."""
    a, b = inputs
    factor_a, factor_b = factors
    return {
        "zero_point_a": a.zero_point,
        "multiplier_a": factor_a.mantissa,
        "shift_a": factor_a.shift,
        "zero_point_b": b.zero_point,
        "multiplier_b": factor_b.mantissa,
        "shift_b": factor_b.shift,
        "output_zero_point": output.zero_point,
        "output_multiplier": factor.mantissa,
        "output_shift": factor.shift,
    }
