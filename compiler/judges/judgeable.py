# SPDX-License-Identifier: Apache-2.0
"""Changes a user's TFLite file so that tflite-runtime 2.14's reference kernels run it correctly.

They write only a part of the output of a per-channel FULLY_CONNECTED with more than two dimensions
(with one dimension they crash), and they do not run a CONV_2D without bias. Their arithmetic is
right, so the interpreter gets a copy that asks for the same numbers in another way. Such a
FULLY_CONNECTED writes rows (keep_num_dims off), and a RESHAPE restores the dimensions. Such a
CONV_2D adds a bias of zeros. Nor do they load constants whose scales lie along an axis that the
tensor does not have: the copy says which one is meant. Every tensor keeps its number, shape and
values.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod
from types import MappingProxyType

from tflite.BuiltinOperator import BuiltinOperator
from tflite.BuiltinOptions import BuiltinOptions
from tflite.TensorType import TensorType

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
from mcuforge.compiler.frontends.tflite.reader import TfliteReading
from mcuforge.compiler.frontends.tflite.tensors import sound_quantization
from mcuforge.compiler.judges.flatbuffer_front import Front

LARGEST = 1 << 31  # elements of a tensor that TFLite can count
LARGEST_SCALE = 2.0**127  # of a bias: it fits float32
BIAS_BYTES = 4
CHANNELS = MappingProxyType({"CONV_2D": 0, "DEPTHWISE_CONV_2D": 3})  # the axis of the weights


@dataclass(frozen=True)
class Judgeable:
    """A file for the interpreter; `changes` says how it differs from the user's, if it does."""

    model: bytes
    changes: str


def judgeable(data: bytes, signature: str | None = None) -> Judgeable:
    """Return the file, or a copy that the interpreter runs correctly. Raises Malformed.

    signature: whose subgraph the interpreter is to run, where it is not the first.
    """
    model = inferred(parse(FileBytes(data), signature))
    linear = tuple(o for o in model.operators if left_unwritten(model, o))
    without_bias = tuple(o for o in model.operators if lacks_bias(model, o))
    odd = tuple(i for i, t in enumerate(model.tensors) if sound_quantization(t) != t.quantization)
    if not linear and not without_bias and not odd and model.subgraph == 0:
        return Judgeable(data, "")
    copy = _Copy(data, model)
    for operator in linear:
        copy.write_rows(operator)
    for operator in without_bias:
        copy.add_bias(operator)
    for index in odd:
        copy.repair_scales(index)
    words = []
    if model.subgraph != 0:
        words.append(f"signature {model.signature} made the first")
    if odd:
        some = f"{len(odd)} constant{'s' if len(odd) != 1 else ''}"
        words.append(f"the axis and zero points of the scales of {some} repaired")
    if linear:
        words.append(f"keep_num_dims off and a RESHAPE after it: {counted(len(linear))}")
    if without_bias:
        words.append(f"a bias of zeros added: {counted(len(without_bias))}")
    return Judgeable(copy.finish(), "; ".join(words))


def inferred(model: RawModel) -> RawModel:
    """Give computed tensors the shapes that follow from the input, as far as they are known."""
    values = TfliteReading(model, "").values
    if values.batch > 1:  # the interpreter computes the whole batch; its shapes are fixed
        return model
    pairs = zip(model.tensors, values.shapes, strict=True)
    return replace(model, tensors=tuple(replace(tensor, shape=shape) for tensor, shape in pairs))


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


class _Copy:
    """A changed model: new tensors, buffers and operators in front of the file."""

    def __init__(self, data: bytes, model: RawModel) -> None:
        self.model = model
        self.front = Front(FileBytes(data))
        self.file = self.front.file
        self.root = self.file.root()
        self.old_buffers = self.root.places(4, MOST_BUFFERS, "buffers")
        others = list(self.root.places(2, MOST_OPERATORS, "subgraphs"))
        graph = others.pop(model.subgraph)
        self.other_graphs = self._olds(others)
        self.graph = self.file.table(graph)
        self.old_tensors = self.graph.places(0, MOST_TENSORS, "tensors")
        self.old_operators = self.graph.places(3, MOST_OPERATORS, "operators")
        self.codes = self._olds(self.root.places(1, MOST_OPERATORS, "operator codes"))
        self.buffers = self._olds(self.old_buffers)
        self.tensors = self._olds(self.old_tensors)
        self.operators = [[place] for place in self._olds(self.old_operators)]
        self.reshape: int | None = None  # its operator code, once it has one

    def write_rows(self, operator: RawOperator) -> None:
        """Let the operator write (rows, features) and a RESHAPE write its old output."""
        front, index = self.front, operator.outputs[0]
        output = self.model.tensors[index]
        table = self.file.table(self.old_operators[operator.index])
        tensor = self.file.table(self.old_tensors[index])
        shape = (prod(output.shape[:-1]), output.shape[-1])
        rows = self._add_tensor(
            f"{output.name}/rows",
            shape,
            TensorType.INT8,
            tensor.integer(2, "u32"),  # the output's buffer, which is empty
            front.old(tensor, 4),
        )
        assert operator.options is not None
        options = front.table(
            "FullyConnectedOptions",  # without KeepNumDims
            {
                "FusedActivationFunction": operator.options.integer(0, "i8"),
                "WeightsFormat": operator.options.integer(1, "i8"),
                "AsymmetricQuantizeInputs": operator.options.integer(3, "u8") != 0,
            },
        )
        only_rows = front.vector("Operator", "Outputs", (rows,), "Int32")
        linear = self._add_operator(
            table.integer(0, "u32"),
            (front.old(table, 1), only_rows),
            (BuiltinOptions.FullyConnectedOptions, options),
        )
        new_shape = front.vector("ReshapeOptions", "NewShape", output.shape, "Int32")
        back = self._add_operator(
            self._reshape_code(),
            (only_rows, front.old(table, 2)),
            (BuiltinOptions.ReshapeOptions, front.table("ReshapeOptions", {"NewShape": new_shape})),
        )
        self.operators[operator.index] = [linear, back]

    def add_bias(self, operator: RawOperator) -> None:
        """Let the operator read zeros as its third input."""
        front = self.front
        table = self.file.table(self.old_operators[operator.index])
        x, weights = operator.inputs[:2]
        x_quant, quant = (self.model.tensors[i].quantization for i in (x, weights))
        assert x_quant is not None
        assert quant is not None
        channels = self.model.tensors[weights].shape[CHANNELS[operator.name]]
        self.buffers.append(
            front.table("Buffer", {"Data": front.data(bytes(BIAS_BYTES * channels))})
        )
        scales = [x_quant.scale[0] * scale for scale in quant.scale]
        of = "QuantizationParameters"
        quantization = {
            "Scale": front.vector(of, "Scale", scales, "Float32"),
            "ZeroPoint": front.vector(of, "ZeroPoint", [0] * len(scales), "Int64"),
        }
        bias = self._add_tensor(
            f"{self.model.tensors[weights].name}/zeros",
            (channels,),
            TensorType.INT32,
            len(self.buffers) - 1,
            front.table(of, quantization),
        )
        inputs = front.vector("Operator", "Inputs", (x, weights, bias), "Int32")
        self.operators[operator.index] = [
            self._add_operator(
                table.integer(0, "u32"),
                (inputs, front.old(table, 2)),
                (table.integer(3, "u8"), front.old(table, 4)),
            )
        ]

    def repair_scales(self, index: int) -> None:
        """Let a constant's scales lie along the axis they are meant for, with a zero point each."""
        front, tensor = self.front, self.file.table(self.old_tensors[index])
        sound = sound_quantization(self.model.tensors[index])
        assert sound is not None
        of = "QuantizationParameters"
        quantization = {
            "Scale": front.vector(of, "Scale", sound.scale, "Float32"),
            "ZeroPoint": front.vector(of, "ZeroPoint", sound.zero_point, "Int64"),
            "QuantizedDimension": sound.axis,
        }
        fields = {
            "Shape": front.old(tensor, 0),
            "Type": tensor.integer(1, "i8"),
            "Buffer": tensor.integer(2, "u32"),
            "Name": front.old(tensor, 3),
            "Quantization": front.table(of, quantization),
        }
        self.tensors[index] = front.table("Tensor", fields)

    def finish(self) -> bytes:
        """Return the copy's bytes: the new part, then the file."""
        front = self.front
        graph = {
            "Tensors": front.references(self.tensors),
            "Inputs": front.old(self.graph, 1),
            "Outputs": front.old(self.graph, 2),
            "Operators": front.references([at for places in self.operators for at in places]),
            "Name": front.old(self.graph, 4),
        }
        root = {
            "Version": self.root.integer(0, "u32"),
            "OperatorCodes": front.references(self.codes),
            "Subgraphs": front.references([front.table("SubGraph", graph), *self.other_graphs]),
            "Description": front.old(self.root, 3),
            "Buffers": front.references(self.buffers),
            "MetadataBuffer": front.old(self.root, 5),
            "Metadata": front.old(self.root, 6),
            "SignatureDefs": front.old(self.root, 7) if self.model.subgraph == 0 else None,
        }
        return self._moved(front.finish(front.table("Model", root)))

    def _moved(self, written: bytes) -> bytes:
        """Let offsets of constants outside the flatbuffer grow by the bytes in front."""
        data = bytearray(written)
        by = len(data) - self.front.old_bytes
        for at in set(self.old_buffers):
            buffer = self.file.table(at)
            place, offset = buffer.place(1), buffer.integer(1, "u64")
            if place is not None and offset > EMBEDDED:
                struct.pack_into("<Q", data, by + place, offset + by)
        return bytes(data)

    def _olds(self, places: Sequence[int]) -> list[int]:
        return [self.front.at(place) for place in places]

    def _reshape_code(self) -> int:
        if self.reshape is None:
            self.reshape = len(self.codes)
            number = BuiltinOperator.RESHAPE
            fields = {"DeprecatedBuiltinCode": number, "Version": 1, "BuiltinCode": number}
            self.codes.append(self.front.table("OperatorCode", fields))
        return self.reshape

    def _add_tensor(
        self, name: str, shape: tuple[int, ...], kind: int, buffer: int, quantization: int | None
    ) -> int:
        fields = {
            "Shape": self.front.vector("Tensor", "Shape", shape, "Int32"),
            "Type": kind,
            "Buffer": buffer,
            "Name": self.front.text(name),
            "Quantization": quantization,
        }
        self.tensors.append(self.front.table("Tensor", fields))
        return len(self.tensors) - 1

    def _add_operator(
        self, code: int, edges: tuple[int | None, int | None], options: tuple[int, int | None]
    ) -> int:
        fields = {
            "OpcodeIndex": code,
            "Inputs": edges[0],
            "Outputs": edges[1],
            "BuiltinOptionsType": options[0],
            "BuiltinOptions": options[1],
        }
        return self.front.table("Operator", fields)
