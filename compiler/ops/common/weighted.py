# SPDX-License-Identifier: Apache-2.0
"""Code for operators with constant weights: checks, folded bias, multipliers, requantization."""

from functools import lru_cache

import numpy as np

from mcuforge.compiler.calls import Blob, Fields
from mcuforge.compiler.graph import Activation
from mcuforge.compiler.ops.common.checks import want_constant, want_dtype, want_quant, want_shape
from mcuforge.compiler.ops.common.fixed_point import (
    Int64,
    Multiplier,
    activation_range,
    requantize,
    rounded_multiplier,
    stored,
    wrap_int32,
)
from mcuforge.compiler.tensors import Array, DType, Tensor, Tensors
from mcuforge.errors import Refusal

MAX_SUMMED = 2**17 - 1  # an int32 always holds the sum of so many products of two int8 values
UNROLLED = 4  # products per iteration of mcuforge_dot_s8, and of other portable sums


def check_weights(weights: Tensor, axis: int) -> None:
    """Refuse anything except constant, symmetric int8 weights, one scale or one per slice."""
    want_constant(weights)
    want_dtype(weights, DType.INT8)
    want_quant(weights, axis)
    if weights.zero_point != 0:
        raise Refusal(
            f"weights '{weights.name}' have zero point {weights.zero_point}, expected 0",
            "quantize the weights symmetrically, as TFLite's int8 specification asks",
        )


def check_bias(inputs: Tensors, channels: int) -> None:
    """Refuse a third input unless it is a constant int32 vector of one value per channel."""
    if len(inputs) > 2:
        want_constant(inputs[2])
        want_dtype(inputs[2], DType.INT32)
        want_shape(inputs[2], (channels,))


def check_summed(count: int) -> None:
    """Refuse so many products per output that an int32 might not hold their sum."""
    if count > MAX_SUMMED:
        raise Refusal(
            f"each output sums {count} products, supported: up to {MAX_SUMMED}",
            "split this layer: an int32 accumulator could overflow",
        )


def conv_multipliers(inputs: Tensors, output: Tensor) -> tuple[Multiplier, ...]:
    """Compute x.scale * weights.scale / output.scale in doubles for each output channel."""
    x, weights = inputs[:2]
    assert weights.quant is not None
    channels = output.shape[-1]
    scales = weights.quant.scale * (channels if len(weights.quant.scale) == 1 else 1)
    assert output.quant is not None
    return _multipliers(x.scale, scales, output.scale, output.quant.nearest)


@lru_cache(maxsize=1024)  # a layer is asked for its calls several times
def _multipliers(
    x_scale: float, scales: tuple[float, ...], output_scale: float, nearest: bool
) -> tuple[Multiplier, ...]:
    of = {s: rounded_multiplier(x_scale * s / output_scale, nearest) for s in set(scales)}
    return tuple(of[s] for s in scales)


def bias_values(inputs: Tensors, channels: int) -> Int64:
    """Return the bias as int64 (channels,); zeros if the operator has no bias."""
    if len(inputs) > 2:
        return inputs[2].values().astype(np.int64)
    return np.zeros(channels, np.int64)


def folded_bias(inputs: Tensors, filters: Array) -> Blob:
    """Compute bias[o] - x.zero_point * sum(filters[o]) as int32, so that kernels skip the offset.

    filters: (channels, taps).
    """

    def compute() -> Array:
        sums = filters.sum(axis=1, dtype=np.int64)
        folded = bias_values(inputs, filters.shape[0]) - inputs[0].zero_point * sums
        return wrap_int32(folded).astype(np.int32)

    return Blob("bias", compute, 4 * filters.shape[0])


def weighted_fields(
    inputs: Tensors,
    output: Tensor,
    filters: Array,
    multipliers: tuple[Multiplier, ...],
    act: Activation,
) -> Fields:
    """Return the parameters that finish sums of products; filters: (channels, taps)."""
    low, high = activation_range(act, output)
    return {
        "output_zero_point": output.zero_point,
        "act_min": low,
        "act_max": high,
        "bias": folded_bias(inputs, filters),
        "multiplier": Blob("multiplier", mantissas(multipliers)),
        "shift": Blob("shift", shifts(multipliers)),
    }


def mantissas(multipliers: tuple[Multiplier, ...]) -> Array:
    """Collect the multipliers' mantissas as the kernels read them: int32 (multipliers,)."""
    return np.array([m.mantissa for m in multipliers], np.int32)


def shifts(multipliers: tuple[Multiplier, ...]) -> Array:
    """Collect the multipliers' shifts, positive to the left: int8 (multipliers,)."""
    return np.array([m.shift for m in multipliers], np.int8)


def finish(
    acc: Array, multipliers: tuple[Multiplier, ...], act: Activation, output: Tensor
) -> Array:
    """Requantize int32 accumulators (..., channels), add the zero point, clamp.

    Returns int8 of the output's shape.
    """
    scaled = requantize(wrap_int32(acc), mantissas(multipliers), shifts(multipliers))
    return stored(scaled, output, act)
