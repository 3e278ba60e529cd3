# SPDX-License-Identifier: Apache-2.0
"""Converts a float ONNX model to int8 QDQ with onnxruntime's static quantizer, in its own process.

`quantize_model` starts `python -m mcuforge.compiler.builders.onnx_quantizer` with the model, the
data, the two files to write, and words that stand for the options.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from onnx import TensorProto

from mcuforge.compiler.frontends.onnx.file import OnnxFile
from mcuforge.compiler.ir import Array
from mcuforge.compiler.judges.answers import Child, ChildFailed, patience
from mcuforge.compiler.judges.onnx import peer_name, run_onnxruntime
from mcuforge.errors import CompileError, Refusal

ASYMMETRIC, PER_TENSOR = "asymmetric", "per-tensor"
TAKE_INFINITY = ("Clip", "Max", "Min", "Pad")  # a bound that bounds nothing, a pool's padding
SLOW_MACS = 1_000_000_000  # what a model is taken to have when time-outs are set


@dataclass(frozen=True)
class Options:
    """How to quantize: activations' zero points free or all 0, weights' scales one or many."""

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
    """Quantize a float model, its activations' ranges from the samples `calibrate`; run both.

    inputs: float32 arrays (samples, *the file's shape with batch 1). An open batch becomes 1.
    Raises CompileError when onnxruntime is missing, refuses the model, or dies.
    """
    name = peer_name()
    if name is None:
        raise CompileError(
            "onnxruntime is not installed, wanted for its quantizer",
            str(model),
            "pip install onnxruntime",
        )
    with tempfile.TemporaryDirectory(prefix="mcuforge-quantize-") as temporary:
        folder = Path(temporary)
        data, result, answers = folder / "in.npz", folder / "int8.onnx", folder / "answers.npz"
        arrays = {f"x{i}": x for i, x in enumerate(inputs)}
        np.savez(data, calibrate=np.asarray(calibrate, np.int64), **arrays)
        words = [ASYMMETRIC] * options.asymmetric + [PER_TENSOR] * (not options.per_channel)
        child = Child(
            "mcuforge.compiler.builders.onnx_quantizer",
            (str(model), str(data), str(result), str(answers), *words),
        )
        try:
            child.wait(patience(SLOW_MACS, 3 * len(inputs[0])))
        except ChildFailed as failed:
            raise CompileError(
                f"{name}'s quantizer {failed}",
                str(model),
                "check that the float model runs in onnxruntime by itself",
            ) from None
        finally:
            child.close()
        with np.load(answers) as found:
            return Quantized(result.read_bytes(), found["float"], found["int8"])


def check_constants(file: OnnxFile) -> None:
    """Refuse constants that no scale is for, or whose data outside the file is not there."""
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
                    f"constant '{name}', which {node.origin} reads, holds NaN, wanted numbers",
                    "export the model again from a training that did not diverge",
                )
            if node.op not in TAKE_INFINITY:
                raise Refusal(
                    f"constant '{name}', which {node.origin} reads, holds infinity, "
                    "which int8 has no scale for; wanted finite values",
                    "export masks with -16 for -inf: exp(-16) is 1e-7, and scores keep their steps",
                )


def main(arguments: Sequence[str]) -> None:
    """Read MODEL and DATA.npz, write INT8.onnx and ANSWERS.npz."""
    import logging

    import onnx
    from onnxruntime.quantization import (
        CalibrationDataReader,
        QuantFormat,
        QuantType,
        quantize_static,
    )
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Feeds(CalibrationDataReader):  # type: ignore[misc]
        """The calibration samples, one after the other."""

        def __init__(self, names: Sequence[str], inputs: Sequence[Array]) -> None:
            self._feeds = iter(
                [dict(zip(names, sample, strict=True)) for sample in zip(*inputs, strict=True)]
            )

        def get_next(self) -> dict[str, Array] | None:
            """The next feed; None behind the last, as the interface asks."""
            return next(self._feeds, None)

    logging.disable(logging.WARNING)
    model_file, data_file, result, answers, *words = arguments
    with np.load(data_file) as data:
        calibrate = data["calibrate"]
        inputs = [data[f"x{i}"] for i in range(len(data.files) - 1)]
    model = onnx.load(model_file)
    fix_batch(model)
    constants = {constant.name for constant in model.graph.initializer}
    names = [x.name for x in model.graph.input if x.name not in constants]
    source = Path(result).with_name("float.onnx")
    prepared = Path(result).with_name("prepared.onnx")
    onnx.save(model, source)
    quant_pre_process(str(source), str(prepared), skip_symbolic_shape=True)
    quantize_static(
        str(prepared),
        result,
        Feeds(names, [x[calibrate] for x in inputs]),
        quant_format=QuantFormat.QDQ,
        op_types_to_quantize=kinds_to_quantize(onnx.load(prepared)),
        per_channel=PER_TENSOR not in words,
        activation_type=QuantType.QInt8,
        weight_type=QuantType.QInt8,
        extra_options={"ActivationSymmetric": ASYMMETRIC not in words, "WeightSymmetric": True},
    )
    outputs = {
        "float": run_onnxruntime(source.read_bytes(), inputs)[0],
        "int8": run_onnxruntime(Path(result).read_bytes(), inputs)[0],
    }
    np.savez(answers, **outputs)


def kinds_to_quantize(model: object) -> list[str]:
    """The operators onnxruntime quantizes by itself, and those an onnx.ModelProto ends in.

    It leaves a Tanh or Gelu in float, and behind one at the end there would be no int8 output.
    """
    import onnx
    from onnxruntime.quantization.registry import QDQRegistry, QLinearOpsRegistry

    assert isinstance(model, onnx.ModelProto)
    ends = {value.name for value in model.graph.output}
    last = {node.op_type for node in model.graph.node if ends & set(node.output)}
    return sorted(set(QLinearOpsRegistry) | set(QDQRegistry) | last)


def fix_batch(model: object) -> None:
    """Give the open first dimension of an onnx.ModelProto's inputs the size 1, wherever it is.

    With every shape known, what exporters compute of them at run time becomes constant.
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
    del model.graph.value_info[:]  # they tell of the open batch, and are inferred again


if __name__ == "__main__":
    main(sys.argv[1:])
