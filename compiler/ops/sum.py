# SPDX-License-Identifier: Apache-2.0
"""The sum over any axes of an int8 tensor: the mean's kernels with another multiplier."""

from dataclasses import dataclass

import numpy as np

from mcuforge.compiler.ops.common.fixed_point import (
    Multiplier,
    output_multiplier,
    quantize_multiplier,
)
from mcuforge.compiler.ops.mean import MAX_COUNT, Mean
from mcuforge.compiler.tensors import Tensor, Tensors
from mcuforge.errors import Refusal


@dataclass(frozen=True)
class Sum(Mean):
    """The sum of x over `axes`; inputs and axes are those of the mean.

    The reference kernel of tflite-runtime 2.14 reads int8 as uint8; this operator does on int8 what
    that kernel does on uint8.
    """

    def check(self, inputs: Tensors, output: Tensor) -> None:
        super().check(inputs, output)
        x = inputs[0]
        shift = self.factor(x, output).shift
        if self.count(x) << max(shift, 0) > MAX_COUNT:
            raise Refusal(
                f"{self.count(x)} values of scale {x.scale:g} in steps of {output.scale:.2g} may "
                f"come to more than an int32 holds",
                "quantize again with a representative dataset that exercises both tensors",
            )

    def factor(self, x: Tensor, output: Tensor) -> Multiplier:
        assert output.quant is not None
        if output.quant.nearest:
            return output_multiplier(x.scale / output.scale, output)
        return quantize_multiplier(float(np.float32(x.scale) / np.float32(output.scale)))
