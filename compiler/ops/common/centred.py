# SPDX-License-Identifier: Apache-2.0
"""Parameters of kernels that combine the centred values of two inputs with one multiplier."""

from __future__ import annotations

from mcuforge.compiler.calls import Field
from mcuforge.compiler.graph import Activation
from mcuforge.compiler.ops.common.broadcast import broadcast
from mcuforge.compiler.ops.common.fixed_point import Multiplier, activation_range
from mcuforge.compiler.tensors import Tensor, Tensors


def centred_fields(
    inputs: Tensors, output: Tensor, factor: Multiplier, act: Activation
) -> tuple[tuple[str, Field], ...]:
    """Return the parameter fields in C order: the walk, zero points, multiplier and limits."""
    a, b = inputs
    low, high = activation_range(act, output)
    return (
        *broadcast(a.shape, b.shape).fields(),
        ("zero_point_a", a.zero_point),
        ("zero_point_b", b.zero_point),
        ("output_zero_point", output.zero_point),
        ("multiplier", factor.mantissa),
        ("shift", factor.shift),
        ("act_min", low),
        ("act_max", high),
    )
