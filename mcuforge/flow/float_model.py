# SPDX-License-Identifier: Apache-2.0
"""Reads a float ONNX model for quantization, and compares it with the int8 model made of it."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

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
MOST_ERROR = 0.5  # relative, of outputs that are not classes
LONG = 8  # a dimension along which neighbours are compared
LEAST_CORRELATION = 0.1  # of neighbours in an image; in noise they have none
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
    """Compute the accuracy of both models, how often they agree, and how far they are apart.

    real, int8: the first output of each, (samples, ...). Without labels, classes are seen in an
    output of one dimension that is not as long as the input: such are those of autoencoders.
    """
    flat, other = (x.reshape(samples.count, -1).astype(np.float64) for x in (real, int8))
    error = _relative_error(flat, other)
    lengths = {x[0].size for x in samples.inputs}
    one_row = sum(n != 1 for n in real.shape[1:]) == 1 and flat.shape[1] not in lengths
    if flat.shape[1] < 2 or not (one_row or samples.labels is not None):
        return Answers(samples.count, None, None, None, None, error)
    before, after = classes(real), classes(int8)
    agreement = float((before == after).mean())
    if samples.labels is None:
        return Answers(samples.count, None, None, None, agreement, error)
    accuracy = float((before == samples.labels).mean()), float((after == samples.labels).mean())
    drop = round(accuracy[0] - accuracy[1], 6)
    return Answers(samples.count, accuracy[0], accuracy[1], drop, agreement, error)


def _relative_error(real: NDArray[np.float64], int8: NDArray[np.float64]) -> float | None:
    """The root mean square of the difference as a share of how much samples differ."""
    spread = float(np.sqrt(np.mean((real - real.mean(axis=0)) ** 2)))
    error = float(np.sqrt(np.mean((real - int8) ** 2))) / spread if spread > 0 else np.inf
    return round(error, 6) if np.isfinite(error) else None


def answer_reasons(answers: Answers, least: float, data: str, *, is_random: bool) -> list[str]:
    """List why the int8 answers are too far from the float ones; empty where they are not.

    least: share of samples in which both must name the same class. data: the data file's name;
    is_random: its values look random.
    """
    if answers.top1_agreement is not None:
        if answers.top1_agreement >= least:
            return []
        what = (
            f"int8 names the class of the float model in {100 * answers.top1_agreement:.2f} % of "
            f"{answers.samples:,} samples, expected at least {100 * least:g} %"
        )
    else:
        if answers.relative_error is None or answers.relative_error <= MOST_ERROR:
            return []
        what = (
            f"int8 answers are off by {100 * answers.relative_error:.0f} % of the float answers' "
            f"spread, expected at most {100 * MOST_ERROR:g} %"
        )
    hint = "--asymmetric, or more and other samples to calibrate on; --min-agreement takes less"
    if is_random:
        hint = (
            f"give real samples: {data} looks random, and classes of noise are a matter of chance"
        )
    return [what, f"where: {data}", f"try: {hint}"]


def looks_random(inputs: Sequence[Array]) -> bool:
    """Whether images, spectrograms and the like hold noise: no value tells of its neighbours.

    inputs: arrays (samples, ...). Those without two long dimensions are not judged: the values of a
    table may well have nothing to do with each other.
    """
    judged = []
    for x in inputs:
        axes = [axis for axis, n in enumerate(x.shape) if axis > 0 and n >= LONG]
        if len(axes) >= 2:
            judged.append(all(_correlation(x, axis) < LEAST_CORRELATION for axis in axes))
    return bool(judged) and all(judged)


def _correlation(x: Array, axis: int) -> float:
    """How much neighbours along an axis have in common: from 0 to 1; constant ones have all."""
    last = x.shape[axis] - 1
    here, there = (np.take(x, range(i, i + last), axis).astype(np.float64) for i in (0, 1))
    here, there = here - here.mean(), there - there.mean()
    power = float(np.sqrt(np.mean(here**2) * np.mean(there**2)))
    return abs(float(np.mean(here * there))) / power if power > 0 else 1.0


def file_facts(path: Path, content: bytes, file: OnnxFile | None = None) -> FileFacts:
    """Make the record of a model file that holds `content`; `file`: the same, parsed."""
    beside = () if file is None else file.data_files
    size = len(content) + sum(other.stat().st_size for other in beside)
    names = tuple(other.name for other in beside)
    return FileFacts(path.name, hashlib.sha256(content).hexdigest(), size, names)
