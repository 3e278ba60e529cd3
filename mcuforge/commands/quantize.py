# SPDX-License-Identifier: Apache-2.0
"""A float ONNX model to the int8 file that mcuforge compiles, with what that costs in accuracy."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import numpy as np

import mcuforge
from mcuforge.compiler.builders.onnx_quantizer import Options, check_constants, quantize_model
from mcuforge.compiler.frontends import read_model
from mcuforge.compiler.frontends.detect import describe, is_onnx, read_file
from mcuforge.compiler.frontends.onnx.file import OnnxFile, OnnxPort, parse
from mcuforge.compiler.ir import Array, DType, Graph, Tensor
from mcuforge.errors import CompileError, Refusal
from mcuforge.flow.data import Samples, load_samples
from mcuforge.flow.verdict import classes
from mcuforge.report.files import refuse_unwritable, write_whole
from mcuforge.report.progress import Stages

CALIBRATION_SAMPLES = 200
QUANTISED_OPS = ("QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear")
QUANTISED_PREFIXES = ("QLinear", "ConvInteger", "MatMulInteger")
HALF_PRECISION = ("float16", "bfloat16", "BFLOAT16")
SUFFIX = "_int8.onnx"


@dataclass(frozen=True)
class Request:
    """The arguments of `mcuforge quantize`."""

    model: Path
    data: Path
    out: Path | None = None
    samples: int | None = None
    options: Options = field(default_factory=Options)


@dataclass(frozen=True)
class FileFacts:
    """A model file."""

    name: str
    sha256: str
    bytes: int


@dataclass(frozen=True)
class Calibration:
    """Where the activations' ranges come from, and how weights and activations are scaled."""

    data: str
    samples: int
    asymmetric: bool
    per_channel: bool


@dataclass(frozen=True)
class Answers:
    """Float beside int8, both by onnxruntime, over all samples; None without labels or classes."""

    samples: int
    float_accuracy: float | None
    int8_accuracy: float | None
    accuracy_drop: float | None
    top1_agreement: float | None


@dataclass(frozen=True)
class QuantizeReport:
    """What `quantize` wrote and found. `verdict`: whether mcuforge reads the file."""

    mcuforge: str
    model: FileFacts
    output: FileFacts
    calibration: Calibration
    answers: Answers
    verdict: Literal["pass", "fail"]
    reasons: tuple[str, ...]


def quantize(request: Request, stages: Stages) -> QuantizeReport:
    """Quantise, compare with the float model, write the file whole, see whether we read it.

    Raises CompileError for files that are no float ONNX model, data that does not fit it, and
    what onnxruntime refuses; nothing is written then.
    """
    out = request.out or request.model.with_name(request.model.stem + SUFFIX)
    if out.resolve() == request.model.resolve():
        raise CompileError(
            "the output is the model itself, wanted another file", str(out), "name it with --out"
        )
    refuse_unwritable(out)
    content = read_file(request.model)
    file = read_float(content, request.model)
    samples = load_samples(as_graph(file, request.model), request.data)
    calibrate = spread(samples.count, request.samples or CALIBRATION_SAMPLES)
    with stages.stage("quantising, then running both models"):
        found = quantize_model(request.model, samples.inputs, calibrate, request.options)
    with TemporaryDirectory(prefix="mcuforge-quantize-") as folder:
        fresh = Path(folder) / out.name
        fresh.write_bytes(found.file)
        refused = refusal_of(fresh)
    write_whole(out, found.file)
    options = request.options
    return QuantizeReport(
        mcuforge=mcuforge.__version__,
        model=facts(request.model, content),
        output=facts(out, found.file),
        calibration=Calibration(
            samples.origin, len(calibrate), options.asymmetric, options.per_channel
        ),
        answers=compare(found.float_answers, found.int8_answers, samples),
        verdict="fail" if refused else "pass",
        reasons=refused,
    )


def read_float(content: bytes, path: Path) -> OnnxFile:
    """The graph of a float ONNX model with float32 inputs of batch 1 or an open one."""
    if not is_onnx(content) and path.suffix != ".onnx":
        raise CompileError(
            "this is no ONNX model, wanted a float one",
            str(path),
            "TFLite models: quantise with tf.lite.TFLiteConverter (full integer)",
        )
    if not content or not is_onnx(content):
        kind, hint = describe(content)
        if not content or kind not in ("an ONNX model", "no model file we know"):
            raise CompileError(f"this is {kind}, wanted a float ONNX model", str(path), hint)
    try:
        file = parse(content, path.parent)
        if not file.inputs or not file.outputs:
            side = "outputs" if file.inputs else "inputs"
            raise Refusal(f"the model has no {side}", "export it again")
        for node in file.nodes:
            if node.op in QUANTISED_OPS or node.op.startswith(QUANTISED_PREFIXES):
                raise Refusal(
                    f"the model is quantised already ({node.origin}), wanted a float one",
                    f"mcuforge deploy {path.name} --board ID; or quantise the float model",
                )
        for port in file.inputs:
            check_input(port)
        check_constants(file)
    except Refusal as problem:
        raise CompileError(problem.what, str(path), problem.hint) from None
    return file


def check_input(port: OnnxPort) -> None:
    """Refuse inputs that calibration data cannot be for."""
    if port.type_name != "float32":
        raise Refusal(
            f"input '{port.name}' is {port.type_name}, wanted float32",
            "export the model in float32, before it is turned to half precision"
            if port.type_name in HALF_PRECISION
            else "leave what is no float32 (token numbers, casts) out of the model",
        )
    shape = port.shape or ()
    dims = ["?" if d is None else str(d) for d in shape]
    if not shape or any(d is None or d < 1 for d in shape[1:]):
        raise Refusal(
            f"input '{port.name}' has shape [{', '.join(dims)}], wanted all but the batch fixed",
            "export with fixed sizes: only dimension 0 may be dynamic",
        )
    if shape[0] not in (None, 1):
        raise Refusal(
            f"input '{port.name}' has batch {shape[0]}, wanted 1 or an open one",
            "export with a batch of 1",
        )


def as_graph(file: OnnxFile, path: Path) -> Graph:
    """The model's ends alone, as data files are read for: float32, batch 1."""

    def tensor(port: OnnxPort) -> Tensor:
        shape = [1 if d is None else d for d in port.shape or ()]
        return Tensor(port.name, tuple(shape), DType.FLOAT32)

    inputs, outputs = tuple(map(tensor, file.inputs)), tuple(map(tensor, file.outputs))
    return Graph(path.stem, inputs, outputs, (), path.name, "onnx")


def spread(count: int, wanted: int) -> tuple[int, ...]:
    """`wanted` of `count` samples, evenly over all: data files are often sorted by class."""
    taken = np.linspace(0, count - 1, min(count, wanted)).round().astype(int)
    return tuple(int(i) for i in taken)


def refusal_of(path: Path) -> tuple[str, ...]:
    """Why mcuforge does not read a model, as three lines; nothing where it does."""
    try:
        read_model(path)
    except CompileError as error:
        return (error.what, f"where: {error.where}", f"try: {error.hint}")
    return ()


def compare(real: Array, int8: Array, samples: Samples) -> Answers:
    """Accuracy of both and how often they agree; real, int8: (samples, ...) of the first output."""
    if real.reshape(samples.count, -1).shape[1] < 2:
        return Answers(samples.count, None, None, None, None)
    before, after = classes(real), classes(int8)
    agreement = float((before == after).mean())
    if samples.labels is None:
        return Answers(samples.count, None, None, None, agreement)
    accuracy = float((before == samples.labels).mean()), float((after == samples.labels).mean())
    drop = round(accuracy[0] - accuracy[1], 6)
    return Answers(samples.count, accuracy[0], accuracy[1], drop, agreement)


def facts(path: Path, content: bytes) -> FileFacts:
    """The report's words on a file."""
    return FileFacts(path.name, hashlib.sha256(content).hexdigest(), len(content))
