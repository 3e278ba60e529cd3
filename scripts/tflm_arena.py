# SPDX-License-Identifier: Apache-2.0
"""The RAM that TFLite Micro takes for a network of ours, as its own interpreter reports it.

    pip install tflite-micro        # its Python package, which is not among mcuforge's extras
    python -m scripts.tflm_arena MODEL.onnx|MODEL.tflite ...

An int8 ONNX file of convolutions, additions, means and a classifier is written as the same network
in TFLite's format. The package runs on this machine, so tensors are as on a microcontroller and
the interpreter's structures, with pointers of 64 bits, are larger: both are printed.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from subprocess import run
from sys import executable

import numpy as np

from mcuforge.compiler.frontends import read_model
from mcuforge.compiler.graph import Graph, Node
from mcuforge.compiler.ops.add import Add
from mcuforge.compiler.ops.common.window import resolve_padding
from mcuforge.compiler.ops.conv2d import Conv2D
from mcuforge.compiler.ops.convolution import ConvolutionOp
from mcuforge.compiler.ops.depthwise_conv2d import DepthwiseConv2D
from mcuforge.compiler.ops.fully_connected import FullyConnected
from mcuforge.compiler.ops.mean import Mean
from mcuforge.compiler.ops.reshape import Reshape
from mcuforge.compiler.tensors import DType, Tensor
from mcuforge.errors import CompileError

ARENA = 4 << 20
ASK = """
import sys
from tflite_micro.python.tflite_micro import runtime
data = open(sys.argv[1], "rb").read()
config = runtime.InterpreterConfig.kAllocationRecording
runtime.Interpreter.from_bytes(data, arena_size=%d, intrepreter_config=config).print_allocations()
"""
TYPES = {DType.INT8: "INT8", DType.INT32: "INT32"}


class Writer:
    """Writes a graph as a TFLite file."""

    def __init__(self, graph: Graph) -> None:
        from tflite_micro.tensorflow.lite.micro.python import schema_py_generated as schema

        self._schema = schema
        self._graph = graph
        self._tensors: dict[str, int] = {}
        self._sub = schema.SubGraphT()
        self._model = schema.ModelT()

    def content(self) -> bytes:
        """The file's bytes; raises CompileError for operators that it has no words for."""
        import flatbuffers

        schema, model, sub = self._schema, self._model, self._sub
        model.version, model.operatorCodes, model.buffers = 3, [], [schema.BufferT()]
        model.buffers[0].data = []
        sub.tensors, sub.operators, model.subgraphs = [], [], [sub]
        sub.inputs = [self._tensor(tensor) for tensor in self._graph.inputs]
        for node in self._graph.nodes:
            self._operator(node)
        sub.outputs = [self._tensor(tensor) for tensor in self._graph.outputs]
        builder = flatbuffers.Builder(1 << 20)
        builder.Finish(model.Pack(builder), b"TFL3")
        return bytes(builder.Output())

    def _tensor(self, tensor: Tensor) -> int:
        """The tensor's number; it is entered when it is first asked for."""
        if tensor.name not in self._tensors:
            made = self._schema.TensorT()
            made.name, made.shape = tensor.name, list(tensor.shape)
            made.type = getattr(self._schema.TensorType, TYPES[tensor.dtype])
            made.buffer = 0 if tensor.data is None else self._buffer(tensor.data.tobytes())
            if tensor.quant is not None:
                made.quantization = self._schema.QuantizationParametersT()
                made.quantization.scale = list(tensor.quant.scale)
                made.quantization.zeroPoint = [tensor.quant.zero_point] * len(tensor.quant.scale)
                made.quantization.quantizedDimension = tensor.quant.axis or 0
            self._tensors[tensor.name] = len(self._sub.tensors)
            self._sub.tensors.append(made)
        return self._tensors[tensor.name]

    def _buffer(self, content: bytes) -> int:
        made = self._schema.BufferT()
        made.data = np.frombuffer(content, np.uint8)
        self._model.buffers.append(made)
        return len(self._model.buffers) - 1

    def _constant(self, name: str, values: tuple[int, ...]) -> int:
        array = np.array(values, np.int32)
        return self._tensor(Tensor(name, array.shape, DType.INT32, data=array))

    def _operator(self, node: Node) -> None:
        kinds: Mapping[type, Callable[[Node], tuple[str, object, list[int]]]] = {
            Conv2D: self._convolution,
            DepthwiseConv2D: self._convolution,
            Add: self._activated,
            Mean: self._mean,
            FullyConnected: self._activated,
            Reshape: self._reshape,
        }
        if type(node.op) not in kinds:
            raise CompileError(
                f"{node.op.kind}, expected operators of a CNN",
                f"{self._graph.name}: {node.name}",
                "TFLite Micro cannot be asked about this network",
            )
        name, options, extra = kinds[type(node.op)](node)
        made = self._schema.OperatorT()
        made.opcodeIndex = self._code(name)
        made.inputs = [*(self._tensor(tensor) for tensor in node.inputs), *extra]
        made.outputs = [self._tensor(node.output)]
        kind = type(options).__name__.removesuffix("T")
        made.builtinOptionsType = getattr(self._schema.BuiltinOptions, kind)
        made.builtinOptions = options
        self._sub.operators.append(made)

    def _code(self, name: str) -> int:
        """The operator code's number; one for each, or one more for each operator: no matter."""
        code = self._schema.OperatorCodeT()
        number = getattr(self._schema.BuiltinOperator, name)
        code.builtinCode, code.deprecatedBuiltinCode, code.version = number, min(number, 127), 1
        self._model.operatorCodes.append(code)
        return len(self._model.operatorCodes) - 1

    def _activation(self, act: str) -> int:
        return int(getattr(self._schema.ActivationFunctionType, act.upper()))

    def _convolution(self, node: Node) -> tuple[str, object, list[int]]:
        op = node.op
        assert isinstance(op, ConvolutionOp)
        x, weights = node.inputs[:2]
        same = resolve_padding(
            "same",
            (x.shape[1], x.shape[2]),
            (weights.shape[1], weights.shape[2]),
            op.stride,
            op.dilation,
        )
        depthwise = isinstance(op, DepthwiseConv2D)
        schema = self._schema
        options = schema.DepthwiseConv2DOptionsT() if depthwise else schema.Conv2DOptionsT()
        options.padding = schema.Padding.SAME if op.pad == same else schema.Padding.VALID
        options.strideH, options.strideW = op.stride
        options.dilationHFactor, options.dilationWFactor = op.dilation
        options.fusedActivationFunction = self._activation(op.act)
        if depthwise:
            options.depthMultiplier = node.output.shape[3] // x.shape[3]
        return "DEPTHWISE_CONV_2D" if depthwise else "CONV_2D", options, []

    def _activated(self, node: Node) -> tuple[str, object, list[int]]:
        """An addition or a classifier: nothing but an activation is to be said of either."""
        assert isinstance(node.op, Add | FullyConnected)
        is_add, schema = isinstance(node.op, Add), self._schema
        options = schema.AddOptionsT() if is_add else schema.FullyConnectedOptionsT()
        options.fusedActivationFunction = self._activation(node.op.act)
        return "ADD" if is_add else "FULLY_CONNECTED", options, []

    def _mean(self, node: Node) -> tuple[str, object, list[int]]:
        assert isinstance(node.op, Mean)
        options = self._schema.ReducerOptionsT()
        options.keepDims = len(node.output.shape) == len(node.inputs[0].shape)
        return "MEAN", options, [self._constant(f"{node.name} axes", tuple(node.op.axes))]

    def _reshape(self, node: Node) -> tuple[str, object, list[int]]:
        shape = self._constant(f"{node.name} shape", node.output.shape)
        return "RESHAPE", self._schema.ReshapeOptionsT(), [shape]


def allocations(file: Path) -> tuple[int, int]:
    """Bytes of tensors with scratch buffers, and of all that TFLite Micro allocates."""
    command = [executable, "-c", ASK % ARENA, str(file)]
    said = run(command, capture_output=True, text=True, check=True)
    text = said.stdout + said.stderr
    found = [re.search(rf"Arena allocation {part} (\d+) bytes", text) for part in ("head", "total")]
    tensors, total = (int(match[1]) for match in found if match is not None)
    return tensors, total


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="+", type=Path)
    print("| model | file | tensors and scratch | all, 64-bit |")
    print("|---|---|---|---|")
    for model in parser.parse_args().models:
        file = model
        if model.suffix == ".onnx":
            file = model.with_suffix(".tflm.tflite")
            file.write_bytes(Writer(read_model(model)).content())
        tensors, total = allocations(file)
        print(f"| {model.name} | {file.stat().st_size:,} | {tensors:,} | {total:,} |")


if __name__ == "__main__":
    main()
