# SPDX-License-Identifier: Apache-2.0
"""Takes apart weights with a zero point, which uint8 models have: weight less zero point is -255 to
255, the sum of two or three int8 values. The input channels that need more than one are read twice.
"""

from dataclasses import replace
from math import prod

import numpy as np

from mcuforge.compiler.frontends.tflite.ops.operator import NewNode, NewNodes, Operator
from mcuforge.compiler.ops.common.fixed_point import RANGE, Int64
from mcuforge.compiler.ops.concatenation import Concatenation
from mcuforge.compiler.ops.gather import picked
from mcuforge.compiler.ops.reshape import Reshape
from mcuforge.compiler.tensors import Array, DType, Quant, Tensor

LOWEST, HIGHEST = RANGE[DType.INT8]


def symmetric(operator: Operator, x: Tensor, weights: Tensor) -> tuple[NewNodes, Tensor, Tensor]:
    """Read weights (..., input channels) without a zero point, and x with some channels again.

    Nodes that make x, that x, and the weights.
    """
    if weights.zero_point == 0 or weights.data is None:
        return (), x, weights
    nodes: list[NewNode] = []
    if x.shape[-1] != weights.shape[-1]:  # of FULLY_CONNECTED: read as rows
        rows = _between(operator, x, "rows", (x.elements // weights.shape[-1], weights.shape[-1]))
        nodes.append(NewNode(Reshape(), (x,), rows))
        x = rows
    axis = len(x.shape) - 1
    inputs = [x]
    columns: list[Int64] = []
    for part in split(weights):
        used = np.flatnonzero(np.abs(part).reshape(-1, part.shape[-1]).max(axis=0))
        if not columns:
            columns.append(part)
            continue
        columns.append(part[..., used])
        if used.size == x.shape[-1]:
            inputs.append(x)
            continue
        again = _between(operator, x, "again", (*x.shape[:-1], int(used.size)))
        nodes.append(NewNode(picked(x, axis, tuple(int(i) for i in used)), (x,), again))
        inputs.append(again)
    values = np.concatenate(columns, axis=-1).astype(np.int8)
    made = _weights(operator, weights, values)
    if len(inputs) == 1:
        return tuple(nodes), x, made
    wide = _between(operator, x, "twice", (*x.shape[:-1], sum(t.shape[-1] for t in inputs)))
    nodes.append(NewNode(Concatenation(axis), tuple(inputs), wide))
    return tuple(nodes), wide, made


def grouped(operator: Operator, x: Tensor, weights: Tensor) -> tuple[NewNodes, Tensor, Tensor]:
    """Read depthwise weights (1, h, w, filters) that are no int8 as those of groups: x, weights.

    Each channel stands in x as often as its filters have parts: (1, h, w, channels * parts), and
    filters are (filters, h, w, parts).
    """
    parts = split(weights)
    values = np.stack([part[0] for part in parts], axis=-1)  # (h, w, filters, parts)
    made = _weights(operator, weights, values.transpose(2, 0, 1, 3).astype(np.int8))
    alone = _between(operator, x, "channels", (*x.shape, 1))
    copies = _between(operator, x, "copies", (*x.shape, len(parts)))
    wide = _between(operator, x, "twice", (*x.shape[:-1], x.shape[-1] * len(parts)))
    return (
        (
            NewNode(Reshape(), (x,), alone),
            NewNode(Concatenation(len(x.shape)), (alone,) * len(parts), copies),
            NewNode(Reshape(), (copies,), wide),
        ),
        wide,
        made,
    )


def split(weights: Tensor) -> list[Int64]:
    """Split weights less their zero point into int8 values that add up to them; int64 each.

    Each part has the shape of the weights; the first holds all there is where one is enough.
    """
    left = weights.values().astype(np.int64) - weights.zero_point
    parts: list[Int64] = []
    while not parts or left.any():
        part = np.clip(left, LOWEST, HIGHEST)
        parts.append(part)
        left = left - part
    return parts


def _weights(operator: Operator, weights: Tensor, values: Array) -> Tensor:
    assert weights.quant is not None
    name = operator.values.fresh(f"{weights.name}/symmetric")
    data = np.ascontiguousarray(values)
    return Tensor(name, data.shape, DType.INT8, Quant(weights.quant.scale), data)


def _between(operator: Operator, x: Tensor, name: str, shape: tuple[int, ...]) -> Tensor:
    assert prod(shape) > 0
    return replace(x, name=operator.values.fresh(f"{x.name}/{name}"), shape=shape)
