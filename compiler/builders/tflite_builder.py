# SPDX-License-Identifier: Apache-2.0
"""Builds an int8 TFLite model layer by layer, with weights that keep activations in their range.

The builder assumes that the values of an activation spread over SPREAD quantized steps. It chooses
each weight scale so that the layer's own output spreads as far: then no layer saturates, and no
layer answers with one value only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod, sqrt

import numpy as np
import tflite

from mcuforge.compiler.builders.tflite_writer import Field, ModelSpec, OperatorSpec, TensorSpec
from mcuforge.compiler.ops.common.window import resolve_padding
from mcuforge.compiler.tensors import Array

SPREAD = 40.0  # standard deviation of an activation, in quantized steps
WEIGHT_SPREAD = 73.0  # of int8 weights drawn evenly from -127 to 127
ACTIVATIONS = {"none": 0, "relu": 1, "relu_n1_to_1": 2, "relu6": 3}
PROBABILITY = (1 / 256, -128)  # what TFLite fixes for LOGISTIC and SOFTMAX
Pair = tuple[int, int]
Quantized = tuple[float, int]  # scale, zero point


@dataclass(frozen=True)
class Value:
    """An activation of the model so far."""

    index: int
    shape: tuple[int, ...]
    scale: float
    zero_point: int

    @property
    def quant(self) -> Quantized:
        """Scale and zero point."""
        return self.scale, self.zero_point

    @property
    def elements(self) -> int:
        """Number of elements, which is also the number of bytes."""
        return prod(self.shape)


@dataclass(frozen=True)
class Sliding:
    """How a kernel slides over an image: with TFLite's padding SAME, or with VALID."""

    kernel: Pair
    stride: Pair = (1, 1)
    dilation: Pair = (1, 1)
    same: bool = True

    def output_size(self, size: Pair) -> Pair:
        """Compute rows and columns of the output; below 1 where the window does not fit."""
        pads = resolve_padding(
            "same" if self.same else "valid", size, self.kernel, self.stride, self.dilation
        )
        height, width = (
            (size[a] + pads[a] + pads[a + 2] - (self.kernel[a] - 1) * self.dilation[a] - 1)
            // self.stride[a]
            + 1
            for a in (0, 1)
        )
        return height, width

    def fields(self) -> dict[str, Field]:
        """Return the options that all sliding operators share."""
        padding = tflite.Padding.SAME if self.same else tflite.Padding.VALID
        return {"Padding": padding, "StrideH": self.stride[0], "StrideW": self.stride[1]}


class ModelBuilder:
    """Collects tensors and operators; each method adds one operator and returns its output."""

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng(seed)
        self._tensors: list[TensorSpec] = []
        self._operators: list[OperatorSpec] = []
        self._inputs: list[int] = []

    def spec(self, outputs: Sequence[Value]) -> ModelSpec:
        """Return the model so far, with these outputs."""
        return ModelSpec(
            tuple(self._tensors),
            tuple(self._operators),
            tuple(self._inputs),
            tuple(v.index for v in outputs),
        )

    def input(self, shape: tuple[int, ...], quant: Quantized) -> Value:
        """Add a run-time input."""
        value = self._activation("input", shape, quant)
        self._inputs.append(value.index)
        return value

    def conv(
        self,
        x: Value,
        filters: int,
        window: Sliding,
        quant: Quantized,
        act: str = "none",
        per_channel: bool = True,
    ) -> Value:
        """Add a CONV_2D with a bias."""
        kh, kw = window.kernel
        weights = self._weights((filters, kh, kw, x.shape[3]), 0, per_channel, x, quant)
        return self._sliding("CONV_2D", "Conv2DOptions", x, weights, window, quant, act, {})

    def depthwise(
        self,
        x: Value,
        multiplier: int,
        window: Sliding,
        quant: Quantized,
        act: str = "none",
        per_channel: bool = True,
    ) -> Value:
        """Add a DEPTHWISE_CONV_2D with a bias."""
        shape = (1, *window.kernel, x.shape[3] * multiplier)
        weights = self._weights(shape, 3, per_channel, x, quant)
        more: dict[str, Field] = {"DepthMultiplier": multiplier}
        table = "DepthwiseConv2DOptions"
        return self._sliding("DEPTHWISE_CONV_2D", table, x, weights, window, quant, act, more)

    def transposed_conv(
        self, x: Value, filters: int, kernel: Pair, stride: Pair, quant: Quantized
    ) -> Value:
        """Add a TRANSPOSE_CONV with a bias to `stride` times the size."""
        size = (x.shape[1] * stride[0], x.shape[2] * stride[1])
        weights = self._weights((filters, *kernel, x.shape[3]), 0, True, x, quant)
        shape = (1, *size, filters)
        out = self._activation("transposed", shape, quant)
        fields: dict[str, Field] = {
            "Padding": tflite.Padding.SAME,
            "StrideH": stride[0],
            "StrideW": stride[1],
        }
        operands = (self._integers(shape), weights[0], x.index, weights[1])
        return self._operator("TRANSPOSE_CONV", operands, out, "TransposeConvOptions", fields)

    def linear(
        self,
        x: Value,
        features: int,
        quant: Quantized,
        act: str = "none",
        keep_dims: bool = False,
        inputs: int | None = None,
    ) -> Value:
        """Add a FULLY_CONNECTED with a bias over vectors of `inputs` elements.

        inputs: the size of the last dimension by default; the number of all elements flattens `x`.
        """
        inputs = inputs or x.shape[-1]
        weights = self._weights((features, inputs), 0, False, x, quant)
        rows = x.elements // inputs
        shape = (*x.shape[:-1], features) if keep_dims else (rows, features)
        out = self._activation("linear", shape, quant)
        fields: dict[str, Field] = {
            "FusedActivationFunction": ACTIVATIONS[act],
            "KeepNumDims": keep_dims,
        }
        operands = (x.index, *weights)
        return self._operator("FULLY_CONNECTED", operands, out, "FullyConnectedOptions", fields)

    def pool(self, x: Value, window: Sliding, average: bool, act: str = "none") -> Value:
        """Add an AVERAGE_POOL_2D or MAX_POOL_2D."""
        size = window.output_size((x.shape[1], x.shape[2]))
        out = self._activation("pool", (1, *size, x.shape[3]), x.quant)
        fields = window.fields() | {
            "FilterHeight": window.kernel[0],
            "FilterWidth": window.kernel[1],
            "FusedActivationFunction": ACTIVATIONS[act],
        }
        code = "AVERAGE_POOL_2D" if average else "MAX_POOL_2D"
        return self._operator(code, (x.index,), out, "Pool2DOptions", fields)

    def arithmetic(
        self, code: str, a: Value, b: Value, factor: float, zero_point: int, act: str = "none"
    ) -> Value:
        """Add an ADD, SUB or MUL of shapes that broadcast.

        factor: the output's scale over the one at which its values spread over SPREAD steps.
        """
        natural = SPREAD * a.scale * b.scale if code == "MUL" else sqrt(a.scale**2 + b.scale**2)
        shape = np.broadcast_shapes(a.shape, b.shape)
        out = self._activation(code.lower(), shape, (natural * factor, zero_point))
        options = f"{code.capitalize()}Options"
        fields: dict[str, Field] = {"FusedActivationFunction": ACTIVATIONS[act]}
        return self._operator(code, (a.index, b.index), out, options, fields)

    def extreme(self, code: str, a: Value, b: Value) -> Value:
        """Add a MAXIMUM or MINIMUM of two values with the same quantization."""
        shape = np.broadcast_shapes(a.shape, b.shape)
        out = self._activation(code.lower(), shape, a.quant)
        return self._operator(code, (a.index, b.index), out, "MaximumMinimumOptions", {})

    def constant(self, shape: tuple[int, ...], quant: Quantized) -> Value:
        """Add a random int8 constant operand."""
        data = self._rng.integers(-128, 127, shape, endpoint=True).astype(np.int8)
        index = self._tensor("constant", shape, "int8", quant, data)
        return Value(index, shape, *quant)

    def function(self, code: str, x: Value, quant: Quantized) -> Value:
        """Add SOFTMAX, LEAKY_RELU, or any elementwise operator without options."""
        out = self._activation(code.lower(), x.shape, quant)
        known: dict[str, tuple[str, dict[str, Field]]] = {
            "SOFTMAX": ("SoftmaxOptions", {"Beta": 1.0}),
            "LEAKY_RELU": ("LeakyReluOptions", {"Alpha": 0.25}),
            "HARD_SWISH": ("HardSwishOptions", {}),
            "LOG_SOFTMAX": ("LogSoftmaxOptions", {}),
            "L2_NORMALIZATION": ("L2NormOptions", {"FusedActivationFunction": 0}),
            "QUANTIZE": ("QuantizeOptions", {}),
        }
        table, fields = known.get(code, ("", {}))
        return self._operator(code, (x.index,), out, table, fields)

    def prelu(self, x: Value, quant: Quantized) -> Value:
        """Add a PRELU with one random slope per channel, mostly below 1."""
        slopes = self.constant((1,) * (len(x.shape) - 2) + x.shape[-1:], (0.007, 3))
        out = self._activation("prelu", x.shape, quant)
        return self._operator("PRELU", (x.index, slopes.index), out, "", {})

    def matmul(self, a: Value, b: Value, adj_y: bool, quant: Quantized) -> Value:
        """Add a BATCH_MATMUL of two values of the same rank; b is transposed if `adj_y`."""
        shape = (*a.shape[:-1], b.shape[-2 if adj_y else -1])
        out = self._activation("matmul", shape, quant)
        fields: dict[str, Field] = {"AdjX": False, "AdjY": adj_y}
        operands = (a.index, b.index)
        return self._operator("BATCH_MATMUL", operands, out, "BatchMatMulOptions", fields)

    def mean(self, x: Value, axes: tuple[int, ...], keep_dims: bool, quant: Quantized) -> Value:
        """Add a MEAN over `axes`."""
        shape = tuple(1 if i in axes else n for i, n in enumerate(x.shape))
        if not keep_dims:
            shape = tuple(n for i, n in enumerate(x.shape) if i not in axes)
        out = self._activation("mean", shape, quant)
        operands = (x.index, self._integers(axes))
        return self._operator("MEAN", operands, out, "ReducerOptions", {"KeepDims": keep_dims})

    def largest(self, x: Value, axes: tuple[int, ...], smallest: bool = False) -> Value:
        """Add a REDUCE_MAX or REDUCE_MIN over `axes`, which stay as 1."""
        shape = tuple(1 if i in axes else n for i, n in enumerate(x.shape))
        out = self._activation("largest", shape, x.quant)
        code = "REDUCE_MIN" if smallest else "REDUCE_MAX"
        operands = (x.index, self._integers(axes))
        return self._operator(code, operands, out, "ReducerOptions", {"KeepDims": True})

    def arg_max(self, x: Value, axis: int) -> Value:
        """Add an ARG_MAX along `axis`, with an int32 output."""
        shape = x.shape[:axis] + x.shape[axis + 1 :]
        index = self._add(TensorSpec("arg_max", shape, "int32"))
        fields: dict[str, Field] = {"OutputType": tflite.TensorType.INT32}
        operands = (x.index, self._integers((axis,)))
        out = Value(index, shape, 1.0, 0)
        return self._operator("ARG_MAX", operands, out, "ArgMaxOptions", fields)

    def concatenate(self, parts: Sequence[Value], axis: int) -> Value:
        """Add a CONCATENATION of values with the same quantization."""
        shape = list(parts[0].shape)
        shape[axis] = sum(p.shape[axis] for p in parts)
        out = self._activation("concatenation", tuple(shape), parts[0].quant)
        operands = tuple(p.index for p in parts)
        fields: dict[str, Field] = {"Axis": axis}
        return self._operator("CONCATENATION", operands, out, "ConcatenationOptions", fields)

    def pad(self, x: Value, widths: Sequence[Pair], fill: int | None = None) -> Value:
        """Add a PAD with the zero point, or a PADV2 with the quantized value `fill`."""
        shape = tuple(b + n + a for n, (b, a) in zip(x.shape, widths, strict=True))
        out = self._activation("pad", shape, x.quant)
        operands = (x.index, self._integers(tuple(widths)))
        if fill is None:
            return self._operator("PAD", operands, out, "PadOptions", {})
        value = self._tensor("fill", (1,), "int8", x.quant, np.array([fill], np.int8))
        return self._operator("PADV2", (*operands, value), out, "PadV2Options", {})

    def resize(
        self, x: Value, size: Pair, align_corners: bool, half_pixels: bool, linear: bool = False
    ) -> Value:
        """Add a RESIZE_NEAREST_NEIGHBOR, or if `linear` a RESIZE_BILINEAR."""
        out = self._activation("resize", (1, *size, x.shape[3]), x.quant)
        fields: dict[str, Field] = {"AlignCorners": align_corners, "HalfPixelCenters": half_pixels}
        operands = (x.index, self._integers(size))
        if linear:
            return self._operator("RESIZE_BILINEAR", operands, out, "ResizeBilinearOptions", fields)
        table = "ResizeNearestNeighborOptions"
        return self._operator("RESIZE_NEAREST_NEIGHBOR", operands, out, table, fields)

    def mirror(self, x: Value, widths: Sequence[Pair]) -> Value:
        """Add a MIRROR_PAD that does not repeat the edge."""
        shape = tuple(b + n + a for n, (b, a) in zip(x.shape, widths, strict=True))
        out = self._activation("mirror", shape, x.quant)
        operands = (x.index, self._integers(tuple(widths)))
        return self._operator("MIRROR_PAD", operands, out, "MirrorPadOptions", {"Mode": 0})

    def tile(self, x: Value, times: tuple[int, ...]) -> Value:
        """Add a TILE."""
        shape = tuple(n * t for n, t in zip(x.shape, times, strict=True))
        out = self._activation("tile", shape, x.quant)
        return self._operator("TILE", (x.index, self._integers(times)), out, "", {})

    def cut(self, x: Value, cuts: Sequence[range]) -> Value:
        """Add a STRIDED_SLICE that takes one range of each dimension; steps may be negative."""
        shape = tuple(len(c) for c in cuts)
        out = self._activation("cut", shape, x.quant)
        below = tuple(-n - 1 for n in x.shape)  # what "before the first element" is counted as
        ends = tuple(b if c.stop < 0 else c.stop for c, b in zip(cuts, below, strict=True))
        starts, steps = tuple(c.start for c in cuts), tuple(c.step for c in cuts)
        operands = (x.index, *(self._integers(v) for v in (starts, ends, steps)))
        return self._operator("STRIDED_SLICE", operands, out, "StridedSliceOptions", {})

    def transpose(self, x: Value, order: tuple[int, ...]) -> Value:
        """Add a TRANSPOSE."""
        out = self._activation("transpose", tuple(x.shape[i] for i in order), x.quant)
        operands = (x.index, self._integers(order))
        return self._operator("TRANSPOSE", operands, out, "TransposeOptions", {})

    def reshape(self, x: Value, shape: tuple[int, ...]) -> Value:
        """Add a RESHAPE."""
        out = self._activation("reshape", shape, x.quant)
        operands = (x.index, self._integers(shape))
        return self._operator("RESHAPE", operands, out, "ReshapeOptions", {})

    def _sliding(
        self,
        code: str,
        table: str,
        x: Value,
        weights: tuple[int, int],
        window: Sliding,
        quant: Quantized,
        act: str,
        more: Mapping[str, Field],
    ) -> Value:
        size = window.output_size((x.shape[1], x.shape[2]))
        channels = self._tensors[weights[1]].shape[0]
        out = self._activation(code.split("_")[0].lower(), (1, *size, channels), quant)
        fields = window.fields() | {
            "DilationHFactor": window.dilation[0],
            "DilationWFactor": window.dilation[1],
            "FusedActivationFunction": ACTIVATIONS[act],
        }
        return self._operator(code, (x.index, *weights), out, table, {**fields, **more})

    def _weights(
        self, shape: tuple[int, ...], axis: int, per_channel: bool, x: Value, quant: Quantized
    ) -> tuple[int, int]:
        """Add weights and a bias under which the output spreads as far as x does."""
        channels = shape[axis]
        taps = prod(shape) // channels
        scale = quant[0] / (x.scale * sqrt(taps) * WEIGHT_SPREAD)
        data = self._rng.integers(-127, 127, shape, endpoint=True).astype(np.int8)
        factors = self._rng.uniform(0.7, 1.4, channels if per_channel else 1)
        scales = tuple(float(np.float32(scale * f)) for f in factors)
        zeros = (0,) * len(scales)
        weights = self._add(TensorSpec("weights", shape, "int8", scales, zeros, axis, data))
        products = tuple(float(np.float32(x.scale * s)) for s in scales)
        steps = 0.5 * SPREAD * quant[0] / np.array(products)
        bias = np.round(self._rng.standard_normal(channels) * steps).astype(np.int32)
        return weights, self._add(
            TensorSpec("bias", (channels,), "int32", products, zeros, 0, bias)
        )

    def _integers(self, values: Sequence[int] | Sequence[Pair]) -> int:
        data = np.array(values, np.int32)
        return self._add(TensorSpec("integers", data.shape, "int32", data=data))

    def _tensor(
        self, name: str, shape: tuple[int, ...], dtype: str, quant: Quantized, data: Array
    ) -> int:
        return self._add(TensorSpec(name, shape, dtype, (quant[0],), (quant[1],), 0, data))

    def _activation(self, name: str, shape: tuple[int, ...], quant: Quantized) -> Value:
        scale = float(np.float32(quant[0]))
        index = self._add(TensorSpec(name, shape, "int8", (scale,), (quant[1],)))
        return Value(index, shape, scale, quant[1])

    def _add(self, tensor: TensorSpec) -> int:
        index = len(self._tensors)
        self._tensors.append(replace(tensor, name=f"{tensor.name}_{index}"))
        return index

    def _operator(
        self,
        code: str,
        inputs: tuple[int, ...],
        out: Value,
        table: str,
        fields: Mapping[str, Field],
    ) -> Value:
        options = (table, fields) if table else None
        self._operators.append(OperatorSpec(code, inputs, (out.index,), options))
        return out
