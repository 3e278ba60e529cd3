# SPDX-License-Identifier: Apache-2.0
"""Elementwise product of two int8 tensors, with broadcasting."""

from dataclasses import dataclass

import numpy as np

from mcuforge.compiler.calls import Fields
from mcuforge.compiler.graph import Activation
from mcuforge.compiler.ops.common.broadcast import BroadcastOp, centred_fields
from mcuforge.compiler.ops.common.fixed_point import (
    Multiplier,
    output_multiplier,
    scaled_by,
    stored,
)
from mcuforge.compiler.tensors import Array, Arrays, Tensor, Tensors


@dataclass(frozen=True)
class Mul(BroadcastOp):
    """a * b; inputs: a, b of shapes that broadcast to the output's."""

    act: Activation = "none"

    def evaluate(self, inputs: Tensors, output: Tensor, values: Arrays) -> Array:
        a, b = (v.astype(np.int64) - t.zero_point for v, t in zip(values, inputs, strict=True))
        return stored(scaled_by(a * b, product_multiplier(inputs, output)), output, self.act)

    def fields(self, inputs: Tensors, output: Tensor) -> Fields:
        return centred_fields(inputs, output, product_multiplier(inputs, output), self.act)


def product_multiplier(inputs: Tensors, output: Tensor) -> Multiplier:
    """Compute a.scale * b.scale / output.scale, every step in float32 like TFLite."""
    a, b = (np.float32(t.scale) for t in inputs)
    return output_multiplier(float(a * b / np.float32(output.scale)), output)
