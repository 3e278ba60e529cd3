# SPDX-License-Identifier: Apache-2.0
"""Reads Where, comparisons and logic: on constants, as part of a table, and as a constant mask."""

from collections.abc import Callable, Mapping
from functools import reduce
from types import MappingProxyType

import numpy as np

from mcuforge.compiler.frontends.common import LARGEST_STEP, contradiction
from mcuforge.compiler.frontends.onnx.ops.binary import want_broadcast
from mcuforge.compiler.frontends.onnx.ops.elementwise import Elementwise
from mcuforge.compiler.frontends.onnx.ops.folding import fold
from mcuforge.compiler.frontends.onnx.ops.masking import masked
from mcuforge.compiler.frontends.onnx.ops.operator import Operator, want_size
from mcuforge.compiler.frontends.onnx.values import Constant, Value
from mcuforge.compiler.tensors import Array

OF_ONE = ("Not", "IsNaN", "IsInf")  # operators of one value
LOGIC: Mapping[str, Callable[..., Array]] = MappingProxyType(
    {
        "Equal": np.equal,
        "Greater": np.greater,
        "GreaterOrEqual": np.greater_equal,
        "Less": np.less,
        "LessOrEqual": np.less_equal,
        "Not": np.logical_not,
        "And": np.logical_and,
        "Or": np.logical_or,
        "Xor": np.logical_xor,
        "IsNaN": np.isnan,
        "IsInf": np.isinf,  # of either sign, unless an attribute excludes it
    }
)


def logic(operator: Operator) -> Value:
    """Read a comparison or a logical function; at run time it is 0 or 1 in a chain of floats."""
    operator.arity(1 if operator.node.op in OF_ONE else 2)
    function = LOGIC[operator.node.op]
    if operator.node.op == "IsInf":
        below = operator.flag_of("detect_negative", True)
        above = operator.flag_of("detect_positive", True)
        return _computed(
            operator, lambda x: np.where(x < 0, below, above).astype(np.bool_) & np.isinf(x)
        )
    return _computed(operator, function)


def where(operator: Operator) -> Value:
    """Choose between two values by a condition: a constant mask, or part of a table."""
    operator.arity(3)
    condition, chosen, other = (operator.value(place) for place in range(3))
    whole = isinstance(chosen, Constant) and isinstance(other, Constant)
    if not isinstance(condition, Constant) or whole:
        return _computed(operator, np.where)
    shape = reduce(want_broadcast, (condition.shape, chosen.shape, other.shape))
    want_size(shape)
    return masked(operator.node, shape, condition.data.astype(np.bool_), chosen, other)


def trilu(operator: Operator) -> Value:
    """Keep the upper or lower triangle of matrices, `k` diagonals off, and put 0 elsewhere."""
    operator.arity(1, 2)
    x = operator.value(0)
    if len(x.shape) < 2:
        raise contradiction(f"the input has shape {list(x.shape)}, expected matrices")
    offset = operator.integer(1) if operator.has(1) else 0
    offset = min(max(offset, -LARGEST_STEP), LARGEST_STEP)
    kept = np.ones(x.shape[-2:], np.bool_)
    kept = np.triu(kept, offset) if operator.flag_of("upper", True) else np.tril(kept, offset)
    if isinstance(x, Constant):
        data = x.data if x.quant is None else x.float
        return Constant(x.name, np.where(kept, data, np.zeros(1, data.dtype)))
    return masked(operator.node, x.shape, kept, x, Constant("zero", np.zeros(1, np.float32)))


def _computed(operator: Operator, function: Callable[..., Array]) -> Value:
    """Compute `function` now if every operand is a constant, else as part of a chain."""
    values = tuple(operator.value(place) for place in range(len(operator.inputs)))
    if all(isinstance(value, Constant) for value in values):
        return fold(operator, function)
    shape = reduce(want_broadcast, (value.shape for value in values))
    want_size(shape)
    return Elementwise(
        operator.node, shape, values, lambda *known: np.asarray(function(*known), np.float32)
    )
