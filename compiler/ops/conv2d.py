# SPDX-License-Identifier: Apache-2.0
"""2-D convolution, NHWC, int8, per-tensor or per-channel weights, groups included."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from mcuforge.compiler.calls import Blank, Blob, Call, Params, RingRows
from mcuforge.compiler.graph import Activation
from mcuforge.compiler.isa.packed import packed_conv2d
from mcuforge.compiler.ops.common.checks import want_int8, want_one_image, want_rank, want_shape
from mcuforge.compiler.ops.common.fixed_point import activation_range
from mcuforge.compiler.ops.common.weighted import (
    UNROLLED,
    bias_values,
    check_bias,
    check_summed,
    check_weights,
    conv_multipliers,
    finish,
    folded_bias,
    mantissas,
    shifts,
)
from mcuforge.compiler.ops.common.window import Pad, Pair, Window
from mcuforge.compiler.ops.common.windowed import WindowedOp, window_counts
from mcuforge.compiler.tensors import Array, Arrays, Tensor, Tensors
from mcuforge.compiler.work import CALLED, Work
from mcuforge.errors import Refusal


@dataclass(frozen=True)
class Conv2D(WindowedOp):
    """Convolution of x (1, h, w, ci) with weights (co, kh, kw, ci / groups), optional bias (co)."""

    kind: ClassVar[str] = "conv2d"
    stride: Pair = (1, 1)
    pad: Pad = (0, 0, 0, 0)  # top, left, bottom, right
    dilation: Pair = (1, 1)
    act: Activation = "none"

    def window(self, weights: Tensor) -> Window:
        """The sliding window over the input."""
        kernel = (weights.shape[1], weights.shape[2])
        return Window(kernel, self.stride, self.pad, self.dilation)

    def check(self, inputs: Tensors, output: Tensor) -> None:
        x, weights = inputs[:2]
        want_int8(x)
        want_int8(output)
        want_one_image(x)
        want_rank(weights, 4)
        check_weights(weights, axis=0)
        check_bias(inputs, channels=weights.shape[0])
        check_summed(weights.shape[2] * weights.shape[3])  # kernels sum a row of taps, then wrap
        if weights.shape[3] == 0 or x.shape[3] % weights.shape[3] != 0:
            raise Refusal(
                f"{x.shape[3]} input channels do not divide into groups of {weights.shape[3]}",
                "export the model again: its shapes contradict each other",
            )
        if weights.shape[0] % (x.shape[3] // weights.shape[3]) != 0:
            raise Refusal(
                f"{weights.shape[0]} filters do not divide into "
                f"{x.shape[3] // weights.shape[3]} groups",
                "export the model again: its shapes contradict each other",
            )
        height, width = self.window(weights).output_size(x.shape[1:3])
        want_shape(output, (1, height, width, weights.shape[0]))

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
        return finish(acc, conv_multipliers(x, weights, output), self.act, output)

    def macs(self, inputs: Tensors, output: Tensor) -> int:
        _, kh, kw, ci = inputs[1].shape
        return output.elements * kh * kw * ci

    def calls(self, inputs: Tensors, output: Tensor, isa: str) -> tuple[Call, ...]:
        x, weights = inputs[:2]
        low, high = activation_range(self.act, output)
        multipliers = conv_multipliers(x, weights, output)
        if weights.shape[3] == x.shape[3]:
            window = self.window(weights)
            call = packed_conv2d(inputs, output, isa, window, multipliers, (low, high))
            if call is not None:
                return (call,)
        filters = weights.values()
        params = Params(
            "conv2d_params",
            (
                ("input", x.shape[1:]),
                ("output", output.shape[1:]),
                ("input_ring", RingRows(x)),
                ("output_ring", RingRows(output)),
                ("kernel", weights.shape[1:3]),
                ("stride", self.stride),
                ("pad", self.pad[:2]),
                ("dilation", self.dilation),
                ("groups", x.shape[3] // weights.shape[3]),
                ("group_channels", weights.shape[3]),
                ("group_filters", weights.shape[0] * weights.shape[3] // x.shape[3]),
                ("input_zero_point", x.zero_point),
                ("output_zero_point", output.zero_point),
                ("act_min", low),
                ("act_max", high),
                ("bias", folded_bias(inputs, filters.reshape(filters.shape[0], -1))),
                ("multiplier", Blob("multiplier", mantissas(multipliers))),
                ("shift", Blob("shift", shifts(multipliers))),
            ),
        )
        weights_blob = Blob("weights", filters)
        arguments = (
            x,
            weights_blob,
            output,
            Blank.PARAMS,
            Blank.FIRST_ROW,
            Blank.END_ROW,
        )
        return (Call("conv2d_s8", arguments, params),)

    def work(self, inputs: Tensors, output: Tensor) -> Work:
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
        each_channel = window_counts(window, x, output)
        counts = each_channel._replace(
            run=filters * rows * runs,
            tap=filters * rows * sum(columns) * channels - rest,
            rest=rest,
            padding=each_channel.padding * channels,
        )
        return Work("conv2d_s8", counts, CALLED)

    def sliding(self, inputs: Tensors) -> Window:
        return self.window(inputs[1])
