# SPDX-License-Identifier: Apache-2.0
"""Reads REDUCE_MAX, REDUCE_MIN, ARG_MAX and ARG_MIN."""

from dataclasses import replace

from mcuforge.compiler.frontends import extremes
from mcuforge.compiler.frontends.common import resolve_axis
from mcuforge.compiler.frontends.tflite.ops.operator import Arm, NewNode, NewNodes, Operator
from mcuforge.compiler.frontends.tflite.ops.pointwise import reduced_axes
from mcuforge.compiler.graph import Op
from mcuforge.compiler.ops.arg_extremum import ArgMax, ArgMin
from mcuforge.compiler.ops.common.checks import want_int8, want_same_quant, want_shape
from mcuforge.compiler.ops.max_pool2d import MaxPool2D
from mcuforge.compiler.ops.reshape import Reshape
from mcuforge.compiler.ops.tables.lookup import Lookup
from mcuforge.compiler.tensors import Tensor


def reduced(*, largest: bool) -> Arm:
    """Return an arm for REDUCE_MAX or REDUCE_MIN: inputs x and constant axes."""
    builds: tuple[type[Op], ...] = (MaxPool2D, Reshape) if largest else (Lookup, MaxPool2D, Reshape)
    return Arm(lambda operator: _reduced(operator, largest), builds, "constant axes")


def arg_extremum(kind: type[ArgMax | ArgMin]) -> Arm:
    """Return an arm for ARG_MAX or ARG_MIN: inputs x and one constant axis."""

    def read(operator: Operator) -> NewNodes:
        operator.arity(2)
        operator.options(f"{kind.__name__}Options")
        x, output = operator.input(0), operator.output()
        axis = resolve_axis(operator.integer(1), len(x.shape))
        want_shape(output, x.shape[:axis] + x.shape[axis + 1 :])
        kept = replace(output, shape=(*x.shape[:axis], 1, *x.shape[axis + 1 :]))
        if kept.rows == x.rows != output.rows:  # by rows, and a Reshape for free
            kept = replace(kept, name=operator.values.fresh(f"{output.name}/kept"))
            return (NewNode(kind(axis), (x,), kept), NewNode(Reshape(), (kept,), output))
        return (NewNode(kind(axis), (x,), output),)

    return Arm(read, (kind, Reshape), "constant axis; int32, and int64 as int32")


def _reduced(operator: Operator, largest: bool) -> NewNodes:
    x, output = operator.input(0), operator.output()
    axes = reduced_axes(operator)
    want_int8(x, output)
    want_same_quant(x, output)
    assert output.quant is not None
    nodes: list[NewNode] = []

    def add(op: Op, name: str, tensor: Tensor, made: Tensor) -> Tensor:
        made = replace(made, name=operator.values.fresh(f"{output.name}/{name}"))
        nodes.append(NewNode(op, (tensor,), made))
        return made

    quant = output.quant if largest else extremes.turned(output.quant)
    if not largest:
        x = add(extremes.TURN, "turned", x, replace(x, quant=quant))
    for step in extremes.steps(x.shape, axes):
        if x.shape != step.before:
            x = add(Reshape(), "view", x, replace(x, shape=step.before))
        x = add(step.op, "largest", x, replace(x, shape=step.after))
    if not largest:
        x = add(extremes.TURN, "smallest", x, replace(x, quant=output.quant))
    last = nodes[-1]
    if last.output.shape == output.shape:
        return (*nodes[:-1], NewNode(last.op, last.inputs, output))
    return (*nodes, NewNode(Reshape(), (x,), output))
