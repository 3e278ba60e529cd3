# SPDX-License-Identifier: Apache-2.0
"""Float ONNX model to int8 QDQ by onnxruntime's static quantiser, the way its users call it."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx
from numpy.typing import NDArray
from onnxruntime.quantization import (
    CalibrationDataReader,
    QuantFormat,
    QuantType,
    quantize_static,
)
from onnxruntime.quantization.shape_inference import quant_pre_process

Float = NDArray[np.float32]


class Samples(CalibrationDataReader):  # type: ignore[misc]
    """Calibration inputs of a model with one input, each with its batch dimension."""

    def __init__(self, name: str, values: Sequence[Float]) -> None:
        self._feeds: Iterator[dict[str, Float]] = iter([{name: value} for value in values])

    def get_next(self) -> dict[str, Float] | None:
        """The next feed; None behind the last, as the interface asks."""
        return next(self._feeds, None)


@contextmanager
def quiet() -> Iterator[None]:
    """Keeps back onnxruntime's warning for each LayerNorm: their vectors have no second axis."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)


def quantise(
    model: onnx.ModelProto,
    samples: Sequence[Float],
    *,
    per_channel: bool = True,
    symmetric: bool = True,
    activations: QuantType = QuantType.QInt8,
    optimise: bool = True,
) -> onnx.ModelProto:
    """The int8 model, activation ranges from `samples`, weights symmetric.

    `symmetric` and `activations` are of the activations: zero points of 0, int8 or uint8. Without
    `optimise` the operators stay as they are; with it a MatMul and Add become a Gemm between
    reshapes.
    """
    with TemporaryDirectory() as folder, quiet():
        single, prepared, result = (Path(folder) / f"{step}.onnx" for step in ("0", "1", "2"))
        onnx.save(model, str(single))
        # shapes are fixed: the symbolic inference, which needs sympy, has nothing to find
        quant_pre_process(
            str(single), str(prepared), skip_optimization=not optimise, skip_symbolic_shape=True
        )
        quantize_static(
            str(prepared),
            str(result),
            Samples(model.graph.input[0].name, samples),
            quant_format=QuantFormat.QDQ,
            per_channel=per_channel,
            activation_type=activations,
            weight_type=QuantType.QInt8,
            extra_options={"ActivationSymmetric": symmetric},
        )
        return onnx.load(str(result))
