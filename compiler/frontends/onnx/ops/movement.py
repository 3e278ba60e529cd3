# SPDX-License-Identifier: Apache-2.0
"""Reads Reshape, Squeeze, Transpose, Identity, ...: they change the record of the axes' places."""

from math import prod

import numpy as np

from mcuforge.compiler.frontends.common import completed, contradiction, resolve_axes, resolve_axis
from mcuforge.compiler.frontends.onnx.layout import permuted
from mcuforge.compiler.frontends.onnx.ops.moving import moved, shaped, transposed
from mcuforge.compiler.frontends.onnx.ops.operator import FOR_INFERENCE, Operator
from mcuforge.compiler.frontends.onnx.values import Value
from mcuforge.errors import Refusal


def reshape(operator: Operator) -> Value:
    """Read inputs x, shape: -1 takes the rest, 0 keeps a dimension unless allowzero is set."""
    operator.arity(2)
    x, wanted = operator.value(0), list(operator.integers(1))
    keep = not operator.flag_of("allowzero")
    for place, size in enumerate(wanted):
        if size == 0 and keep:
            if place >= len(x.shape):
                raise contradiction(
                    f"shape {wanted[:8]} keeps dimension {place}, "
                    f"but {list(x.shape)} has no such dimension"
                )
            wanted[place] = x.shape[place]
    shape = completed(wanted, prod(x.shape))
    if min(shape, default=1) < 0:
        raise contradiction(
            f"it reshapes {list(x.shape)} to {list(shape[:8])}, expected as many elements"
        )
    return shaped(operator, x, shape)


def flatten(operator: Operator) -> Value:
    """Reshape to a matrix; the dimensions before `axis` become its rows."""
    operator.arity(1)
    x = operator.value(0)
    axis = operator.int_of("axis", 1)
    if axis != len(x.shape):
        axis = resolve_axis(axis, len(x.shape))
    return shaped(operator, x, (prod(x.shape[:axis]), prod(x.shape[axis:])))


def squeeze(operator: Operator) -> Value:
    """Drop the dimensions of 1 that it names, or all."""
    operator.arity(1, 2)
    x = operator.value(0)
    axes = operator.axes(1)
    if axes is None:
        return shaped(operator, x, tuple(n for n in x.shape if n != 1))
    dropped = resolve_axes(axes, len(x.shape))
    if any(x.shape[axis] != 1 for axis in dropped):
        raise contradiction(
            f"it drops axes {list(axes)} of {list(x.shape)}, expected dimensions of 1"
        )
    return shaped(operator, x, tuple(n for i, n in enumerate(x.shape) if i not in dropped))


def unsqueeze(operator: Operator) -> Value:
    """Insert dimensions of 1 at places of the output."""
    operator.arity(1, 2)
    x = operator.value(0)
    axes = operator.axes(1, ())
    assert axes is not None
    rank = len(x.shape) + len(axes)
    added = resolve_axes(axes, rank)
    left = iter(x.shape)
    return shaped(operator, x, tuple(1 if i in added else next(left) for i in range(rank)))


def transpose(operator: Operator) -> Value:
    """Exchange dimensions: only the record of their places changes."""
    operator.arity(1)
    x = operator.value(0)
    rank = len(x.shape)
    perm = operator.ints_of("perm", tuple(reversed(range(rank))))
    if sorted(perm) != list(range(rank)):
        raise contradiction(
            f"its permutation is {list(perm[:8])}, expected each of 0 to {rank - 1} once"
        )
    shape = permuted(x.shape, perm)
    return moved(operator, x, lambda a: a.transpose(perm), transposed(perm, shape), shape)


def identity(operator: Operator) -> Value:
    """Return the same value: Identity, and Dropout at inference."""
    if operator.has(2) and np.any(operator.constant(2).data):
        raise Refusal("training_mode is set, expected inference", FOR_INFERENCE)
    operator.arity(1, 3, outputs=2)
    if any(operator.node.outputs[1:]):
        raise Refusal("the model reads its second output, supported: the first", FOR_INFERENCE)
    return operator.value(0)
