# SPDX-License-Identifier: Apache-2.0
"""Depthwise 2-D convolution, NHWC, int8: every input channel has its own filters."""

from dataclasses import dataclass
from math import prod

import numpy as np

from mcuforge.compiler.calls import Call
from mcuforge.compiler.isa.packed import PackedLayer, packed_depthwise
from mcuforge.compiler.ops.common.checks import shape_refusal, want_shape
from mcuforge.compiler.ops.common.summing import summing
from mcuforge.compiler.ops.common.weighted import (
    bias_values,
    check_summed,
    finish,
)
from mcuforge.compiler.ops.convolution import ConvolutionOp
from mcuforge.compiler.tensors import Array, Arrays, Tensor, Tensors
from mcuforge.compiler.work import CALLED, Work


@dataclass(frozen=True)
class DepthwiseConv2D(ConvolutionOp):
    """Convolution of each channel of x (1, h, w, ci) with weights (1, kh, kw, co), bias optional.

    Output channel o reads input channel o // (co / ci).
    """

    def check(self, inputs: Tensors, output: Tensor) -> None:
        x, weights = inputs[:2]
        self.check_layer(inputs, output, axis=3)
        channels = weights.shape[3]
        want_shape(weights, (1, *weights.shape[1:]))
        check_summed(weights.shape[1] * weights.shape[2])
        if x.shape[3] == 0 or channels % x.shape[3] != 0:
            raise shape_refusal(
                f"{channels} filters do not divide over {x.shape[3]} input channels"
            )

    def evaluate(self, inputs: Tensors, output: Tensor, values: Arrays) -> Array:
        x, weights = inputs[:2]
        patches = self.window(weights).patches(
            values[0].astype(np.int64) - x.zero_point, output.shape[1:3]
        )  # (oh, ow, kh, kw, ci)
        kh, kw, channels = weights.shape[1:]
        filters = values[1].astype(np.int64).reshape(kh, kw, x.shape[3], -1)
        acc = np.zeros((*output.shape[1:3], *filters.shape[2:]), np.int64)  # (oh, ow, ci, co / ci)
        for ky in range(kh):
            for kx in range(kw):
                acc += patches[:, :, ky, kx, :, None] * filters[ky, kx]
        acc = acc.reshape(*output.shape[1:]) + bias_values(inputs, channels)
        return finish(acc, self.multipliers(inputs, output), self.act, output)

    def macs(self, inputs: Tensors, output: Tensor) -> int:
        return output.elements * inputs[1].shape[1] * inputs[1].shape[2]

    def packed(self, layer: PackedLayer) -> Call | None:
        return packed_depthwise(layer, self.window(layer.inputs[1]))

    def call(self, inputs: Tensors, output: Tensor) -> Call:
        x, weights = inputs[:2]
        channels = weights.shape[3]
        filters = weights.values().reshape(-1, channels).T
        return self.unpacked(inputs, output, filters, depth_multiplier=channels // x.shape[3])

    def accumulate(
        self, inputs: Tensors, output: Tensor, isa: str, rows: int
    ) -> tuple[Call, ...] | None:
        if output.rows != 1 or rows != inputs[0].rows:
            return None
        whole = self.call(inputs, output)
        return (summing(whole, "depthwise_conv2d_rows_s8", output.elements),)

    def accumulate_work(self, inputs: Tensors, output: Tensor, rows: int) -> Work:
        """Count the work for some rows; each task goes over all sums once more."""
        per_task = CALLED._replace(position=prod(output.shape[:3]), carried=output.elements)
        return Work("depthwise_conv2d_rows_s8", self.counts(inputs, output), per_task)
