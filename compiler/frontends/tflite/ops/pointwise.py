# SPDX-License-Identifier: Apache-2.0
"""Reads operators on elements (arithmetic, activations, changes of type), SOFTMAX, MEAN and SUM."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np

from mcuforge.compiler.frontends.common import contradiction, resolve_axis
from mcuforge.compiler.frontends.tflite.ops.instead import MOVE_OUT
from mcuforge.compiler.frontends.tflite.ops.operator import Arm, NewNode, NewNodes, Operator, Read
from mcuforge.compiler.graph import Activation, Op
from mcuforge.compiler.ops.common.checks import want_constant, want_int8, want_shape
from mcuforge.compiler.ops.l2_normalization import L2Normalization
from mcuforge.compiler.ops.mean import Mean
from mcuforge.compiler.ops.prelu import Prelu
from mcuforge.compiler.ops.reshape import Reshape
from mcuforge.compiler.ops.softmax import Softmax
from mcuforge.compiler.ops.tables.gelu import Gelu
from mcuforge.compiler.ops.tables.leaky_relu import LeakyRelu
from mcuforge.compiler.ops.tables.square import Square
from mcuforge.compiler.tensors import DType
from mcuforge.errors import Refusal

ROUNDED = 1e-6  # relative error of a whole number on a float32 scale
LARGEST_FACTOR = 1e6  # of LeakyRelu's alpha and Softmax's beta


def unary(op: Op, options: str | None = None, note: str = "", unjudged: str = "") -> Arm:
    """Return an arm for an operator of one input; it refuses other option tables than `options`."""

    def read(operator: Operator) -> NewNodes:
        if options is not None:
            operator.options(options)
        return _one_input(operator, op)

    return Arm(read, (type(op),), note, unjudged)


def binary(op: Op, options: str) -> Arm:
    """Return an arm for an operator of two inputs that broadcast, without a fused activation."""

    def read(operator: Operator) -> NewNodes:
        operator.options(options)
        return _two_inputs(operator, op)

    return Arm(read, (type(op),), "broadcasts")


def fused(make: Callable[[Activation], Op], options: str) -> Read:
    """Return an arm for an operator of two inputs whose option 0 is the fused activation."""
    return lambda operator: _two_inputs(operator, make(operator.options(options).activation(0)))


def reduced(reducer: type[Mean], unjudged: str = "") -> Arm:
    """Return an arm for MEAN or SUM. ReducerOptions: keep_dims 0; inputs x and constant axes."""
    return Arm(partial(_reduced, reducer), (reducer, Reshape), "constant axes", unjudged)


def pow_(operator: Operator) -> NewNodes:
    """Read inputs x and a constant exponent, which must be 2."""
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
    return (NewNode(Square(), (operator.input(0),), operator.output()),)


def leaky_relu(operator: Operator) -> NewNodes:
    """Read LeakyReluOptions: alpha 0."""
    alpha = operator.options("LeakyReluOptions", required=True).real(0)
    return _one_input(operator, LeakyRelu(_moderate("alpha", alpha)))


def gelu(operator: Operator) -> NewNodes:
    """Read GeluOptions: approximate 0."""
    return _one_input(operator, Gelu(operator.options("GeluOptions").flag(0)))


def softmax(operator: Operator) -> NewNodes:
    """Read SoftmaxOptions: beta 0."""
    beta = operator.options("SoftmaxOptions", required=True).real(0)
    return _one_input(operator, Softmax(_moderate("beta", beta)))


def prelu(operator: Operator) -> NewNodes:
    """Read inputs x and slopes, constant or not."""
    return _two_inputs(operator, Prelu())


def l2_normalization(operator: Operator) -> NewNodes:
    """Read L2NormOptions: activation 0, which no reference kernel applies to int8."""
    act = operator.options("L2NormOptions").activation(0)
    if act != "none":
        raise Refusal(
            f"the fused activation is {act}, supported: none",
            "put the activation in a separate layer",
        )
    return _one_input(operator, L2Normalization())


def reduced_axes(operator: Operator) -> tuple[int, ...]:
    """Return the axes, input 1, that an operator reduces, rising.

    ReducerOptions: keep_dims 0. Raises Refusal where the output's shape does not fit.
    """
    operator.arity(2)
    options = operator.options("ReducerOptions")
    x, output = operator.input(0), operator.output()
    rank = len(x.shape)
    axes = tuple(sorted({resolve_axis(axis, rank) for axis in operator.integers(1)}))
    if not axes:
        raise Refusal("its list of axes is empty, expected one or more", "remove this operator")
    kept = tuple(1 if i in axes else n for i, n in enumerate(x.shape))
    dropped = tuple(n for i, n in enumerate(x.shape) if i not in axes)
    want_shape(output, kept if options.flag(0) else dropped)
    return axes


def _reduced(reducer: type[Mean], operator: Operator) -> NewNodes:
    axes = reduced_axes(operator)
    x, output = operator.input(0), operator.output()
    kept = tuple(1 if i in axes else n for i, n in enumerate(x.shape))
    by_rows = replace(output, name=f"{output.name}/kept", shape=kept)
    if by_rows.rows == x.rows != output.rows:  # a Mean by rows, and a Reshape for free
        by_rows = replace(by_rows, name=operator.values.fresh(by_rows.name))
        return (NewNode(reducer(axes), (x,), by_rows), NewNode(Reshape(), (by_rows,), output))
    return (NewNode(reducer(axes), (x,), output),)


def _one_input(operator: Operator, op: Op) -> NewNodes:
    operator.arity(1)
    return (NewNode(op, (operator.input(0),), operator.output()),)


def _two_inputs(operator: Operator, op: Op) -> NewNodes:
    operator.arity(2)
    inputs = (operator.input(0), operator.input(1))
    if all(t.dtype is DType.INT32 for t in inputs):
        raise Refusal(
            "it computes on int32, supported: int8",
            MOVE_OUT,
        )
    return (NewNode(op, inputs, operator.output()),)


def _moderate(name: str, value: float) -> float:
    if abs(value) > LARGEST_FACTOR:
        raise contradiction(
            f"{name} is {value:.8g}, expected -{LARGEST_FACTOR:g} to {LARGEST_FACTOR:g}"
        )
    return value
