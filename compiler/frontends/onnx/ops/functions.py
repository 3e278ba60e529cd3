# SPDX-License-Identifier: Apache-2.0
"""Defines ONNX's elementwise operators as functions of floats, and of integers of shapes.

Tables evaluate them in float32, as onnxruntime does, so that halves round the same way.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mcuforge.compiler.frontends.onnx.ops.operator import Operator
from mcuforge.compiler.ops.common import elementary
from mcuforge.compiler.ops.common.elementary import erf, tanh

Real = NDArray[np.floating[Any]]
Unary = Callable[[Real], Real]
MakeUnary = Callable[[Operator], Unary]
Binary = Callable[[Real, Real], Real]


def power(x: Real, exponent: Real) -> Real:
    """Raise x to `exponent`: their broadcast shape in x's dtype.

    Integers, which shapes are computed from, stay integers.
    """
    if x.dtype.kind != "f":
        return np.power(x, exponent)
    return elementary.power(x, exponent.astype(x.dtype))


def sigmoid(x: Real) -> Real:
    """Compute 1 / (1 + exp(-x)) without overflow, in x's shape and dtype."""
    small = elementary.exp(-np.abs(x))
    result: Real = np.where(x >= 0, 1.0 / (1.0 + small), small / (1.0 + small))
    return result


def _gelu(operator: Operator) -> Unary:
    """Return x * Phi(x), or its tanh form."""
    if operator.node.op == "FastGelu" or operator.text_of("approximate", "none") == "tanh":
        return lambda x: 0.5 * x * (1.0 + tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x * x * x)))
    return lambda x: 0.5 * x * (1.0 + erf(x / math.sqrt(2.0)))


def _leaky_relu(operator: Operator) -> Unary:
    alpha = operator.float_of("alpha", 0.01)
    return lambda x: np.where(x >= 0, x, alpha * x)


def _elu(operator: Operator) -> Unary:
    alpha = operator.float_of("alpha", 1.0)
    return lambda x: np.where(x > 0, x, alpha * elementary.expm1(np.minimum(x, 0.0)))


def _hard_sigmoid(operator: Operator) -> Unary:
    alpha, beta = operator.float_of("alpha", 0.2), operator.float_of("beta", 0.5)
    return lambda x: np.clip(alpha * x + beta, 0.0, 1.0)


def _quick_gelu(operator: Operator) -> Unary:
    alpha = operator.float_of("alpha", 1.702)
    return lambda x: x * sigmoid(alpha * x)


def _clip(operator: Operator) -> Unary:
    """Clamp to min and max, which are inputs since opset 11."""
    low = operator.real(1) if operator.has(1) else -np.inf
    high = operator.real(2) if operator.has(2) else np.inf
    return lambda x: np.minimum(np.maximum(x, low), high)


def _plain(function: Unary) -> MakeUnary:
    return lambda operator: function


UNARY: Mapping[str, MakeUnary] = MappingProxyType(
    {
        "Relu": _plain(lambda x: np.maximum(x, 0.0)),
        "Clip": _clip,
        "LeakyRelu": _leaky_relu,
        "Elu": _elu,
        "Sigmoid": _plain(sigmoid),
        "HardSigmoid": _hard_sigmoid,
        "HardSwish": _plain(lambda x: x * np.clip(x / 6.0 + 0.5, 0.0, 1.0)),
        "Tanh": _plain(tanh),
        "Erf": _plain(erf),
        "Gelu": _gelu,
        "FastGelu": _gelu,
        "QuickGelu": _quick_gelu,
        "Softplus": _plain(elementary.softplus),
        "Softsign": _plain(lambda x: x / (1.0 + np.abs(x))),
        "Exp": _plain(elementary.exp),
        "Log": _plain(elementary.log),
        "Sqrt": _plain(np.sqrt),
        "Reciprocal": _plain(lambda x: 1.0 / x),
        "Abs": _plain(np.abs),
        "Neg": _plain(np.negative),
        "Floor": _plain(np.floor),
        "Ceil": _plain(np.ceil),
        "Round": _plain(np.rint),
        "Sign": _plain(np.sign),
        "Sin": _plain(elementary.sin),
        "Cos": _plain(elementary.cos),
    }
)

BINARY: Mapping[str, Binary] = MappingProxyType(
    {
        "Add": np.add,
        "Sub": np.subtract,
        "Mul": np.multiply,
        "Div": np.divide,
        "Pow": power,
        "Max": np.maximum,
        "Min": np.minimum,
        "PRelu": lambda x, slope: np.where(x >= 0, x, x * slope),
    }
)
