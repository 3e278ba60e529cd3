# SPDX-License-Identifier: Apache-2.0
"""Prepares constant weights and biases in the form that the kernels take."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mcuforge.compiler.frontends.onnx.values import OFFSET, Constant, Stored, Value
from mcuforge.compiler.frontends.onnx.work import GraphBuilder
from mcuforge.compiler.ops.common.fixed_point import RANGE
from mcuforge.compiler.tensors import DType, Quant, Tensor
from mcuforge.errors import Advice, Refusal, Step

SYMMETRIC = Advice(
    "quantize weights symmetrically: extra_options={'WeightSymmetric': True}", Step.QUANTIZE
)
QUANTIZE_TOO = Advice(
    "quantize this operator and its neighbours too: quantize_static without op_types_to_quantize, "
    "or `mcuforge quantize MODEL --data FILE` on the float model",
    Step.QUANTIZE,
)
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


def stored_input(value: Value, place: str) -> Stored:
    """Return a quantized activation. Raises Refusal for one left in float."""
    if isinstance(value, Stored) and value.real:
        return value
    raise Refusal(
        f"its {place} is a float32 result without QuantizeLinear, supported: int8", QUANTIZE_TOO
    )


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
    quant = value.quant
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
