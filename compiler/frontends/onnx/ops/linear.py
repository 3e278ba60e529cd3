# SPDX-License-Identifier: Apache-2.0
"""Reads Gemm, and MatMul by constant weights."""

from dataclasses import dataclass, replace
from math import prod

import numpy as np
from numpy.typing import NDArray

from mcuforge.compiler.frontends.common import contradiction
from mcuforge.compiler.frontends.onnx.layout import Shape, View, inverse, permuted
from mcuforge.compiler.frontends.onnx.ops.operator import Operator, want_size
from mcuforge.compiler.frontends.onnx.ops.patches import patches_of
from mcuforge.compiler.frontends.onnx.ops.weighted import (
    Weights,
    int8_weights,
    int32_bias,
    want_weights,
)
from mcuforge.compiler.frontends.onnx.values import (
    Constant,
    Interval,
    Real,
    Scheme,
    Stored,
    Value,
)
from mcuforge.compiler.frontends.onnx.work import Deferred, GraphBuilder, flat_perm, reach_of
from mcuforge.compiler.graph import Activation
from mcuforge.compiler.ops.conv2d import Conv2D
from mcuforge.compiler.ops.fully_connected import FullyConnected
from mcuforge.compiler.ops.reals.linear_real import LinearReal
from mcuforge.compiler.tensors import Tensor
from mcuforge.errors import Refusal


@dataclass(frozen=True, eq=False)
class Linear(Deferred):
    """x [.., k] times weights (n, k), plus a bias [n]; `act`: the activation after it."""

    weights: Weights
    bias: Constant | None
    act: Activation = "none"

    @property
    def reach(self) -> Interval | None:
        return self.weights.sums(reach_of(self.x), self.bias)

    def scaled(self, gain: Real, offset: Real) -> "Linear | None":
        """Multiply each output by its `gain`, then add its `offset`; None where none can."""
        found = self.weights.times(self.bias, gain, offset) if self.act == "none" else None
        return None if found is None else replace(self, weights=found[0], bias=found[1])

    def build_real(self, work: GraphBuilder) -> View | None:
        if self.act != "none":
            return None
        x = work.settled(self.x)
        source = _vectors(work, x.view)
        if source.mixed is None:
            data, tag = self.weights.data, "real"
        else:
            tag = f"real {source.tensor.shape} {x.view.perm}"
            data = self.weights.data[:, source.mixed]
        inputs = linear_inputs(work, self.weights, self.bias, x, (source.tensor, data, tag))
        shape = (*source.outer, data.shape[0])
        return View(work.emit(LinearReal(), inputs, shape, None), source.perm, self.shape)

    def build(self, work: GraphBuilder, scheme: Scheme) -> View:
        x = work.settled(self.x)
        count = self.weights.data.shape[0]
        bias: tuple[Tensor, ...] = ()
        if self.bias is not None:
            bias = (int32_bias(work, self.bias, x, self.weights, count),)
        patches = patches_of(work, x.view)
        if patches is not None:
            filters = patches.filters(self.weights.data)
            tag = f"patches {filters.shape} {patches.order}"
            weights = self.weights.tensor(work, tag, filters, 0)
            conv = Conv2D(stride=patches.size, act=self.act)
            shape = (*patches.outer, count)
            output = work.emit(conv, (patches.image, weights, *bias), shape, scheme)
            return View(output, flat_perm(shape), self.shape)
        source = _vectors(work, x.view)
        data, tag = self.weights.data, "linear"
        if source.mixed is not None:
            data, tag = data[:, source.mixed], f"linear {source.tensor.shape} {x.view.perm}"
        weights = self.weights.tensor(work, tag, data, 0)
        shape = (*source.outer, count)
        op = FullyConnected(self.act)
        output = work.emit(op, (source.tensor, weights, *bias), shape, scheme)
        return View(output, source.perm, self.shape)


def linear_inputs(
    work: GraphBuilder,
    weights: Weights,
    bias: Constant | None,
    x: Stored,
    source: tuple[Tensor, NDArray[np.int8], str],
) -> tuple[Tensor, ...]:
    """Return the inputs of a linear layer: vectors, weights (n, k) under a tag, and a bias."""
    tensor, data, tag = source
    inputs = [tensor, weights.tensor(work, tag, data, 0)]
    if bias is not None:
        inputs.append(int32_bias(work, bias, x, weights, data.shape[0]))
    return tuple(inputs)


@dataclass(frozen=True, eq=False)
class Vectors:
    """A stored tensor read as prod(outer) vectors.

    perm: the permutation of the result. mixed: the element of the file's vector at each place of
    the stored vector; None where the two have the same order.
    """

    tensor: Tensor
    outer: Shape
    perm: Shape
    mixed: NDArray[np.int64] | None = None


def _vectors(work: GraphBuilder, view: View) -> Vectors:
    """Read `view` as vectors along its last axis; moves as few values as possible."""
    tensor, length = view.tensor, view.shape[-1]
    if view.in_order and tensor.shape[-1] == length:
        return Vectors(tensor, tensor.shape[:-1], flat_perm(tensor.shape))
    if prod(view.shape[:-1]) == 1:  # one vector: permute the weights instead
        places = np.arange(length).reshape(permuted(tensor.shape, view.perm))
        mixed = places.transpose(inverse(view.perm)).reshape(-1)
        return Vectors(tensor, view.shape[:-1], flat_perm(view.shape), mixed)
    view = work.aligned(view)
    rank = len(view.shape)
    if view.perm[-1] != rank - 1:
        view = work.ordered(view)
    return Vectors(view.tensor, view.tensor.shape[:-1], view.perm)


def gemm(operator: Operator) -> Value:
    """Read inputs a [m, k], b [k, n] or its transpose, and c, which adds to each row."""
    operator.arity(2, 3)
    x = operator.value(0)
    for name, wanted in (("alpha", 1.0), ("beta", 1.0)):
        met = operator.float_of(name, wanted)
        if met != wanted and (name == "alpha" or operator.has(2)):
            raise Refusal(f"{name} is {met:g}, supported: 1", "fold it into the weights")
    if operator.flag_of("transA"):
        raise Refusal("transA is 1, supported: 0", "transpose the input before this operator")
    by_rows = operator.flag_of("transB")
    want_weights(operator.value(1))
    weights = int8_weights(operator.value(1), axis=0 if by_rows else 1)
    if weights.data.ndim != 2 or len(x.shape) != 2:
        raise contradiction(
            f"its inputs are {list(x.shape)} and {list(weights.data.shape)}, expected matrices"
        )
    bias = operator.constant(2) if operator.has(2) else None
    return _linear(operator, x, weights, by_rows, bias)


def matmul_weights(operator: Operator) -> Value:
    """Multiply x [.., k] by a constant [k, n]."""
    constant = operator.constant(1)
    while constant.data.ndim > 2 and constant.data.shape[0] == 1 and constant.quant is not None:
        quant = constant.quant
        if quant.axis == 0:
            break
        axis = None if quant.axis is None else quant.axis - 1
        shorter = type(quant)(quant.scale, quant.zero_point, axis)
        constant = Constant(constant.name, constant.data[0], shorter)
    weights = int8_weights(constant, axis=-1)
    if weights.data.ndim != 2 or len(operator.value(0).shape) < 1:
        raise Refusal(
            f"the weights have shape {list(weights.data.shape)}, expected a matrix",
            "write the product with a matrix of weights",
        )
    return _linear(operator, operator.value(0), weights, False, None)


def _linear(
    operator: Operator, x: Value, weights: Weights, by_rows: bool, bias: Constant | None
) -> Linear:
    """Multiply by `weights` of the file: (n, k) with `by_rows`, else (k, n)."""
    data = weights.data if by_rows else np.ascontiguousarray(weights.data.T)
    count, length = data.shape
    if x.shape[-1] != length or length == 0 or count == 0:
        raise contradiction(
            f"it multiplies vectors of {x.shape[-1]} by {count} weight vectors of {length}, "
            "expected the same length above 0"
        )
    shape = (*x.shape[:-1], count)
    want_size(shape)
    if bias is not None:
        bias = _row_of(bias, count)
    turned = Weights(weights.source, data, weights.scales, turned=not by_rows)
    return Linear(operator.node, shape, (x,), turned, bias)


def _row_of(bias: Constant, count: int) -> Constant:
    """Return a bias that adds the same to each row. Raises Refusal for any other."""
    if bias.data.size in (1, count) and bias.data.size == prod(bias.shape[-1:]):
        return bias
    raise Refusal(
        f"it adds a tensor of shape {list(bias.shape)}, expected one value per output ({count})",
        "add it in a separate operator",
    )
