# SPDX-License-Identifier: Apache-2.0
"""Vectors of the last axis divided by their length, int8: L2_NORMALIZATION.

Formula: TFLite kernels/internal/reference/integer_ops/l2normalization.h, restated.
"""

from dataclasses import dataclass

import numpy as np

from mcuforge.compiler.calls import Blank, Call, kernel_call
from mcuforge.compiler.ops.common.by_row import LastAxisOp
from mcuforge.compiler.ops.common.checks import want_int8, want_shape
from mcuforge.compiler.ops.common.fixed_point import requantize
from mcuforge.compiler.ops.tables.rsqrt import inverse_root
from mcuforge.compiler.tensors import Array, Arrays, Tensor, Tensors
from mcuforge.errors import Refusal

OUTPUT_BITS = 7  # the output's scale is 1/128, its zero point 0
MAX_DEPTH = 2**13  # squares of so many centred values stay below 2**29


@dataclass(frozen=True)
class L2Normalization(LastAxisOp):
    """x divided by the root of the sum of its squares along the last axis; inputs: x [.., D]."""

    def check(self, inputs: Tensors, output: Tensor) -> None:
        x = inputs[0]
        want_int8(x, output)
        want_shape(output, x.shape)
        if output.scale != 2.0**-OUTPUT_BITS or output.zero_point != 0:
            raise Refusal(
                f"tensor '{output.name}' has scale {output.scale:g} and zero point "
                f"{output.zero_point}, expected 1/128 and 0",
                "convert again with a current TFLite converter, which fixes this output",
            )
        depth = x.shape[-1] if x.shape else 0
        if not 0 < depth <= MAX_DEPTH:
            raise Refusal(
                f"it normalizes vectors of {depth} values, supported: 1 to {MAX_DEPTH}",
                "normalize after a layer with fewer outputs",
            )

    def evaluate(self, inputs: Tensors, output: Tensor, values: Arrays) -> Array:
        x = values[0].astype(np.int64) - inputs[0].zero_point
        mantissa, shift = inverse_root((x * x).sum(axis=-1, keepdims=True))
        spare = np.maximum(shift, 0)  # the reference shifts the mantissa, not the value
        scaled = requantize(x, mantissa << spare, shift - spare + OUTPUT_BITS)
        result: Array = np.clip(scaled, -128, 127).astype(np.int8)
        return result

    def call(self, inputs: Tensors, output: Tensor) -> Call:
        x = inputs[0]
        return kernel_call(
            self.kernel_name,
            *(x, output, Blank.PARAMS),
            rows=x.elements // x.shape[-1],
            depth=x.shape[-1],
            zero_point=x.zero_point,
        )
