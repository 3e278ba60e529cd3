# SPDX-License-Identifier: Apache-2.0
"""A linear layer on the last axis from int8 to float32: the last layer of a model."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from mcuforge.compiler.calls import Blank, Blob, Call, kernel_call
from mcuforge.compiler.graph import Op
from mcuforge.compiler.ops.common.checks import shape_refusal, want_dtype, want_int8, want_rank
from mcuforge.compiler.ops.common.fixed_point import wrap_int32
from mcuforge.compiler.ops.common.weighted import (
    UNROLLED,
    bias_values,
    check_bias,
    check_summed,
    check_weights,
    folded_bias,
)
from mcuforge.compiler.tensors import Array, Arrays, DType, Tensor, Tensors
from mcuforge.compiler.work import Counts, Work


@dataclass(frozen=True)
class LinearReal(Op):
    """Products of x, read as (rows, i), with weights (o, i), plus an optional int32 bias (o).

    Each int32 sum is rounded to float32 and multiplied by the float32 product of the scales.
    """

    kernel_name: ClassVar[str] = "linear_f32"

    def check(self, inputs: Tensors, output: Tensor) -> None:
        x, weights = inputs[:2]
        want_int8(x)
        want_dtype(output, DType.FLOAT32)
        want_rank(weights, 2)
        check_weights(weights, axis=0)
        out_features, in_features = weights.shape
        check_bias(inputs, channels=out_features)
        check_summed(in_features)
        rows = x.elements // max(in_features, 1)
        whole = x.elements == rows * in_features and output.elements == rows * out_features
        if not whole or output.shape[-1:] != (out_features,):
            raise shape_refusal(
                f"tensor '{output.name}' has shape {list(output.shape)}, "
                f"this operator gives {rows} vectors of {out_features}"
            )

    def scales(self, inputs: Tensors) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
        """Compute the scale of the sums: float32, one per output feature or one for all."""
        x, weights = inputs[:2]
        assert weights.quant is not None
        return (x.scale * np.array(weights.quant.scale)).astype(np.float32)

    def evaluate(self, inputs: Tensors, output: Tensor, values: Arrays) -> Array:
        x, weights = inputs[:2]
        rows = values[0].astype(np.float64).reshape(-1, weights.shape[1]) - x.zero_point
        acc = (rows @ values[1].astype(np.float64).T).astype(np.int64)  # below 2**53: exact
        acc = wrap_int32(acc + bias_values(inputs, weights.shape[0]))
        return (acc.astype(np.float32) * self.scales(inputs)).reshape(output.shape)

    def macs(self, inputs: Tensors, output: Tensor) -> int:
        return output.elements * inputs[1].shape[1]

    def call(self, inputs: Tensors, output: Tensor) -> Call:
        x, weights = inputs[:2]
        out_features, in_features = weights.shape
        scales = self.scales(inputs)
        return kernel_call(
            self.kernel_name,
            *(x, Blob("weights", weights.values()), output, Blank.PARAMS),
            rows=x.elements // in_features,
            in_features=in_features,
            out_features=out_features,
            scale_step=int(scales.size > 1),
            bias=folded_bias(inputs, weights.values()),
            scale=Blob("scale", scales),
        )

    def work(self, inputs: Tensors, output: Tensor) -> Work:
        size = inputs[1].shape[1]
        rest = size % UNROLLED
        counts = Counts(
            call=1,
            position=output.elements // output.shape[-1],
            output=output.elements,
            tap=output.elements * (size - rest),
            rest=output.elements * rest,
        )
        return Work(self.kernel_name, counts)
