# SPDX-License-Identifier: Apache-2.0
"""2-D convolution, NHWC, int8, per-tensor or per-channel weights, groups included."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from mcuforge.compiler.ir import Array, DType, Tensor
from mcuforge.compiler.ops.base import Activation, Blob, Call, Op, Params, Slot
from mcuforge.compiler.ops.checks import (
    want_constant,
    want_dtype,
    want_int8,
    want_quant,
    want_rank,
    want_shape,
)
from mcuforge.compiler.ops.fixed_point import (
    Multiplier,
    activation_range,
    quantise_multiplier,
    requantise,
    wrap_int32,
)
from mcuforge.compiler.ops.window import Pad, Pair, Window
from mcuforge.errors import Refusal


@dataclass(frozen=True)
class Conv2D(Op):
    """inputs: x (1, h, w, ci), weights (co, kh, kw, ci / groups), bias (co) int32 optional."""

    kind: ClassVar[str] = "conv2d"
    stride: Pair = (1, 1)
    pad: Pad = (0, 0, 0, 0)  # top, left, bottom, right
    dilation: Pair = (1, 1)
    act: Activation = "none"

    def window(self, weights: Tensor) -> Window:
        """The sliding window over the input."""
        kernel = (weights.shape[1], weights.shape[2])
        return Window(kernel, self.stride, self.pad, self.dilation)

    def check(self, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        x, weights = inputs[:2]
        want_int8(x)
        want_int8(output)
        want_rank(x, 4)
        want_rank(weights, 4)
        check_weights(weights, axis=0)
        check_bias(inputs, channels=weights.shape[0])
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
        want_shape(output, (x.shape[0], height, width, weights.shape[0]))

    def evaluate(
        self, inputs: tuple[Tensor, ...], output: Tensor, values: Sequence[Array]
    ) -> Array:
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
        if len(values) > 2:
            acc = acc + values[2].astype(np.int64)
        return finish(acc, conv_multipliers(x, weights, output), self.act, output)

    def macs(self, inputs: tuple[Tensor, ...], output: Tensor) -> int:
        _, kh, kw, ci = inputs[1].shape
        return output.elements * kh * kw * ci

    def calls(self, inputs: tuple[Tensor, ...], output: Tensor, isa: str) -> tuple[Call, ...]:
        x, weights = inputs[:2]
        low, high = activation_range(self.act, output)
        multipliers = conv_multipliers(x, weights, output)
        params = Params(
            "conv2d_params",
            (
                ("input", x.shape[1:]),
                ("output", output.shape[1:]),
                ("kernel", weights.shape[1:3]),
                ("stride", self.stride),
                ("pad", self.pad[:2]),
                ("dilation", self.dilation),
                ("group_channels", weights.shape[3]),
                ("input_zero_point", x.zero_point),
                ("output_zero_point", output.zero_point),
                ("act_min", low),
                ("act_max", high),
                ("bias", Blob("bias", folded_bias(inputs, weights.values()))),
                ("multiplier", Blob("multiplier", mantissas(multipliers))),
                ("shift", Blob("shift", shifts(multipliers))),
            ),
        )
        blob = Blob("weights", weights.values())
        return (Call("conv2d_s8", (x, blob, output, Slot.PARAMS), params),)


def check_weights(weights: Tensor, axis: int) -> None:
    """Constant int8 weights, symmetric, one scale or one per slice of `axis`."""
    want_constant(weights)
    want_dtype(weights, DType.INT8)
    want_quant(weights, axis)
    if weights.zero_point != 0:
        raise Refusal(
            f"weights '{weights.name}' have zero point {weights.zero_point}, wanted 0",
            "quantise the weights symmetrically, as TFLite's int8 specification asks",
        )


def check_bias(inputs: tuple[Tensor, ...], channels: int) -> None:
    """A third input, where there is one, is a constant int32 vector of one value per channel."""
    if len(inputs) > 2:
        want_constant(inputs[2])
        want_dtype(inputs[2], DType.INT32)
        want_shape(inputs[2], (channels,))


def conv_multipliers(x: Tensor, weights: Tensor, output: Tensor) -> tuple[Multiplier, ...]:
    """One multiplier per output channel: x.scale * weights.scale / output.scale in doubles."""
    assert weights.quant is not None
    channels = output.shape[3]
    scales = weights.quant.scale * (channels if len(weights.quant.scale) == 1 else 1)
    return tuple(quantise_multiplier(x.scale * s / output.scale) for s in scales)


def folded_bias(inputs: tuple[Tensor, ...], filters: Array) -> Array:
    """bias[o] - x.zero_point * sum(filters[o]), wrapped to int32: kernels then skip the offset."""
    sums = filters.astype(np.int64).reshape(filters.shape[0], -1).sum(axis=1)
    bias = inputs[2].values().astype(np.int64) if len(inputs) > 2 else 0
    return wrap_int32(bias - inputs[0].zero_point * sums).astype(np.int32)


def mantissas(multipliers: tuple[Multiplier, ...]) -> Array:
    """The multipliers' mantissas as the int32 array the kernels read."""
    return np.array([m.mantissa for m in multipliers], np.int32)


def shifts(multipliers: tuple[Multiplier, ...]) -> Array:
    """The multipliers' shifts, positive to the left, as the int8 array the kernels read."""
    return np.array([m.shift for m in multipliers], np.int8)


def finish(
    acc: Array, multipliers: tuple[Multiplier, ...], act: Activation, output: Tensor
) -> Array:
    """int32 accumulators (..., channels) to the output's int8: requantise, offset, clamp."""
    low, high = activation_range(act, output)
    scaled = requantise(wrap_int32(acc), mantissas(multipliers), shifts(multipliers))
    return np.clip(wrap_int32(scaled + output.zero_point), low, high).astype(np.int8).reshape(output.shape)
