# SPDX-License-Identifier: Apache-2.0
"""Prepares constant weights and biases in the form that the kernels take."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mcuforge.compiler.frontends.common import SCALE_LIMITS, contradiction
from mcuforge.compiler.frontends.onnx.values import (
    OFFSET,
    Constant,
    Interval,
    Real,
    Stored,
    Value,
)
from mcuforge.compiler.frontends.onnx.work import QUANTIZE_TOO, GraphBuilder
from mcuforge.compiler.ops.common.fixed_point import RANGE
from mcuforge.compiler.tensors import DType, Quant, Tensor
from mcuforge.errors import Advice, Phase, Refusal

SYMMETRIC = Advice(
    "quantize weights symmetrically: extra_options={'WeightSymmetric': True}", Phase.QUANTIZE
)
LEAST_GAIN = 1e-9  # of a channel whose weights a factor makes nearly zero
SAME_SCALE = 1e-5  # relative: a bias scale this close to the product of the two equals it


@dataclass(frozen=True, eq=False)
class Weights:
    """int8 weights with zero point 0; `scales` has one entry or one per output channel.

    `turned`: `data` is the transpose of the file's weights.
    """

    source: Constant
    data: NDArray[np.int8]
    scales: tuple[float, ...]
    turned: bool = False

    def tensor(self, work: GraphBuilder, tag: str, data: NDArray[np.int8], axis: int) -> Tensor:
        """Make the tensor of these weights: `data` in the graph's order, channels along `axis`."""
        quant = Quant(self.scales, 0, axis if len(self.scales) > 1 else None)
        return work.constant(self.source, f"{tag} {self.turned}", data, quant)

    def sums(self, x: Interval | None, bias: Constant | None) -> Interval | None:
        """Bound the sums of products with values of `x`, or with the zeros of a padding."""
        if x is None:
            return None
        count = self.data.shape[0]
        rows = self.data.reshape(count, -1).astype(np.float64)
        rows *= np.broadcast_to(np.array(self.scales), (count,))[:, None]
        up, down = np.maximum(rows, 0.0).sum(axis=1), np.minimum(rows, 0.0).sum(axis=1)
        least, most = min(x[0], 0.0), max(x[1], 0.0)
        added = 0.0 if bias is None else bias.real.reshape(-1)
        low, high = up * least + down * most + added, up * most + down * least + added
        return (float(low.min()), float(high.max()))

    def times(
        self, bias: Constant | None, gain: Real, offset: Real
    ) -> tuple["Weights", Constant] | None:
        """Multiply the results by `gain` and add `offset`, both float64, one per channel.

        Returns the weights and the bias of the whole, which is exact but for the bias's rounding.
        None where the sign of a weight of -128 would turn.
        """
        count = self.data.shape[0]
        spread = (count, *(1,) * (self.data.ndim - 1))
        turned = self.data.astype(np.int16) * np.sign(gain).astype(np.int16).reshape(spread)
        if turned.max() > RANGE[DType.INT8][1]:
            return None
        scales = np.broadcast_to(np.array(self.scales), (count,))
        scales = scales * np.maximum(np.abs(gain), LEAST_GAIN)
        before = 0.0 if bias is None else np.broadcast_to(bias.real.reshape(-1), (count,))
        name = self.source.name
        source = Constant(name, self.source.data, self.source.quant)  # not the same as unscaled
        after = Constant(f"{name}_bias" if bias is None else bias.name, before * gain + offset)
        data = turned.astype(np.int8)
        return Weights(source, data, tuple(float(s) for s in scales), self.turned), after


def want_weights(value: Value) -> None:
    """Raise Refusal for weights that are computed at run time."""
    if not isinstance(value, Constant):
        raise Refusal(
            "the weights are computed at run time, expected constants",
            "write a product of two activations as MatMul",
        )


def int8_weights(value: Value, axis: int) -> Weights:
    """Make int8 weights with zero point 0, with one scale or one per slice of `axis`."""
    if not isinstance(value, Constant) or value.quant is None:
        met = "float32" if isinstance(value, Constant) else "computed at run time"
        raise Refusal(f"the weights are {met}, expected constants of 8 bits", QUANTIZE_TOO)
    if value.data.dtype.name not in OFFSET:
        raise Refusal(
            f"the weights are {value.data.dtype.name}, supported: int8 and uint8", SYMMETRIC
        )
    if value.data.ndim == 0:
        raise contradiction("the weights are a single number, expected one slice per output")
    quant = value.quant
    most = SCALE_LIMITS[1]
    if quant.scale.max() > most:
        raise Refusal(
            f"the weights have scale {quant.scale.max():g}, expected at most {most:g}", QUANTIZE_TOO
        )
    if quant.axis not in (None, axis % value.data.ndim):
        raise Refusal(
            f"the weights have one scale per slice of axis {quant.axis}, "
            f"supported here: axis {axis % value.data.ndim} (output channels)",
            "quantize the weights per tensor, or per output channel",
        )
    zero = quant.zero_point.reshape(quant.shape(value.data.ndim))
    data = value.data.astype(np.int64) - zero
    low, high = RANGE[DType.INT8]
    if data.size and (data.min() < low or data.max() > high):
        raise Refusal(
            f"the weights have zero point {int(zero.reshape(-1)[0])} and reach "
            f"{int(data.min())} to {int(data.max())} relative to it, expected {low} to {high}",
            SYMMETRIC,
        )
    scales = tuple(float(s) for s in quant.scale)
    return Weights(value, data.astype(np.int8), scales)


def int32_bias(
    work: GraphBuilder, bias: Constant, x: Stored, weights: Weights, channels: int
) -> Tensor:
    """Put the bias (channels) on the products' scale. Raises Refusal for one beyond int32."""
    scale = x.scheme.scale * np.array(weights.scales)
    own = None if bias.quant is None else bias.quant
    stored = None
    if own is not None and bias.data.dtype == np.int32 and not own.zero_point.any():
        near = np.abs(own.scale - scale) <= SAME_SCALE * scale if _fits(own.scale, scale) else False
        if np.all(near):
            stored = np.broadcast_to(bias.data.reshape(-1).astype(np.float64), (channels,))
    if stored is None:
        with np.errstate(over="ignore", invalid="ignore"):
            stored = np.rint(np.broadcast_to(bias.real.reshape(-1), (channels,)) / scale)
    low, high = RANGE[DType.INT32]
    if not np.all((stored >= low) & (stored <= high)):
        raise Refusal(
            "a bias does not fit int32 on the scale of input times weights",
            "quantize again: a channel of weights is nearly zero, its scale too small",
        )
    tag = f"bias {x.scheme.scale} {id(weights.source)}"
    return work.constant(bias, tag, stored.astype(np.int32))


def _fits(a: NDArray[np.float64], b: NDArray[np.float64]) -> bool:
    return a.size == b.size or 1 in (a.size, b.size)
