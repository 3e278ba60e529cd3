# SPDX-License-Identifier: Apache-2.0
"""Float networks made int8, as `mcuforge quantize` makes them, and how much that costs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mcuforge.compiler.builders.onnx_quantizer import Options, quantize_model
from mcuforge.errors import InternalError
from mcuforge.nas.data import Data
from mcuforge.nas.training.batches import inputs

CALIBRATE = 500  # the first training samples, which give the ranges of activations
# A ReLU's output has no negative numbers: with a zero point of -128 it has all 256 steps. On digits
# the mean error of logits is 0.034 instead of 0.047 for a CNN, 0.023 instead of 0.025 for a ViT.
OPTIONS = Options(asymmetric=True)
Float = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Int8Network:
    """An int8 ONNX file, and both models' accuracy, 0 to 1, as onnxruntime runs them."""

    file: bytes
    float_accuracy: float
    int8_accuracy: float
    float_logits: Float  # (samples, classes)
    int8_logits: Float


def quantized(
    float_onnx: Path,
    data: Data,
    part: Literal["held", "test"] = "held",
    *,
    images: int | None = None,
    calibrate: int = CALIBRATE,
    options: Options = OPTIONS,
) -> Int8Network:
    """Quantize what `write_onnx` wrote, and compare both models on the first images of a part.

    The input of images gets the scale 1/64 and the zero point 0 (see batches.inputs), because the
    calibration samples hold every pixel value that limits the range: a corner of the first one is
    set to 0, another to 255. Raises CompileError when onnxruntime refuses the model.
    """
    x, y = (data.held_x, data.held_y) if part == "held" else (data.test_x, data.test_y)
    if x is None or y is None:
        raise InternalError(f"{data.origin} has no {part} part")
    first = data.train_x[:calibrate].copy()
    if data.kind == "images":
        first[0, 0, 0, 0], first[0, -1, -1, 0] = 0, 255
    samples = inputs(np.concatenate((first, x[:images])), data).numpy()[:, None]
    result = quantize_model(float_onnx, [np.ascontiguousarray(samples)], range(len(first)), options)
    real, int8 = (
        answers[len(first) :].reshape(-1, data.classes).astype(np.float32)
        for answers in (result.float_answers, result.int8_answers)
    )
    labels = y[:images]
    return Int8Network(
        result.file,
        float((real.argmax(1) == labels).mean()),
        float((int8.argmax(1) == labels).mean()),
        real,
        int8,
    )
