# SPDX-License-Identifier: Apache-2.0
"""Depthwise 2-D convolution, NHWC, int8: every input channel has its own filters."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import ClassVar

import numpy as np

from mcuforge.compiler.calls import Blank, Blob, Call, Params, RingRows
from mcuforge.compiler.graph import Activation
from mcuforge.compiler.isa.packed import packed_depthwise
from mcuforge.compiler.ops.common.checks import want_int8, want_one_image, want_rank, want_shape
from mcuforge.compiler.ops.common.fixed_point import activation_range
from mcuforge.compiler.ops.common.summing import summing
from mcuforge.compiler.ops.common.weighted import (
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
class DepthwiseConv2D(WindowedOp):
    """Convolution of each channel of x (1, h, w, ci) with weights (1, kh, kw, co), bias optional.

    Output channel o reads input channel o // (co / ci).
    """

    kind: ClassVar[str] = "depthwise_conv2d"
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
        check_weights(weights, axis=3)
        channels = weights.shape[3]
        want_shape(weights, (1, *weights.shape[1:]))
        check_bias(inputs, channels)
        check_summed(weights.shape[1] * weights.shape[2])
        if x.shape[3] == 0 or channels % x.shape[3] != 0:
            raise Refusal(
                f"{channels} filters do not divide over {x.shape[3]} input channels",
                "export the model again: its shapes contradict each other",
            )
        height, width = self.window(weights).output_size(x.shape[1:3])
        want_shape(output, (1, height, width, channels))

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
        return finish(acc, conv_multipliers(x, weights, output), self.act, output)

    def macs(self, inputs: Tensors, output: Tensor) -> int:
        return output.elements * inputs[1].shape[1] * inputs[1].shape[2]

    def calls(self, inputs: Tensors, output: Tensor, isa: str) -> tuple[Call, ...]:
        x, weights = inputs[:2]
        low, high = activation_range(self.act, output)
        multipliers = conv_multipliers(x, weights, output)
        window = self.window(weights)
        call = packed_depthwise(inputs, output, isa, window, multipliers, (low, high))
        return (call or self._unpacked(inputs, output),)

    def _unpacked(self, inputs: Tensors, output: Tensor) -> Call:
        """Call the kernel that takes unpacked weights."""
        x, weights = inputs[:2]
        low, high = activation_range(self.act, output)
        multipliers = conv_multipliers(x, weights, output)
        filters = weights.values()
        params = Params(
            "depthwise_conv2d_params",
            (
                ("input", x.shape[1:]),
                ("output", output.shape[1:]),
                ("input_ring", RingRows(x)),
                ("output_ring", RingRows(output)),
                ("kernel", weights.shape[1:3]),
                ("stride", self.stride),
                ("pad", self.pad[:2]),
                ("dilation", self.dilation),
                ("depth_multiplier", weights.shape[3] // x.shape[3]),
                ("input_zero_point", x.zero_point),
                ("output_zero_point", output.zero_point),
                ("act_min", low),
                ("act_max", high),
                ("bias", folded_bias(inputs, filters.reshape(-1, filters.shape[3]).T)),
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
        return Call("depthwise_conv2d_s8", arguments, params)

    def sliding(self, inputs: Tensors) -> Window:
        return self.window(inputs[1])

    def accumulate(
        self, inputs: Tensors, output: Tensor, isa: str, rows: int
    ) -> tuple[Call, ...] | None:
        if output.rows != 1 or rows != inputs[0].rows:
            return None
        whole = self._unpacked(inputs, output)
        return (summing(whole, "depthwise_conv2d_rows_s8", output.elements),)

    def accumulate_work(self, inputs: Tensors, output: Tensor, rows: int) -> Work:
        """Count the work for some rows; each task goes over all sums once more."""
        counts = window_counts(self.sliding(inputs), inputs[0], output)
        per_task = CALLED._replace(position=prod(output.shape[:3]), carried=output.elements)
        return Work("depthwise_conv2d_rows_s8", counts, per_task)
