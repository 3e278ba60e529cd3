# SPDX-License-Identifier: Apache-2.0
"""A copy of a TFLite file for the reference interpreter: its linear layers give plain rows.

The reference kernel of tflite-runtime 2.14 takes the dimensions of a per-channel FULLY_CONNECTED's
output for (vectors, features), whatever comes in front of them. With `keep_num_dims` cleared the
output of [1, tokens, features] is [tokens, features], which the kernel fills, and no value is
another one: as long as every operator that meets such an output works on elements or on the last
dimension, until a RESHAPE or a sum with a tensor of all dimensions brings back the others.
"""

from __future__ import annotations

from math import prod

from mcuforge.compiler.frontends.flatbuffer import FileBytes, Malformed
from mcuforge.compiler.frontends.tflite_file import RawModel, RawOperator, parse

KEEP_NUM_DIMS = 2  # slot of FullyConnectedOptions
ON_ELEMENTS = frozenset(
    (
        "GELU", "HARD_SWISH", "LEAKY_RELU", "LOGISTIC", "QUANTIZE", "RELU", "RELU6",
        "RELU_N1_TO_1", "SOFTMAX", "TANH",
    )
)  # fmt: skip
BROADCASTING = frozenset(("ADD", "MUL", "SUB"))
ROW_RANK = 2


def with_linear_rows(data: bytes) -> bytes | None:
    """The copy; None where an operator would see that leading dimensions of 1 are gone."""
    try:
        model = parse(FileBytes(data))
        places = _places(model)
    except Malformed:
        return None
    if places is None:
        return None
    copy = bytearray(data)
    for place in places:
        copy[place] = 0
    return bytes(copy)


def _places(model: RawModel) -> list[int] | None:
    """Where the flags stand that are to be cleared."""
    places: list[int] = []
    rows: set[int] = set()  # tensors that lose their leading dimensions
    for operator in model.operators:
        flag = _flag(operator)
        if flag is not None:
            (output,) = operator.outputs
            if prod(model.tensors[output].shape[:-ROW_RANK]) != 1:
                return None
            places.append(flag)
            rows.add(output)
        elif any(i in rows for i in operator.inputs):
            if operator.name in ("FULLY_CONNECTED", "RESHAPE"):
                continue  # their outputs' shapes do not come from the input's
            if operator.name not in ON_ELEMENTS | BROADCASTING:
                return None
            ranks = [
                ROW_RANK if i in rows else len(model.tensors[i].shape) for i in operator.inputs
            ]
            if max(ranks) == ROW_RANK:
                rows.update(operator.outputs)
    return None if rows.intersection(model.outputs) else places


def _flag(operator: RawOperator) -> int | None:
    """Where a linear layer's set `keep_num_dims` stands."""
    if operator.name != "FULLY_CONNECTED" or operator.options is None:
        return None
    is_set = operator.options.integer(KEEP_NUM_DIMS, "u8") != 0
    return operator.options.place(KEEP_NUM_DIMS) if is_set and len(operator.outputs) == 1 else None
