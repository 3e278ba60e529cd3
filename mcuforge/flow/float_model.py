# SPDX-License-Identifier: Apache-2.0
"""Reads a float ONNX model for quantization, and compares it with the int8 model made of it."""

import hashlib
from pathlib import Path

import numpy as np

from mcuforge.compiler.builders.onnx_quantizer import check_constants
from mcuforge.compiler.frontends import read_model
from mcuforge.compiler.frontends.detect import UNKNOWN, describe, is_onnx
from mcuforge.compiler.frontends.onnx.file import OnnxFile, OnnxPort, parse
from mcuforge.compiler.graph import Graph
from mcuforge.compiler.tensors import Array, DType, Tensor
from mcuforge.errors import CompileError, Refusal
from mcuforge.flow.data import Samples
from mcuforge.flow.verdict import classes
from mcuforge.report.model import Answers, FileFacts

QUANTIZED_OPS = ("QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear")
QUANTIZED_PREFIXES = ("QLinear", "ConvInteger", "MatMulInteger")
HALF_PRECISION = ("float16", "bfloat16", "BFLOAT16")


def read_float(content: bytes, path: Path) -> OnnxFile:
    """Read a float ONNX model whose inputs are float32, of batch 1 or a dynamic batch.

    content: bytes of the file. path: where it lies, for errors and external data. Raises
    CompileError for every other file.
    """
    if not is_onnx(content) and path.suffix != ".onnx":
        raise CompileError(
            "this is not an ONNX model, expected a float ONNX model",
            str(path),
            "TFLite models: quantize with tf.lite.TFLiteConverter (full integer)",
        )
    if not content or not is_onnx(content):
        kind, hint = describe(content)
        if not content or kind not in ("an ONNX model", UNKNOWN):
            raise CompileError(f"this is {kind}, expected a float ONNX model", str(path), hint)
    try:
        file = parse(content, path.parent)
        if not file.inputs or not file.outputs:
            side = "outputs" if file.inputs else "inputs"
            raise Refusal(f"the model has no {side}", "export it again")
        for node in file.nodes:
            if node.op in QUANTIZED_OPS or node.op.startswith(QUANTIZED_PREFIXES):
                raise Refusal(
                    f"the model is quantized already ({node.origin}), expected a float model",
                    f"mcuforge deploy {path.name} --board ID; or quantize the float model",
                )
        for port in file.inputs:
            _check_input(port)
        check_constants(file)
    except Refusal as problem:
        raise CompileError(problem.what, str(path), problem.hint) from None
    return file


def _check_input(port: OnnxPort) -> None:
    """Refuse an input that calibration data cannot feed."""
    if port.type_name != "float32":
        raise Refusal(
            f"input '{port.name}' is {port.type_name}, expected float32",
            "export the model in float32, before it is turned to half precision"
            if port.type_name in HALF_PRECISION
            else "leave operators that do not take float32 (token numbers, casts) out of the model",
        )
    shape = port.shape or ()
    dims = ["?" if d is None else str(d) for d in shape]
    if not shape or any(d is None or d < 1 for d in shape[1:]):
        raise Refusal(
            f"input '{port.name}' has shape [{', '.join(dims)}], "
            "expected fixed sizes after the batch",
            "export with fixed sizes: only dimension 0 may be dynamic",
        )
    if shape[0] not in (None, 1):
        raise Refusal(
            f"input '{port.name}' has batch {shape[0]}, expected 1 or a dynamic one",
            "export with a batch of 1",
        )


def as_graph(file: OnnxFile, path: Path) -> Graph:
    """Make a graph of only the model's inputs and outputs (float32, batch 1), to load data for."""

    def tensor(port: OnnxPort) -> Tensor:
        shape = [1 if d is None else d for d in port.shape or ()]
        return Tensor(port.name, tuple(shape), DType.FLOAT32)

    inputs, outputs = tuple(map(tensor, file.inputs)), tuple(map(tensor, file.outputs))
    return Graph(path.stem, inputs, outputs, (), path.name, "onnx")


def spread(count: int, wanted: int) -> tuple[int, ...]:
    """Choose `wanted` of `count` samples, spread evenly: data files are often sorted by class.

    Returns their indices: all of them if `count` is less than `wanted`.
    """
    taken = np.linspace(0, count - 1, min(count, wanted)).round().astype(int)
    return tuple(int(i) for i in taken)


def refusal_of(path: Path) -> tuple[str, ...]:
    """Say in three lines why mcuforge does not read a model; empty when it does."""
    try:
        read_model(path)
    except CompileError as error:
        return (error.what, f"where: {error.where}", f"try: {error.hint}")
    return ()


def compare_answers(real: Array, int8: Array, samples: Samples) -> Answers:
    """Compute the accuracy of both models and how often they agree.

    real, int8: the first output of each, (samples, ...).
    """
    if real.reshape(samples.count, -1).shape[1] < 2:
        return Answers(samples.count, None, None, None, None)
    before, after = classes(real), classes(int8)
    agreement = float((before == after).mean())
    if samples.labels is None:
        return Answers(samples.count, None, None, None, agreement)
    accuracy = float((before == samples.labels).mean()), float((after == samples.labels).mean())
    drop = round(accuracy[0] - accuracy[1], 6)
    return Answers(samples.count, accuracy[0], accuracy[1], drop, agreement)


def file_facts(path: Path, content: bytes) -> FileFacts:
    """Make the record of a model file that holds `content`."""
    return FileFacts(path.name, hashlib.sha256(content).hexdigest(), len(content))
