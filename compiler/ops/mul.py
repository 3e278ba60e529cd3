# SPDX-License-Identifier: Apache-2.0
"""Elementwise product of two int8 tensors, with broadcasting."""

from dataclasses import dataclass

import numpy as np

from mcuforge.compiler.calls import Fields
from mcuforge.compiler.graph import Activation
from mcuforge.compiler.ops.common.broadcast import BroadcastOp, centred_fields
from mcuforge.compiler.ops.common.checks import scale_refusal
from mcuforge.compiler.ops.common.fixed_point import (
    Multiplier,
    output_multiplier,
    scaled_by,
    stored,
)
from mcuforge.compiler.tensors import Array, Arrays, Tensor, Tensors

MAX_FACTOR = 2.0**30  # the reference shifts left by as many bits as the factor has above its point


@dataclass(frozen=True)
class Mul(BroadcastOp):
    """a * b; inputs: a, b of shapes that broadcast to the output's."""

    act: Activation = "none"

    def check(self, inputs: Tensors, output: Tensor) -> None:
        super().check(inputs, output)
        factor = product_factor(inputs, output)
        if not factor < MAX_FACTOR:
            a, b = (x.scale for x in inputs)
            raise scale_refusal(
                f"the product of scales {a:g} and {b:g} on scale {output.scale:g} is multiplied by "
                f"{factor:g}, expected below 2**30"
            )

    def evaluate(self, inputs: Tensors, output: Tensor, values: Arrays) -> Array:
        a, b = (v.astype(np.int64) - t.zero_point for v, t in zip(values, inputs, strict=True))
        return stored(scaled_by(a * b, product_multiplier(inputs, output)), output, self.act)

    def fields(self, inputs: Tensors, output: Tensor) -> Fields:
        return centred_fields(inputs, output, product_multiplier(inputs, output), self.act)


def product_multiplier(inputs: Tensors, output: Tensor) -> Multiplier:
    """Compute the fixed-point factor of the product of a and b."""
    return output_multiplier(product_factor(inputs, output), output)


def product_factor(inputs: Tensors, output: Tensor) -> float:
    """Compute a.scale * b.scale / output.scale, every step in float32 like TFLite."""
    a, b = (np.float32(t.scale) for t in inputs)
    with np.errstate(over="ignore", under="ignore"):
        return float(a * b / np.float32(output.scale))
