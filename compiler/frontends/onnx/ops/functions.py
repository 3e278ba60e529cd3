# SPDX-License-Identifier: Apache-2.0
"""Defines ONNX's elementwise operators as functions of floats, and of integers of shapes.

Tables evaluate them in float32, as onnxruntime does, so that halves round the same way.
"""

import math
from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mcuforge.compiler.frontends.onnx.ops.operator import Operator
from mcuforge.compiler.ops.common import elementary
from mcuforge.compiler.ops.common.elementary import erf, tanh

LEAST_FLOAT = float(np.finfo(np.float32).min)
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


def _below_zero(x: Real) -> Real:
    """Return x where it is negative, else 0: what an exponential may take without overflow."""
    return np.minimum(x, 0.0)


def _elu(x: Real, alpha: float) -> Real:
    """Return x above 0, else alpha * (exp(x) - 1)."""
    result: Real = np.where(x > 0, x, alpha * elementary.expm1(_below_zero(x)))
    return result


def _shrunk(x: Real, lambd: float, bias: float) -> Real:
    """Move x by `bias` towards 0 where it is farther than `lambd` from it, else return 0."""
    result: Real = np.where(x < -lambd, x + bias, np.where(x > lambd, x - bias, 0.0))
    return result


def _gelu(operator: Operator) -> Unary:
    """Return x * Phi(x), or its tanh form."""
    if operator.node.op == "FastGelu" or operator.text_of("approximate", "none") == "tanh":
        return lambda x: 0.5 * x * (1.0 + tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x * x * x)))
    return lambda x: 0.5 * x * (1.0 + erf(x / math.sqrt(2.0)))


def _clip(operator: Operator) -> Unary:
    """Clamp to min and max, which are inputs since opset 11, and attributes before."""
    if operator.opset < 11:
        low, high = operator.float_of("min", LEAST_FLOAT), operator.float_of("max", -LEAST_FLOAT)
    else:
        low = operator.real(1) if operator.has(1) else -np.inf
        high = operator.real(2) if operator.has(2) else np.inf
    return lambda x: np.minimum(np.maximum(x, low), high)


def _function(function: Callable[..., Real], **defaults: float) -> MakeUnary:
    """Make a function of x and of attributes, whose defaults are given."""

    def make(operator: Operator) -> Unary:
        return partial(function, **{k: operator.float_of(k, v) for k, v in defaults.items()})

    return make


UNARY: Mapping[str, MakeUnary] = MappingProxyType(
    {
        "Relu": _function(lambda x: np.maximum(x, 0.0)),
        "Clip": _clip,
        "LeakyRelu": _function(lambda x, alpha: np.where(x >= 0, x, alpha * x), alpha=0.01),
        "Elu": _function(_elu, alpha=1.0),
        "Selu": _function(
            lambda x, alpha, gamma: gamma * _elu(x, alpha),
            alpha=1.67326319217681884765625,
            gamma=1.05070102214813232421875,
        ),
        "Celu": _function(
            lambda x, alpha: np.where(x > 0, x, alpha * elementary.expm1(_below_zero(x) / alpha)),
            alpha=1.0,
        ),
        "ThresholdedRelu": _function(lambda x, alpha: np.where(x > alpha, x, 0.0), alpha=1.0),
        "Shrink": _function(_shrunk, lambd=0.5, bias=0.0),
        "Mish": _function(lambda x: x * tanh(elementary.softplus(x))),
        "Sigmoid": _function(sigmoid),
        "HardSigmoid": _function(
            lambda x, alpha, beta: np.clip(alpha * x + beta, 0.0, 1.0), alpha=0.2, beta=0.5
        ),
        "HardSwish": _function(lambda x: x * np.clip(x / 6.0 + 0.5, 0.0, 1.0)),
        "Tanh": _function(tanh),
        "Erf": _function(erf),
        "Gelu": _gelu,
        "FastGelu": _gelu,
        "QuickGelu": _function(lambda x, alpha: x * sigmoid(alpha * x), alpha=1.702),
        "Softplus": _function(elementary.softplus),
        "Softsign": _function(lambda x: x / (1.0 + np.abs(x))),
        "Exp": _function(elementary.exp),
        "Log": _function(elementary.log),
        "Sqrt": _function(np.sqrt),
        "Reciprocal": _function(lambda x: 1.0 / x),
        "Abs": _function(np.abs),
        "Neg": _function(np.negative),
        "Floor": _function(np.floor),
        "Ceil": _function(np.ceil),
        "Round": _function(np.rint),
        "Sign": _function(np.sign),
        "Sin": _function(elementary.sin),
        "Cos": _function(elementary.cos),
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
