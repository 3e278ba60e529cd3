# SPDX-License-Identifier: Apache-2.0
"""Reads SELECT and SELECT_V2 on a constant condition: the mask of attention."""

from dataclasses import replace

import numpy as np

from mcuforge.compiler.frontends.tflite.ops.operator import NewNode, NewNodes, Operator
from mcuforge.compiler.frontends.tflite.ops.shapes import by_rows
from mcuforge.compiler.frontends.tflite.tensors import FIX_SHAPE
from mcuforge.compiler.ops.common.broadcast import broadcast_shape
from mcuforge.compiler.ops.common.checks import want_int8, want_same_quant, want_shape
from mcuforge.compiler.ops.common.fixed_point import RANGE
from mcuforge.compiler.ops.extremum import Maximum, Minimum
from mcuforge.compiler.tensors import Array, DType, Tensor
from mcuforge.errors import Refusal

LOWEST, HIGHEST = RANGE[DType.INT8]


def select(operator: Operator) -> NewNodes:
    """Read inputs condition, values where it is true, values where it is false.

    The result is the run-time value between two constant limits: they meet at the constant where
    the condition takes that, and leave everything through elsewhere. Of two run-time values, each
    is so reduced to -128 where it is not taken, and the larger of both is the result.
    """
    operator.arity(3)
    if not operator.values.is_constant(operator.index(0)):
        raise Refusal(
            "the condition is computed at run time, supported: a constant condition", FIX_SHAPE
        )
    condition: Array = operator.constant(0).astype(np.bool_)
    yes, no, output = operator.input(1), operator.input(2), operator.output()
    for tensor in (yes, no):
        want_int8(tensor)
        want_same_quant(tensor, output)
    if operator.raw.name == "SELECT":
        condition = by_rows(condition, len(yes.shape))
    mask = replace(output, shape=condition.shape)
    wide = replace(mask, shape=broadcast_shape(mask, yes))
    want_shape(output, broadcast_shape(wide, no))
    if no.is_constant:
        return _limited(operator, yes, condition, no.values())
    if yes.is_constant:
        return _limited(operator, no, ~condition, yes.values())
    nodes: list[NewNode] = []
    parts: list[Tensor] = []
    for x, taken in ((yes, condition), (no, ~condition)):
        limit = _constant(operator, "limit", np.where(taken, HIGHEST, LOWEST))
        part = _fresh(operator, "part", broadcast_shape(x, limit))
        nodes.append(NewNode(Minimum(), (x, limit), part))
        parts.append(part)
    return (*nodes, NewNode(Maximum(), tuple(parts), output))


def _limited(operator: Operator, x: Tensor, taken: Array, other: Array) -> NewNodes:
    """Take x where `taken`, else the constant `other`."""
    output = operator.output()
    most = np.where(taken, HIGHEST, other)
    least = np.where(taken, LOWEST, other)
    if least.max() == LOWEST:
        return (NewNode(Minimum(), (x, _constant(operator, "limit", most)), output),)
    if most.min() == HIGHEST:
        return (NewNode(Maximum(), (x, _constant(operator, "limit", least)), output),)
    limit = _constant(operator, "limit", most)
    part = _fresh(operator, "part", broadcast_shape(x, limit))
    low = _constant(operator, "limit", least)
    return (
        NewNode(Minimum(), (x, limit), part),
        NewNode(Maximum(), (part, low), output),
    )


def _constant(operator: Operator, name: str, values: Array) -> Tensor:
    """Make an int8 constant on the output's scale."""
    stored = values.astype(np.int8)
    return replace(_fresh(operator, name, stored.shape), data=stored)


def _fresh(operator: Operator, name: str, shape: tuple[int, ...]) -> Tensor:
    output = operator.output()
    return replace(output, name=operator.values.fresh(f"{output.name}/{name}"), shape=shape)
