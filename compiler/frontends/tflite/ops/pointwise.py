# SPDX-License-Identifier: Apache-2.0
"""Operators on elements: arithmetic, activations, changes of type; and SOFTMAX and MEAN."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mcuforge.compiler.frontends.common import EXPORT_AGAIN, resolve_axis
from mcuforge.compiler.frontends.tflite.ops.operator import Operator, Read, Step, Steps
from mcuforge.compiler.ir import DType
from mcuforge.compiler.ops.add import Add
from mcuforge.compiler.ops.base import Activation, Op
from mcuforge.compiler.ops.common.checks import want_constant, want_int8, want_shape
from mcuforge.compiler.ops.dequantize import Dequantize
from mcuforge.compiler.ops.div import Div
from mcuforge.compiler.ops.extremum import Maximum, Minimum
from mcuforge.compiler.ops.mean import Mean
from mcuforge.compiler.ops.mul import Mul
from mcuforge.compiler.ops.quantize import Quantize
from mcuforge.compiler.ops.reshape import Reshape
from mcuforge.compiler.ops.softmax import Softmax
from mcuforge.compiler.ops.squared_difference import SquaredDifference
from mcuforge.compiler.ops.sum import Sum
from mcuforge.compiler.ops.tables.gelu import Gelu
from mcuforge.compiler.ops.tables.hard_swish import HardSwish
from mcuforge.compiler.ops.tables.leaky_relu import LeakyRelu
from mcuforge.compiler.ops.tables.logistic import Logistic
from mcuforge.compiler.ops.tables.relu import Relu
from mcuforge.compiler.ops.tables.square import Square
from mcuforge.compiler.ops.tables.tanh import Tanh
from mcuforge.errors import Refusal

ROUNDED = 1e-6  # relative: what a float32 scale does to a whole number
LARGEST_FACTOR = 1e6  # of LeakyRelu's alpha and Softmax's beta


def add(operator: Operator) -> Steps:
    """AddOptions: activation 0."""
    act = operator.options("AddOptions").activation(0)
    return _two_inputs(operator, Add(act=act))


def sub(operator: Operator) -> Steps:
    """SubOptions: activation 0."""
    act = operator.options("SubOptions").activation(0)
    return _two_inputs(operator, Add(subtract=True, act=act))


def mul(operator: Operator) -> Steps:
    """MulOptions: activation 0."""
    return _two_inputs(operator, Mul(operator.options("MulOptions").activation(0)))


def div(operator: Operator) -> Steps:
    """DivOptions: activation 0."""
    return _two_inputs(operator, Div(operator.options("DivOptions").activation(0)))


def pow_(operator: Operator) -> Steps:
    """inputs x and a constant exponent, which is 2."""
    operator.arity(2)
    operator.options("PowOptions")
    exponent = operator.input(1)
    want_int8(exponent)
    want_constant(exponent)
    reals = exponent.scale * (exponent.values().astype(np.float64) - exponent.zero_point)
    if exponent.elements == 0 or np.abs(reals - 2.0).max() > ROUNDED * 2.0:
        raise Refusal(
            f"the exponent is {', '.join(f'{v:g}' for v in reals.reshape(-1)[:4])}, supported: 2",
            "use SQRT, RSQRT, EXP or products in its place",
        )
    return (Step(Square(), (operator.input(0),), operator.output()),)


def maximum(operator: Operator) -> Steps:
    """The larger of two elements."""
    operator.options("MaximumMinimumOptions")
    return _two_inputs(operator, Maximum())


def minimum(operator: Operator) -> Steps:
    """The smaller of two elements."""
    operator.options("MaximumMinimumOptions")
    return _two_inputs(operator, Minimum())


def squared_difference(operator: Operator) -> Steps:
    """(a - b) * (a - b)."""
    operator.options("SquaredDifferenceOptions")
    return _two_inputs(operator, SquaredDifference())


def relu(act: Activation) -> Read:
    """An arm for RELU, RELU6 or RELU_N1_TO_1."""
    return lambda operator: _one_input(operator, Relu(act))


def leaky_relu(operator: Operator) -> Steps:
    """LeakyReluOptions: alpha 0."""
    alpha = operator.options("LeakyReluOptions", required=True).real(0)
    return _one_input(operator, LeakyRelu(_moderate("alpha", alpha)))


def logistic(operator: Operator) -> Steps:
    """1 / (1 + exp(-x))."""
    return _one_input(operator, Logistic())


def tanh(operator: Operator) -> Steps:
    """The hyperbolic tangent."""
    return _one_input(operator, Tanh())


def hard_swish(operator: Operator) -> Steps:
    """x * min(max(x + 3, 0), 6) / 6."""
    operator.options("HardSwishOptions")
    return _one_input(operator, HardSwish())


def unary(op: Op, options: str | None = None) -> Read:
    """An arm for an operator of one input that has no options, or a table without any."""

    def read(operator: Operator) -> Steps:
        if options is not None:
            operator.options(options)
        return _one_input(operator, op)

    return read


def gelu(operator: Operator) -> Steps:
    """GeluOptions: approximate 0."""
    return _one_input(operator, Gelu(operator.options("GeluOptions").flag(0)))


def softmax(operator: Operator) -> Steps:
    """SoftmaxOptions: beta 0."""
    beta = operator.options("SoftmaxOptions", required=True).real(0)
    return _one_input(operator, Softmax(_moderate("beta", beta)))


def quantize(operator: Operator) -> Steps:
    """To 8 bits, from float32 or another 8-bit quantization."""
    operator.options("QuantizeOptions")
    return _one_input(operator, Quantize())


def dequantize(operator: Operator) -> Steps:
    """To float32; float16 weights, which the converter hides behind this operator, are refused."""
    operator.options("DequantizeOptions")
    return _one_input(operator, Dequantize())


def mean(operator: Operator) -> Steps:
    """ReducerOptions: keep_dims 0; inputs x and constant axes."""
    return _reduced(operator, Mean)


def sum_(operator: Operator) -> Steps:
    """ReducerOptions: keep_dims 0; inputs x and constant axes."""
    return _reduced(operator, Sum)


def _reduced(operator: Operator, reducer: type[Mean]) -> Steps:
    operator.arity(2)
    options = operator.options("ReducerOptions")
    x, output = operator.input(0), operator.output()
    rank = len(x.shape)
    axes = tuple(sorted({resolve_axis(axis, rank) for axis in operator.integers(1)}))
    if not axes:
        raise Refusal("it names no axis, wanted at least one", "remove this operator")
    kept = tuple(1 if i in axes else n for i, n in enumerate(x.shape))
    dropped = tuple(n for i, n in enumerate(x.shape) if i not in axes)
    want_shape(output, kept if options.flag(0) else dropped)
    by_rows = replace(output, name=f"{output.name}/kept", shape=kept)
    if by_rows.rows == x.rows != output.rows:  # one result a token, dropped dimensions are a view
        by_rows = replace(by_rows, name=operator.values.fresh(by_rows.name))
        return (Step(reducer(axes), (x,), by_rows), Step(Reshape(), (by_rows,), output))
    return (Step(reducer(axes), (x,), output),)


def _one_input(operator: Operator, op: Op) -> Steps:
    operator.arity(1)
    return (Step(op, (operator.input(0),), operator.output()),)


def _two_inputs(operator: Operator, op: Op) -> Steps:
    operator.arity(2)
    inputs = (operator.input(0), operator.input(1))
    if all(t.dtype is DType.INT32 for t in inputs):
        raise Refusal(
            "it computes on int32, supported: int8",
            "move arithmetic on shapes and indices out of the model",
        )
    return (Step(op, inputs, operator.output()),)


def _moderate(name: str, value: float) -> float:
    if abs(value) > LARGEST_FACTOR:
        raise Refusal(
            f"{name} is {value:.8g}, wanted at most {LARGEST_FACTOR:g} in size", EXPORT_AGAIN
        )
    return value
