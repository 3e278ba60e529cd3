# SPDX-License-Identifier: Apache-2.0
"""Moves float values between DEQUANTIZE and QUANTIZE as what they are stored as: int8.

A move commutes with every function of one element. So values that share a scale and a table are
moved as they are stored. Values on several scales (a CONCATENATION) move once QUANTIZE says what
scale all of them will have; until then their operator waits.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from mcuforge.compiler.frontends.tflite.ops.operator import NewNode, NewNodes, Operator, Read
from mcuforge.compiler.frontends.tflite.tensors import Values
from mcuforge.compiler.ops.common.checks import WrongShape
from mcuforge.compiler.ops.common.elementary import Float32
from mcuforge.compiler.ops.dequantize import Dequantize
from mcuforge.compiler.ops.quantize import rounded_quotient
from mcuforge.compiler.ops.reshape import Reshape
from mcuforge.compiler.ops.tables.lookup import HIGHEST, LOWEST, Lookup
from mcuforge.compiler.tensors import DType, Quant, Tensor

LONGEST_NAME = 3  # operators listed in a table's name
PADS_WITH_ZERO = "PAD"
# Operators that only move values; of those that no arm reads, none gets here.
MOVES = frozenset(
    {"BATCH_TO_SPACE_ND", "BROADCAST_TO", "CONCATENATION", "DEPTH_TO_SPACE", "EXPAND_DIMS"}
    | {"GATHER", "GATHER_ND", "MIRROR_PAD", "PACK", PADS_WITH_ZERO, "PADV2", "RESHAPE"}
    | {"RESIZE_NEAREST_NEIGHBOR", "REVERSE_V2", "SLICE", "SPACE_TO_BATCH_ND", "SPACE_TO_DEPTH"}
    | {"SPLIT", "SPLIT_V", "SQUEEZE", "STRIDED_SLICE", "TILE", "TRANSPOSE", "UNPACK"}
)


@dataclass(frozen=True, eq=False)
class Real:
    """A float tensor computed from the int8 tensor `base`; `values` answer its -128 to 127."""

    base: Tensor
    values: Float32
    operators: tuple[str, ...] = ()  # those between; empty where they are only dequantized

    def same_table(self, other: "Real") -> bool:
        """Whether both say the same of each stored value."""
        same = self.base.quant == other.base.quant
        return same and np.array_equal(self.values, other.values, equal_nan=True)


@dataclass(frozen=True, eq=False)
class Moved:
    """Output `place` of a move of values that are on several scales; `parts` by tensor index."""

    operator: Operator
    parts: "Mapping[int, Real | Moved | Float32]"
    place: int

    @property
    def adds_zeros(self) -> bool:
        """Whether it holds zeros that no part has, of which a function would have to know."""
        inner = (part for part in self.parts.values() if isinstance(part, Moved))
        return self.operator.raw.name == PADS_WITH_ZERO or any(part.adds_zeros for part in inner)


Value = Real | Moved | Float32  # the last: constants, float32 in the file's shape


class Stored(Values):
    """The file's tensors, some of which are stored in int8 instead of the file's float32."""

    def __init__(self, values: Values, stored: Mapping[int, Tensor]) -> None:
        vars(self).update(vars(values))
        self._stored = stored

    def tensor(self, index: int) -> Tensor:
        stored = self._stored.get(index)
        return super().tensor(index) if stored is None else stored


def mapped(value: Value, function: Callable[[Float32], Float32], name: str) -> Value:
    """Apply a function of one element to all that a value consists of; float32 of its shape."""
    if isinstance(value, Real):
        operators = tuple(dict.fromkeys((*value.operators, name)))
        return Real(value.base, function(value.values), operators)
    if isinstance(value, Moved):
        parts = {index: mapped(part, function, name) for index, part in value.parts.items()}
        return Moved(value.operator, parts, value.place)
    return function(value)


def moved(
    operator: Operator, read: Read, parts: Mapping[int, Value]
) -> tuple[NewNodes, tuple[Real | Moved, ...]]:
    """Move float values: nodes that run now, and what each output is.

    read: the arm of the operator. parts: its float inputs by tensor index, one of them no constant;
    constants are float32 of the file's shape.
    """
    raw = operator.raw
    reals = [part for part in parts.values() if isinstance(part, Real)]
    stored = _in_one_table(operator, reals[0], parts) if reals else None
    if stored is None:
        _shape_outputs(operator, read, parts)
        return (), tuple(Moved(operator, parts, place) for place in range(len(raw.outputs)))
    nodes, outputs = _read(operator, read, stored, {})
    operators = tuple(dict.fromkeys(name for real in reals for name in real.operators))
    if not operators:  # who reads the floats themselves finds them
        floats = (operator.values.tensor(index) for index in raw.outputs)
        pairs = zip(outputs, floats, strict=True)
        nodes = (*nodes, *(NewNode(Dequantize(), (x,), real) for x, real in pairs))
    return nodes, tuple(Real(output, reals[0].values, operators) for output in outputs)


def quantized(real: Real, output: Tensor) -> NewNode:
    """Look up what each stored value is on the scale of `output`; as it is if nothing changes."""
    if not real.operators and real.base.quant == output.quant:
        return NewNode(Reshape(), (real.base,), output)
    table = tuple(int(v) for v in _steps(real.values, output).reshape(-1))
    name = "_".join(real.operators[-LONGEST_NAME:]) or "quantize"
    return NewNode(Lookup(name, table), (real.base,), output)


def placed(value: Moved, arms: Callable[[str], Read], output: Tensor) -> NewNodes:
    """Move values after each is put on the scale of `output`."""
    nodes: list[NewNode] = []
    stored: dict[int, Tensor] = {}
    for index, part in value.parts.items():
        name = value.operator.values.fresh(f"{output.name}/part")
        if isinstance(part, Real):
            stored[index] = replace(output, name=name, shape=part.base.shape)
            nodes.append(quantized(part, stored[index]))
        elif isinstance(part, Moved):
            inner = part.operator.raw.outputs[part.place]
            shape = value.operator.values.raw(inner).shape
            stored[index] = replace(output, name=name, shape=shape)
            nodes += placed(part, arms, stored[index])
            stored[index] = nodes[-1].output
        else:
            data = _steps(part, output).astype(np.int8)
            stored[index] = replace(output, name=name, shape=part.shape, data=data)
    wanted = {value.operator.raw.outputs[value.place]: output}
    last, outputs = _read(value.operator, arms(value.operator.raw.name), stored, wanted)
    mine = [node for node in last if node.output is outputs[value.place]]
    others = [node for node in last if node.output is not outputs[value.place]]
    return (*nodes, *others, *mine)


def _steps(values: Float32, output: Tensor) -> Float32:
    """Round reals on the scale of `output`, as QUANTIZE does: whole numbers from -128 to 127."""
    steps = rounded_quotient(values, output.scale) + output.zero_point
    return np.clip(steps, LOWEST, HIGHEST)


def _in_one_table(
    operator: Operator, first: Real, parts: Mapping[int, Value]
) -> dict[int, Tensor] | None:
    """Find what stores each part, if all have the table of `first`; else None."""
    zero = first.values[first.base.zero_point - LOWEST]
    if operator.raw.name == PADS_WITH_ZERO and zero != 0.0:
        return None
    stored: dict[int, Tensor] = {}
    for index, part in parts.items():
        if isinstance(part, Moved) or (isinstance(part, Real) and not part.same_table(first)):
            return None
        if isinstance(part, Real):
            stored[index] = part.base
            continue
        different, which = np.unique(part, return_inverse=True)
        if different.size > first.values.size or not np.isin(different, first.values).all():
            return None
        places = [int(np.flatnonzero(first.values == value)[0]) for value in different]
        data = (np.array(places)[which] + LOWEST).astype(np.int8).reshape(part.shape)
        name = operator.values.fresh(f"{operator.values.names[index]}/stored")
        stored[index] = replace(first.base, name=name, shape=part.shape, data=data)
    return stored


def _shape_outputs(operator: Operator, read: Read, parts: Mapping[int, Value]) -> None:
    """Give the outputs of a move that waits their shapes: its nodes would be made on any scale."""
    stored: dict[int, Tensor] = {}
    for index, part in parts.items():
        data = np.zeros(part.shape, np.int8) if isinstance(part, np.ndarray) else None
        shape = operator.values.raw(index).shape if data is None else data.shape
        name = operator.values.names[index]
        stored[index] = Tensor(name, shape, DType.INT8, Quant((1.0,)), data)
    _read(operator, read, stored, {})


def _read(
    operator: Operator, read: Read, inputs: Mapping[int, Tensor], wanted: Mapping[int, Tensor]
) -> tuple[NewNodes, tuple[Tensor, ...]]:
    """Let an arm read the operator on int8 tensors; outputs that are not `wanted` are made."""
    values, raw = operator.values, operator.raw
    like = next(iter(inputs.values()))
    outputs = dict(wanted)
    for index in raw.outputs:
        if index not in outputs:
            name = values.fresh(f"{values.names[index]}/stored")
            outputs[index] = Tensor(name, values.raw(index).shape, DType.INT8, like.quant)
    for attempt in range(len(raw.outputs) + 1):
        try:
            nodes = read(Operator(raw, Stored(values, {**inputs, **outputs})))
            for node in nodes:
                node.op.check(node.inputs, node.output)
            break
        except WrongShape as wrong:
            found = [i for i, tensor in outputs.items() if tensor is wrong.tensor]
            if not found or found[0] in wanted or attempt == len(raw.outputs):
                raise
            values.reshape(found[0], wrong.shape)
            outputs[found[0]] = replace(wrong.tensor, shape=wrong.shape)
    return nodes, tuple(outputs[index] for index in raw.outputs)
