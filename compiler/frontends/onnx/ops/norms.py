# SPDX-License-Identifier: Apache-2.0
"""Reads norms and what is divided by them: ReduceL2, RMSNormalization, InstanceNormalization, ...

Whole, here; in parts, islands.py finds them.
"""

from dataclasses import replace
from math import prod, sqrt

import numpy as np

from mcuforge.compiler.frontends.common import contradiction, resolve_axis
from mcuforge.compiler.frontends.onnx.ops.elementwise import Elementwise
from mcuforge.compiler.frontends.onnx.ops.functions import BINARY, UNARY
from mcuforge.compiler.frontends.onnx.ops.moving import shaped
from mcuforge.compiler.frontends.onnx.ops.normalize import Across, Normalized, want_per_element
from mcuforge.compiler.frontends.onnx.ops.operator import Operator
from mcuforge.compiler.frontends.onnx.ops.pooling import reduced
from mcuforge.compiler.frontends.onnx.values import Constant, Value
from mcuforge.errors import Refusal

ZERO = Constant("zero", np.zeros(1, np.float32))


def _run_time(operator: Operator) -> Value:
    """Return the first input. Raises Refusal for a constant, which an exporter folds."""
    x = operator.value(0)
    if isinstance(x, Constant):
        raise Refusal(
            "it normalizes a constant, expected a computed tensor", "fold constants before"
        )
    return x


def reduce_squares(operator: Operator) -> Value:
    """Add up the squares over axes."""
    x = operator.value(0)
    if isinstance(x, Constant):
        return reduced(operator, Constant(x.name, np.square(x.float)), total=True)
    squares = Elementwise(replace(operator.node, op="Mul"), x.shape, (x, x), BINARY["Mul"])
    return reduced(operator, squares, total=True)


def reduce_l2(operator: Operator) -> Value:
    """Take the root of the sum of squares over axes."""
    total = reduce_squares(operator)
    if isinstance(total, Constant):
        return Constant(total.name, np.sqrt(total.float))
    return Elementwise(replace(operator.node, op="Sqrt"), total.shape, (total,), np.sqrt)


def reduce_l1(operator: Operator) -> Value:
    """Add up the sizes over axes."""
    x = operator.value(0)
    if isinstance(x, Constant):
        return reduced(operator, Constant(x.name, np.abs(x.float)), total=True)
    sizes = Elementwise(replace(operator.node, op="Abs"), x.shape, (x,), UNARY["Abs"](operator))
    return reduced(operator, sizes, total=True)


def rms_normalization(operator: Operator) -> Value:
    """Divide x by the root of its mean square from `axis` on, and multiply it by a scale."""
    operator.arity(2, outputs=2)
    if any(operator.node.outputs[1:]):
        raise contradiction("the model reads its deviation, supported: its first output")
    x = _run_time(operator)
    axis = resolve_axis(operator.int_of("axis", -1), len(x.shape))
    gamma, length = operator.constant(1), prod(x.shape[axis:])
    want_per_element(("scale", gamma), shape=x.shape[axis:])
    epsilon = operator.float_of("epsilon", 1e-5)
    return Normalized(operator.node, x.shape, (x,), length, epsilon, gamma, ZERO, about_zero=True)


def lp_normalization(operator: Operator) -> Value:
    """Divide x by its norm along an axis, the last by default."""
    operator.arity(1)
    x = _run_time(operator)
    if operator.int_of("p", 2) != 2:
        raise Refusal(f"p is {operator.int_of('p', 2)}, supported: 2", "use Abs, ReduceSum and Div")
    axis = resolve_axis(operator.int_of("axis", -1), len(x.shape))
    gamma = Constant("one_over_root", np.array([1 / sqrt(x.shape[axis])], np.float32))
    return Across(operator.node, x.shape, (x,), (axis,), 0.0, gamma, ZERO, about_zero=True)


def instance_normalization(operator: Operator) -> Value:
    """Normalize each channel of an image or sequence; inputs x, scale, bias."""
    operator.arity(3)
    x = _run_time(operator)
    if len(x.shape) < 3 or x.shape[0] != 1:
        raise contradiction(f"the input has shape {list(x.shape)}, expected one image or sequence")
    return _by_groups(operator, x, x.shape[1])


def group_normalization(operator: Operator) -> Value:
    """Normalize groups of channels; inputs x, scale, bias: per channel, or per group before 21."""
    operator.arity(3)
    x = _run_time(operator)
    groups = operator.int_of("num_groups", 0)
    if len(x.shape) < 2 or x.shape[0] != 1 or groups < 1 or x.shape[1] % groups:
        raise contradiction(
            f"{list(x.shape)} in {groups} groups of channels, expected whole groups and batch 1"
        )
    return _by_groups(operator, x, groups)


def _by_groups(operator: Operator, x: Value, groups: int) -> Value:
    """Normalize each of equal parts of the channels; constants are per part or per channel."""
    gamma, beta = operator.constant(1), operator.constant(2)
    count, channels = gamma.data.size, x.shape[1]
    if beta.data.size != count or count not in (groups, channels):
        raise contradiction(
            f"its scale and bias have {count} and {beta.data.size} values, "
            f"expected {channels} or {groups}"
        )
    elements = prod(x.shape)
    flat = shaped(operator, x, (groups, elements // groups))
    epsilon = operator.float_of("epsilon", 1e-5)
    constants = (elements // groups, epsilon, gamma, beta)
    made = Normalized(operator.node, flat.shape, (flat,), *constants, block=elements // count)
    return shaped(operator, made, x.shape)
