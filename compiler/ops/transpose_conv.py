# SPDX-License-Identifier: Apache-2.0
"""Transposed 2-D convolution, NHWC, int8, per-tensor or per-channel weights, groups included."""

from dataclasses import dataclass

import numpy as np

from mcuforge.compiler.calls import ROWS, Blank, Blob, Call, Reads, RingRows, kernel_call
from mcuforge.compiler.graph import Activation, Op
from mcuforge.compiler.ops.common.checks import (
    shape_refusal,
    want_int8,
    want_one_image,
    want_rank,
    want_shape,
)
from mcuforge.compiler.ops.common.fixed_point import Int64, Multiplier, activation_range
from mcuforge.compiler.ops.common.weighted import (
    UNROLLED,
    bias_values,
    check_bias,
    check_weights,
    conv_multipliers,
    finish,
    mantissas,
    shifts,
)
from mcuforge.compiler.ops.common.window import Pair, pixel_reads
from mcuforge.compiler.tensors import Array, Arrays, Tensor, Tensors
from mcuforge.compiler.work import CALLED, Counts, Work
from mcuforge.errors import Refusal

MAX_SUMMED = 2**16 - 1  # an int32 always holds so many products of a centred value and a weight


@dataclass(frozen=True)
class TransposeConv(Op):
    """Adds x (1, h, w, ci) times weights (co, kh, kw, ci / groups) to the output, optional bias.

    Input pixel (y, x) goes to the output's (y * stride + ky - pad, x * stride + kx - pad). The
    output's size is free: what lies outside is dropped, and what nothing reaches is the bias.
    """

    stride: Pair = (1, 1)
    pad: Pair = (0, 0)  # top, left
    act: Activation = "none"

    def check(self, inputs: Tensors, output: Tensor) -> None:
        x, weights = inputs[:2]
        want_int8(x, output)
        want_one_image(x)
        want_one_image(output)
        want_rank(weights, 4)
        check_weights(weights, 0)
        filters, kh, kw, group = weights.shape
        check_bias(inputs, filters)
        want_shape(output, (*output.shape[:3], filters))
        if group == 0 or x.shape[3] % group or filters % (x.shape[3] // group):
            raise shape_refusal(
                f"{x.shape[3]} input channels and {filters} filters do not divide into groups "
                f"of {group}"
            )
        if kh * kw * group > MAX_SUMMED:
            raise Refusal(
                f"each output sums {kh * kw * group} products, supported: up to {MAX_SUMMED}",
                "split this layer: an int32 accumulator could overflow",
            )
        if min(self.stride) < 1 or min(self.pad) < 0:
            raise shape_refusal(
                f"stride {self.stride} and padding {self.pad}, expected at least 1 and 0"
            )

    def multipliers(self, inputs: Tensors, output: Tensor) -> tuple[Multiplier, ...]:
        """The factor of each channel from its accumulator to the output."""
        return conv_multipliers(inputs, output)

    def evaluate(self, inputs: Tensors, output: Tensor, values: Arrays) -> Array:
        x, weights = inputs[:2]
        centred = values[0][0].astype(np.float64) - x.zero_point  # sums stay below 2**53: exact
        filters, kh, kw, group = weights.shape
        groups = x.shape[3] // group
        sides = (
            max((n - 1) * s + k, p + out)
            for n, s, k, p, out in zip(
                x.shape[1:3], self.stride, (kh, kw), self.pad, output.shape[1:3], strict=True
            )
        )
        canvas = np.zeros((*sides, groups, filters // groups))
        of_group = centred.reshape(*x.shape[1:3], groups, group)
        kernels = values[1].astype(np.float64).reshape(groups, -1, kh, kw, group)
        for ky in range(kh):
            for kx in range(kw):
                product = np.einsum("hwgi,goi->hwgo", of_group, kernels[:, :, ky, kx])
                rows, columns = (
                    slice(k, k + (n - 1) * s + 1, s)
                    for k, n, s in zip((ky, kx), x.shape[1:3], self.stride, strict=True)
                )
                canvas[rows, columns] += product
        top, left = self.pad
        kept = canvas[top : top + output.shape[1], left : left + output.shape[2]]
        acc = kept.reshape(*output.shape[1:]).astype(np.int64) + bias_values(inputs, filters)
        return finish(acc, self.multipliers(inputs, output), self.act, output)

    def macs(self, inputs: Tensors, output: Tensor) -> int:
        x, weights = inputs[:2]
        filters, kh, kw, group = weights.shape
        return x.elements // x.shape[3] * filters * kh * kw * group

    def call(self, inputs: Tensors, output: Tensor) -> Call:
        x, weights = inputs[:2]
        filters, kh, kw, group = weights.shape
        low, high = activation_range(self.act, output)
        factors = self.multipliers(inputs, output)
        return kernel_call(
            self.kernel_name,
            *(x, Blob("weights", weights.values()), output, Blank.PARAMS, *ROWS),
            input=x.shape[1:],
            output=output.shape[1:],
            input_ring=RingRows(x),
            output_ring=RingRows(output),
            kernel=(kh, kw),
            stride=self.stride,
            pad=self.pad,
            groups=x.shape[3] // group,
            group_channels=group,
            group_filters=filters * group // x.shape[3],
            input_zero_point=x.zero_point,
            output_zero_point=output.zero_point,
            act_min=low,
            act_max=high,
            bias=Blob("bias", bias_values(inputs, filters).astype(np.int32)),
            multiplier=Blob("multiplier", mantissas(factors)),
            shift=Blob("shift", shifts(factors)),
        )

    def reads(self, inputs: Tensors, output: Tensor) -> tuple[Reads | None, ...]:
        rows, columns = (self._reached(axis, inputs, output) for axis in (0, 1))
        return (pixel_reads(inputs[0], output, rows, columns), *(None for _ in inputs[1:]))

    def row_reads(self, inputs: Tensors, output: Tensor) -> tuple[Reads | None, ...]:
        x = inputs[0]
        rows = self._reached(0, inputs, output)
        return (Reads(x.row_bytes, output.row_bytes, *rows), *(None for _ in inputs[1:]))

    def row_calls(self, inputs: Tensors, output: Tensor, isa: str) -> tuple[Call, ...]:
        return self.calls(inputs, output, isa)

    def work(self, inputs: Tensors, output: Tensor) -> Work:
        weights = inputs[1]
        taps = [self._taps(axis, inputs, output) for axis in (0, 1)]
        runs = weights.shape[0] * taps[0] * taps[1]
        counts = Counts(
            position=output.elements // output.shape[3],
            output=output.elements,
            run=runs,
            tap=runs * (weights.shape[3] // UNROLLED * UNROLLED),
            rest=runs * (weights.shape[3] % UNROLLED),
        )
        return Work(self.kernel_name, counts, CALLED)

    def row_work(self, inputs: Tensors, output: Tensor) -> Work:
        return self.work(inputs, output)

    def _reached(self, axis: int, inputs: Tensors, output: Tensor) -> tuple[Int64, Int64]:
        """Find the input rows (axis 0) or columns (axis 1) that reach each one of the output.

        Returns two int64 (count,): the first one, and one past the last. They are equal where
        there is none.
        """
        size, kernel, stride = (
            inputs[0].shape[axis + 1],
            inputs[1].shape[axis + 1],
            self.stride[axis],
        )
        place = np.arange(output.shape[axis + 1], dtype=np.int64) + self.pad[axis]
        first = np.clip(-((kernel - 1 - place) // stride), 0, size)
        return first, np.maximum(np.clip(place // stride + 1, 0, size), first)

    def _taps(self, axis: int, inputs: Tensors, output: Tensor) -> int:
        """Count the pairs of an output row (or column) and an input one that reaches it."""
        first, end = self._reached(axis, inputs, output)
        return int((end - first).sum())
