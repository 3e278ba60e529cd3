# SPDX-License-Identifier: Apache-2.0
"""Converts a float ONNX model to int8 QDQ with onnxruntime's static quantizer, in its own process.

`python -m mcuforge.compiler.builders.onnx_quantizer MODEL OPTIONS` is that process.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from onnx import TensorProto

from mcuforge.compiler.frontends.onnx.file import OnnxFile
from mcuforge.compiler.judges.child import Child, ChildFailed, patience, serve
from mcuforge.compiler.judges.onnx import peer_name, run_onnxruntime
from mcuforge.compiler.tensors import Array
from mcuforge.errors import CompileError, Refusal

ASYMMETRIC, PER_TENSOR = "asymmetric", "per-tensor"
TAKE_INFINITY = ("Clip", "Max", "Min", "Pad")  # as a bound without effect, or a pool's padding
SLOW_MACS = 1_000_000_000  # the size assumed of a model when the time limit is set


@dataclass(frozen=True)
class Options:
    """How to quantize.

    asymmetric: activations may have any zero point; else all are 0. per_channel: one scale per
    output channel of the weights; else one per tensor.
    """

    asymmetric: bool = False
    per_channel: bool = True


@dataclass(frozen=True, eq=False)
class Quantized:
    """The int8 file, and the first output of both models for every sample, samples first."""

    file: bytes
    float_answers: Array
    int8_answers: Array


def quantize_model(
    model: Path, inputs: Sequence[Array], calibrate: Sequence[int], options: Options
) -> Quantized:
    """Quantize a float model with ranges from the samples `calibrate`, then run both models.

    inputs: float32 arrays (samples, *the file's shape with batch 1). An open batch becomes 1.
    Raises CompileError when onnxruntime is missing, refuses the model, or dies.
    """
    name = peer_name()
    if name is None:
        raise CompileError(
            "onnxruntime is not installed, expected it for its quantizer",
            str(model),
            "pip install onnxruntime",
        )
    words = [ASYMMETRIC] * options.asymmetric + [PER_TENSOR] * (not options.per_channel)
    with Child(
        "mcuforge.compiler.builders.onnx_quantizer",
        (str(model), *words),
        [np.asarray(calibrate, np.int64), *inputs],
    ) as child:
        try:
            content, real, int8 = child.answer(patience(SLOW_MACS, 3 * len(inputs[0])))
        except ChildFailed as failed:
            raise CompileError(
                f"{name}'s quantizer {failed}",
                str(model),
                "check that the float model runs in onnxruntime by itself",
            ) from None
    return Quantized(content.tobytes(), real, int8)


def check_constants(file: OnnxFile) -> None:
    """Refuse constants that are not finite, or whose data file is missing. Raises Refusal."""
    values = {
        name: file.constant(name)
        for name, stored in file.initializers.items()
        if stored.data_type == TensorProto.FLOAT
    }
    for node in file.nodes:
        value = node.attributes.get("value") if node.op == "Constant" and node.outputs else None
        if isinstance(value, np.ndarray) and value.dtype == np.float32:
            values[node.outputs[0]] = value
    unsound = {name for name, value in values.items() if not np.isfinite(value).all()}
    for node in file.nodes:
        for name in unsound.intersection(node.inputs):
            if np.isnan(values[name]).any():
                raise Refusal(
                    f"constant '{name}', which {node.origin} reads, holds NaN, expected numbers",
                    "export the model again from a training that did not diverge",
                )
            if node.op not in TAKE_INFINITY:
                raise Refusal(
                    f"constant '{name}', which {node.origin} reads, holds infinity, "
                    "which int8 cannot hold; expected finite values",
                    "export masks with -16 for -inf: exp(-16) is 1e-7, and scores keep their steps",
                )


def compute(words: Sequence[str], arrays: list[Array]) -> list[Array]:
    """Compute the int8 file's bytes, uint8 [n], and both models' first output for every sample.

    Outputs have the shape (samples, *the file's) and the file's dtype, usually float32.
    """
    import onnx

    from mcuforge.compiler.builders.static_quantizer import quantize_file

    model_file, *options = words
    calibrate, *inputs = arrays
    model = onnx.load(model_file)
    fix_batch(model)
    constants = {constant.name for constant in model.graph.initializer}
    names = [x.name for x in model.graph.input if x.name not in constants]
    folder = Path(tempfile.gettempdir())  # our own: the parent made it and removes it
    source, result = folder / "float.onnx", folder / "int8.onnx"
    onnx.save(model, source)
    samples = zip(*(x[calibrate] for x in inputs), strict=True)
    quantize_file(
        source,
        result,
        [dict(zip(names, sample, strict=True)) for sample in samples],
        per_channel=PER_TENSOR not in options,
        symmetric=ASYMMETRIC not in options,
    )
    int8 = result.read_bytes()
    real = run_onnxruntime(source.read_bytes(), inputs)[0]
    return [np.frombuffer(int8, np.uint8), real, run_onnxruntime(int8, inputs)[0]]


def fix_batch(model: object) -> None:
    """Give the open first dimension of an onnx.ModelProto's inputs the size 1, wherever it is used.

    Exporters compute some values from shapes at run time; with fixed shapes these are constants.
    """
    import onnx

    assert isinstance(model, onnx.ModelProto)
    open_names = {
        dim.dim_param
        for value in model.graph.input
        for dim in value.type.tensor_type.shape.dim[:1]
        if not dim.HasField("dim_value")
    }
    for value in (*model.graph.input, *model.graph.output):
        for place, dim in enumerate(value.type.tensor_type.shape.dim):
            named = bool(dim.dim_param) and dim.dim_param in open_names
            if not dim.HasField("dim_value") and (place == 0 or named):
                dim.dim_value = 1
    del model.graph.value_info[:]  # they name the open batch; onnx infers them again


if __name__ == "__main__":
    serve(compute)
