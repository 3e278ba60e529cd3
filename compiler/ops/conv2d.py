# SPDX-License-Identifier: Apache-2.0
"""2-D convolution, NHWC, int8, per-tensor or per-channel weights, groups included."""

from dataclasses import dataclass

import numpy as np

from mcuforge.compiler.calls import Call
from mcuforge.compiler.isa.packed import PackedLayer, packed_conv2d
from mcuforge.compiler.ops.common.checks import shape_refusal
from mcuforge.compiler.ops.common.weighted import (
    UNROLLED,
    bias_values,
    check_summed,
    finish,
)
from mcuforge.compiler.ops.convolution import ConvolutionOp
from mcuforge.compiler.tensors import Array, Arrays, Tensor, Tensors
from mcuforge.compiler.work import Counts


@dataclass(frozen=True)
class Conv2D(ConvolutionOp):
    """Convolution of x (1, h, w, ci) with weights (co, kh, kw, ci / groups), optional bias (co)."""

    def check(self, inputs: Tensors, output: Tensor) -> None:
        x, weights = inputs[:2]
        self.check_layer(inputs, output, axis=0)
        check_summed(weights.shape[2] * weights.shape[3])  # kernels sum a row of taps, then wrap
        if weights.shape[3] == 0 or x.shape[3] % weights.shape[3] != 0:
            raise shape_refusal(
                f"{x.shape[3]} input channels do not divide into groups of {weights.shape[3]}"
            )
        if weights.shape[0] % (x.shape[3] // weights.shape[3]) != 0:
            raise shape_refusal(
                f"{weights.shape[0]} filters do not divide into "
                f"{x.shape[3] // weights.shape[3]} groups"
            )

    def evaluate(self, inputs: Tensors, output: Tensor, values: Arrays) -> Array:
        x, weights = inputs[:2]
        patches = self.window(weights).patches(
            values[0].astype(np.int64) - x.zero_point, output.shape[1:3]
        )  # (oh, ow, kh, kw, ci)
        filters = values[1].astype(np.float64)  # products and sums stay below 2**53: exact
        groups = x.shape[3] // weights.shape[3]
        out_per_group = weights.shape[0] // groups
        rows = patches.shape[0] * patches.shape[1]
        parts = []
        for g in range(groups):
            channels = slice(g * weights.shape[3], (g + 1) * weights.shape[3])
            columns = patches[..., channels].reshape(rows, -1).astype(np.float64)
            kernel = filters[g * out_per_group : (g + 1) * out_per_group].reshape(out_per_group, -1)
            parts.append(columns @ kernel.T)
        acc = np.concatenate(parts, axis=1).astype(np.int64)
        acc += bias_values(inputs, weights.shape[0])
        return finish(acc, self.multipliers(inputs, output), self.act, output)

    def macs(self, inputs: Tensors, output: Tensor) -> int:
        _, kh, kw, ci = inputs[1].shape
        return output.elements * kh * kw * ci

    def packed(self, layer: PackedLayer) -> Call | None:
        x, weights = layer.inputs[:2]
        one_group = weights.shape[3] == x.shape[3]
        return packed_conv2d(layer, self.window(weights)) if one_group else None

    def call(self, inputs: Tensors, output: Tensor) -> Call:
        x, weights = inputs[:2]
        filters, ci, group = weights.shape[0], x.shape[3], weights.shape[3]
        return self.unpacked(
            inputs,
            output,
            weights.values().reshape(filters, -1),
            groups=ci // group,
            group_channels=group,
            group_filters=filters * group // ci,
        )

    def counts(self, inputs: Tensors, output: Tensor) -> Counts:
        x, weights = inputs[:2]
        filters, channels = output.shape[3], weights.shape[3]
        window = self.window(weights)
        rows, columns = sum(window.taps(0, x, output)), window.taps(1, x, output)
        if window.dilation[1] * x.shape[3] == channels:  # the taps of a row touch: one run
            runs = len(columns)
            rest = sum(taps * channels % UNROLLED for taps in columns)
        else:
            runs = sum(max(taps, 1) for taps in columns)
            rest = sum(columns) * (channels % UNROLLED)
        rest *= filters * rows
        each_channel = super().counts(inputs, output)
        return each_channel._replace(
            run=filters * rows * runs,
            tap=filters * rows * sum(columns) * channels - rest,
            rest=rest,
            padding=each_channel.padding * channels,
        )
