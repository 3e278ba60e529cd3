# SPDX-License-Identifier: Apache-2.0
"""Quantizes a float ONNX model to int8 QDQ with onnxruntime's static quantizer, in this process."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx
from numpy.typing import NDArray
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.registry import QDQRegistry, QLinearOpsRegistry
from onnxruntime.quantization.shape_inference import quant_pre_process

from mcuforge.compiler.tensors import Array

Float = NDArray[np.float32]


class Feeds(CalibrationDataReader):  # type: ignore[misc]
    """Hands the quantizer the calibration inputs, one sample after the other."""

    def __init__(self, feeds: Sequence[Mapping[str, Array]]) -> None:
        self._feeds = iter(feeds)

    def get_next(self) -> Mapping[str, Array] | None:
        """Return the next sample's arrays by input name; None after the last, as onnxruntime asks.

        Arrays are float32 of the inputs' shapes, batch dimension included.
        """
        return next(self._feeds, None)


def quantize_model(
    model: onnx.ModelProto,
    samples: Sequence[Float],
    *,
    per_channel: bool = True,
    symmetric: bool = True,
    activations: QuantType = QuantType.QInt8,
    optimize: bool = True,
) -> onnx.ModelProto:
    """Quantize a model that has one input; the activation ranges come from `samples`.

    samples: float32 arrays of the input's shape, batch dimension included. `quantize_file`
    describes the options.
    """
    with TemporaryDirectory() as folder:
        source, result = Path(folder) / "float.onnx", Path(folder) / "int8.onnx"
        onnx.save(model, source)
        quantize_file(
            source,
            result,
            [{model.graph.input[0].name: sample} for sample in samples],
            per_channel=per_channel,
            symmetric=symmetric,
            activations=activations,
            optimize=optimize,
        )
        return onnx.load(result)


def quantize_file(
    source: Path,
    result: Path,
    feeds: Sequence[Mapping[str, Array]],
    *,
    per_channel: bool = True,
    symmetric: bool = True,
    activations: QuantType = QuantType.QInt8,
    optimize: bool = True,
) -> None:
    """Quantize the float model file `source` into `result`; weights are int8 and symmetric.

    feeds: the calibration samples, float32 arrays by input name. `symmetric`: the zero points of
    activations are 0. `activations`: the type of activations, int8 or uint8. Without `optimize` the
    operators stay as they are; with it a MatMul and an Add become a Gemm between reshapes.
    Writes an intermediate file beside `result`. Raises whatever onnxruntime raises.
    """
    prepared = result.with_name("prepared.onnx")
    with _quiet():
        # shapes are fixed: the symbolic inference, which needs sympy, would find nothing
        quant_pre_process(
            str(source), str(prepared), skip_optimization=not optimize, skip_symbolic_shape=True
        )
        quantize_static(
            str(prepared),
            str(result),
            Feeds(feeds),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=kinds_to_quantize(onnx.load(prepared)),
            per_channel=per_channel,
            activation_type=activations,
            weight_type=QuantType.QInt8,
            extra_options={"ActivationSymmetric": symmetric, "WeightSymmetric": True},
        )


def kinds_to_quantize(model: onnx.ModelProto) -> list[str]:
    """List the operators that onnxruntime quantizes by itself, and those the model ends with.

    onnxruntime leaves a Tanh or Gelu in float; a model that ends with one would have no int8
    output.
    """
    ends = {value.name for value in model.graph.output}
    last = {node.op_type for node in model.graph.node if ends & set(node.output)}
    return sorted(set(QLinearOpsRegistry) | set(QDQRegistry) | last)


@contextmanager
def _quiet() -> Iterator[None]:
    """Suppress onnxruntime's warning per LayerNorm, whose vectors have no second axis."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)
