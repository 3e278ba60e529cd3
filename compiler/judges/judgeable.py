# SPDX-License-Identifier: Apache-2.0
"""Changes a user's TFLite file so that tflite-runtime 2.14's reference kernels run it correctly.

They write only a part of the output of a per-channel FULLY_CONNECTED with more than two dimensions
(with one dimension they crash), and they do not run a CONV_2D without bias. Their arithmetic is
right, so the interpreter gets a copy that asks for the same numbers in another way. Such a
FULLY_CONNECTED writes rows (keep_num_dims off), and a RESHAPE restores the dimensions. Such a
CONV_2D adds a bias of zeros. Every tensor keeps its number, shape and values.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from math import prod
from types import MappingProxyType

from tflite.BuiltinOperator import BuiltinOperator
from tflite.BuiltinOptions import BuiltinOptions
from tflite.TensorType import TensorType

from mcuforge.compiler.frontends.detect import TFLITE_IDENTIFIER
from mcuforge.compiler.frontends.tflite.file import (
    EMBEDDED,
    MOST_BUFFERS,
    MOST_OPERATORS,
    MOST_TENSORS,
    RawModel,
    RawOperator,
    RawTensor,
    parse,
)
from mcuforge.compiler.frontends.tflite.flatbuffer import FileBytes
from mcuforge.compiler.judges.flatbuffer_front import Field, Front, New, Old, old, olds, present

LARGEST = 1 << 31  # elements of a tensor that TFLite can count
LARGEST_SCALE = 2.0**127  # of a bias: it fits float32
BIAS_BYTES = 4
CHANNELS = MappingProxyType({"CONV_2D": 0, "DEPTHWISE_CONV_2D": 3})  # the axis of the weights


@dataclass(frozen=True)
class Judgeable:
    """A file for the interpreter; `changes` says how it differs from the user's, if it does."""

    model: bytes
    changes: str


def judgeable(data: bytes) -> Judgeable:
    """Return the file, or a copy that the interpreter runs correctly. Raises Malformed."""
    model = parse(FileBytes(data))
    linear = tuple(o for o in model.operators if left_unwritten(model, o))
    without_bias = tuple(o for o in model.operators if lacks_bias(model, o))
    if not linear and not without_bias:
        return Judgeable(data, "")
    copy = _Copy(data, model)
    for operator in linear:
        copy.write_rows(operator)
    for operator in without_bias:
        copy.add_bias(operator)
    words = []
    if linear:
        words.append(f"keep_num_dims off and a RESHAPE after it: {counted(len(linear))}")
    if without_bias:
        words.append(f"a bias of zeros added: {counted(len(without_bias))}")
    return Judgeable(copy.finish(), "; ".join(words))


def counted(operators: int) -> str:
    """Return '1 operator', '36 operators'."""
    return f"{operators} operator{'s' if operators != 1 else ''}"


def left_unwritten(model: RawModel, operator: RawOperator) -> bool:
    """True for a per-channel FULLY_CONNECTED whose output does not have two dimensions."""
    if operator.name != "FULLY_CONNECTED" or operator.options is None:
        return False
    if operator.options_name != "FullyConnectedOptions" or not operator.options.integer(2, "u8"):
        return False
    if len(operator.inputs) not in (2, 3) or len(operator.outputs) != 1:
        return False
    weights = _tensor(model, operator, 1)
    output = model.tensors[operator.outputs[0]]
    if weights is None or len(output.shape) in (0, 2) or not 0 < prod(output.shape) < LARGEST:
        return False
    return _per_channel(weights) and output.type_name == "int8"


def lacks_bias(model: RawModel, operator: RawOperator) -> bool:
    """True for an int8 CONV_2D without a bias, and for a convolution with tensor -1 as its bias."""
    if operator.name not in CHANNELS or operator.inputs[2:] not in ((), (-1,)):
        return False
    if operator.name != "CONV_2D" and len(operator.inputs) == 2:
        return False
    x, weights = _tensor(model, operator, 0), _tensor(model, operator, 1)
    if x is None or weights is None or x.quantization is None or weights.quantization is None:
        return False
    stored = weights.span is not None and weights.span[1] == prod(weights.shape)
    if not stored or len(weights.shape) != 4 or min(weights.shape) <= 0:
        return False
    x_scale, scales = x.quantization.scale, weights.quantization.scale
    scaled = len(x_scale) == 1 and x_scale[0] * max(scales, default=0.0) < LARGEST_SCALE
    return scaled and x.type_name == weights.type_name == "int8"


def _tensor(model: RawModel, operator: RawOperator, place: int) -> RawTensor | None:
    index = operator.inputs[place] if place < len(operator.inputs) else -1
    return model.tensors[index] if index >= 0 else None


def _per_channel(weights: RawTensor) -> bool:
    return weights.quantization is not None and len(weights.quantization.scale) > 1


@dataclass(eq=False)
class _Copy:
    """A changed model: new tensors, buffers and operators in front of the file."""

    data: bytes
    model: RawModel
    front: Front = field(default_factory=Front)

    def __post_init__(self) -> None:
        self.root = FileBytes(self.data).root()
        self.file = self.root.file
        self.old_buffers = self.root.places(4, MOST_BUFFERS, "buffers")
        graphs = self.root.places(2, MOST_OPERATORS, "subgraphs")
        self.other_graphs = olds(self.file, graphs[1:])
        self.graph = self.file.table(graphs[0])
        self.old_tensors = self.graph.places(0, MOST_TENSORS, "tensors")
        self.old_operators = self.graph.places(3, MOST_OPERATORS, "operators")
        codes = self.root.places(1, MOST_OPERATORS, "operator codes")
        self.codes = olds(self.file, codes)
        self.buffers = olds(self.file, self.old_buffers)
        self.tensors = olds(self.file, self.old_tensors)
        self.operators = [[place] for place in olds(self.file, self.old_operators)]
        self.reshape: int | None = None  # its operator code, once it has one

    def write_rows(self, operator: RawOperator) -> None:
        """Let the operator write (rows, features) and a RESHAPE write its old output."""
        index = operator.outputs[0]
        output = self.model.tensors[index]
        table = self.file.table(self.old_operators[operator.index])
        tensor = self.file.table(self.old_tensors[index])
        shape = (prod(output.shape[:-1]), output.shape[-1])
        rows = self._add_tensor(
            {
                0: self.front.numbers("i32", shape),
                1: TensorType.INT8,
                2: tensor.integer(2, "u32"),  # the output's buffer, which is empty
                4: old(tensor, 4),
            },
            f"{output.name}/rows",
        )
        assert operator.options is not None
        options = self.front.table(
            {slot: operator.options.integer(slot, "u8") for slot in (0, 1, 3)}  # 2: off
        )
        linear = self._add_operator(
            table.integer(0, "u32"),
            (old(table, 1), self.front.numbers("i32", (rows,))),
            (BuiltinOptions.FullyConnectedOptions, options),
        )
        new_shape = self.front.table({0: self.front.numbers("i32", output.shape)})
        back = self._add_operator(
            self._reshape_code(),
            (self.front.numbers("i32", (rows,)), old(table, 2)),
            (BuiltinOptions.ReshapeOptions, new_shape),
        )
        self.operators[operator.index] = [linear, back]

    def add_bias(self, operator: RawOperator) -> None:
        """Let the operator read zeros as its third input."""
        table = self.file.table(self.old_operators[operator.index])
        x, weights = operator.inputs[:2]
        x_quant, quant = (self.model.tensors[i].quantization for i in (x, weights))
        assert x_quant is not None
        assert quant is not None
        channels = self.model.tensors[weights].shape[CHANNELS[operator.name]]
        zeros = self.front.blob(bytes(BIAS_BYTES * channels))
        self.buffers.append(self.front.table({0: zeros}))
        scales = [x_quant.scale[0] * scale for scale in quant.scale]
        quantization = self.front.table(
            {
                2: self.front.numbers("f32", scales),
                3: self.front.numbers("i64", [0] * len(scales)),
            }
        )
        bias = self._add_tensor(
            {
                0: self.front.numbers("i32", (channels,)),
                1: TensorType.INT32,
                2: len(self.buffers) - 1,
                4: quantization,
            },
            f"{self.model.tensors[weights].name}/zeros",
        )
        self.operators[operator.index] = [
            self._add_operator(
                table.integer(0, "u32"),
                (self.front.numbers("i32", (x, weights, bias)), old(table, 2)),
                (table.integer(3, "u8"), old(table, 4)),
            )
        ]

    def finish(self) -> bytes:
        """Return the copy's bytes: the new part, then the file."""
        operators = [place for places in self.operators for place in places]
        graph = self.front.table(
            present(
                {
                    0: self.front.tables(self.tensors),
                    1: old(self.graph, 1),
                    2: old(self.graph, 2),
                    3: self.front.tables(operators),
                    4: old(self.graph, 4),
                }
            )
        )
        kept: dict[int, Field | None] = {slot: old(self.root, slot) for slot in (3, 5, 6, 7)}
        changed: dict[int, Field | None] = {
            0: self.root.integer(0, "u32"),
            1: self.front.tables(self.codes),
            2: self.front.tables([graph, *self.other_graphs]),
            4: self.front.tables(self.buffers),
        }
        root = self.front.table(present(kept | changed))
        return self.front.finish(root, TFLITE_IDENTIFIER) + self._moved(self.front.size())

    def _moved(self, by: int) -> bytes:
        """Move the file back: offsets of constants outside the flatbuffer grow by `by` bytes."""
        data = bytearray(self.data)
        for at in set(self.old_buffers):
            buffer = self.file.table(at)
            place, offset = buffer.place(1), buffer.integer(1, "u64")
            if place is not None and offset > EMBEDDED:
                struct.pack_into("<Q", data, place, offset + by)
        return bytes(data)

    def _reshape_code(self) -> int:
        if self.reshape is None:
            self.reshape = len(self.codes)
            number = BuiltinOperator.RESHAPE
            self.codes.append(self.front.table({0: number, 2: 1, 3: number}))
        return self.reshape

    def _add_tensor(self, fields: dict[int, Field | None], name: str) -> int:
        self.tensors.append(self.front.table(present(fields | {3: self.front.text(name)})))
        return len(self.tensors) - 1

    def _add_operator(
        self,
        code: int,
        edges: tuple[Old | New | None, Old | New | None],
        options: tuple[int, Old | New | None],
    ) -> New:
        inputs, outputs = edges
        kind, table = options
        return self.front.table(present({0: code, 1: inputs, 2: outputs, 3: kind, 4: table}))
