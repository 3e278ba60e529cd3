# SPDX-License-Identifier: Apache-2.0
"""Elementwise product of two int8 tensors, with broadcasting."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from mcuforge.compiler.calls import Blank, Call, Params
from mcuforge.compiler.graph import Activation
from mcuforge.compiler.ops.common.broadcast import BroadcastOp, check_broadcast, operands
from mcuforge.compiler.ops.common.centred import centred_fields
from mcuforge.compiler.ops.common.checks import want_int8
from mcuforge.compiler.ops.common.fixed_point import (
    Multiplier,
    activation_range,
    output_multiplier,
    requantize,
    wrap_int32,
)
from mcuforge.compiler.tensors import Array, Arrays, Tensor, Tensors


@dataclass(frozen=True)
class Mul(BroadcastOp):
    """a * b; inputs: a, b of shapes that broadcast to the output's."""

    kind: ClassVar[str] = "mul"
    act: Activation = "none"

    def check(self, inputs: Tensors, output: Tensor) -> None:
        for tensor in (*inputs, output):
            want_int8(tensor)
        check_broadcast(inputs, output)

    def evaluate(self, inputs: Tensors, output: Tensor, values: Arrays) -> Array:
        a, b = (v.astype(np.int64) - t.zero_point for v, t in zip(values, inputs, strict=True))
        factor = product_multiplier(inputs, output)
        low, high = activation_range(self.act, output)
        scaled = requantize(a * b, factor.mantissa, factor.shift)
        result = np.clip(wrap_int32(scaled + output.zero_point), low, high)
        return result.astype(np.int8).reshape(output.shape)

    def calls(self, inputs: Tensors, output: Tensor, isa: str) -> tuple[Call, ...]:
        factor = product_multiplier(inputs, output)
        params = Params("mul_params", centred_fields(inputs, output, factor, self.act))
        return (Call("mul_s8", (*operands(inputs), output, Blank.PARAMS), params),)


def product_multiplier(inputs: Tensors, output: Tensor) -> Multiplier:
    """Compute a.scale * b.scale / output.scale, every step in float32 like TFLite."""
    a, b = (np.float32(t.scale) for t in inputs)
    return output_multiplier(float(a * b / np.float32(output.scale)), output)
