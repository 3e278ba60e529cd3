# SPDX-License-Identifier: Apache-2.0
"""Three tiny models whose generated C is committed and read by people."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np
import tflite

from mcuforge.compiler.builders.tflite_writer import (
    ModelSpec,
    OperatorSpec,
    TensorSpec,
    write_model,
)
from mcuforge.compiler.compile import Compiled, compile_graph
from mcuforge.compiler.frontends import read_model
from mcuforge.compiler.frontends.tflite.reader import read_tflite
from mcuforge.compiler.graph import Graph
from mcuforge.compiler.tensors import Array

DIGITS = Path(__file__).resolve().parents[2] / "examples" / "digits" / "digits_cnn.tflite"


def drawn(name: str, shape: tuple[int, ...], dtype: str = "int8", bound: int = 127) -> Array:
    """Constant data, seeded by its name."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    return rng.integers(-bound, bound, shape, endpoint=True).astype(dtype)


def constants(name: str, *values: int) -> TensorSpec:
    """A constant vector of int32."""
    return TensorSpec(name, (len(values),), "int32", data=np.array(values, np.int32))


def fusion() -> ModelSpec:
    """Two inputs, one of them float; two outputs, one of them float."""
    scale = (0.05,)
    tensors = (
        TensorSpec("sound", (1, 8), "int8", scale, (3,)),
        TensorSpec("motion", (1, 4), "float32"),
        TensorSpec("motion_q", (1, 4), "int8", scale, (3,)),
        TensorSpec("both", (1, 12), "int8", scale, (3,)),
        TensorSpec("w", (5, 12), "int8", (0.02,), data=drawn("w", (5, 12))),
        TensorSpec("b", (5,), "int32", (0.001,), data=drawn("b", (5,), "int32", 999)),
        TensorSpec("logits", (1, 5), "int8", (0.2,), (-4,)),
        TensorSpec("probabilities", (1, 5), "int8", (1 / 256,), (-128,)),
        TensorSpec("confidence", (1, 5), "float32"),
    )
    operators = (
        OperatorSpec("QUANTIZE", (1,), (2,)),
        OperatorSpec("CONCATENATION", (0, 2), (3,), ("ConcatenationOptions", {"Axis": 1})),
        OperatorSpec("FULLY_CONNECTED", (3, 4, 5), (6,), ("FullyConnectedOptions", {})),
        OperatorSpec("SOFTMAX", (6,), (7,), ("SoftmaxOptions", {"Beta": 1.0})),
        OperatorSpec("DEQUANTIZE", (7,), (8,)),
    )
    return ModelSpec(tensors, operators, (0, 1), (8, 6))


def padded() -> ModelSpec:
    """A border that a convolution takes over, per-channel weights, a residual, views."""
    scale, zero = (0.1,), (-7,)
    filters, channels = (0.01, 0.02, 0.03, 0.015), (0.02, 0.01, 0.03, 0.04)
    none = (0,) * 4
    tensors = (
        TensorSpec("image", (1, 6, 5, 2), "int8", scale, zero),
        TensorSpec("border", (4, 2), "int32", data=np.array([0, 0, 1, 1, 1, 1, 0, 0], np.int32)),
        TensorSpec("bordered", (1, 8, 7, 2), "int8", scale, zero),
        TensorSpec("kernel", (4, 3, 3, 2), "int8", filters, none, 0, drawn("k", (4, 3, 3, 2))),
        TensorSpec("bias", (4,), "int32", filters, none, 0, drawn("bias", (4,), "int32", 2000)),
        TensorSpec("features", (1, 6, 5, 4), "int8", scale, zero),
        TensorSpec("taps", (1, 3, 3, 4), "int8", channels, none, 3, drawn("taps", (1, 3, 3, 4))),
        TensorSpec("zero", (4,), "int32", channels, none, 0, np.zeros(4, np.int32)),
        TensorSpec("mixed", (1, 6, 5, 4), "int8", scale, zero),
        TensorSpec("sum", (1, 6, 5, 4), "int8", (0.15,), (2,)),
        TensorSpec("flat", (1, 120), "int8", (0.15,), (2,)),
        constants("shape", 1, 120),
    )
    same = {"Padding": tflite.Padding.SAME, "StrideH": 1, "StrideW": 1}
    valid = same | {"Padding": tflite.Padding.VALID}
    operators = (
        OperatorSpec("PAD", (0, 1), (2,), ("PadOptions", {})),
        OperatorSpec("CONV_2D", (2, 3, 4), (5,), ("Conv2DOptions", valid)),
        OperatorSpec(
            "DEPTHWISE_CONV_2D",
            (5, 6, 7),
            (8,),
            ("DepthwiseConv2DOptions", same | {"DepthMultiplier": 1}),
        ),
        OperatorSpec("ADD", (5, 8), (9,), ("AddOptions", {})),
        OperatorSpec("RESHAPE", (9, 11), (10,), ("ReshapeOptions", {"NewShape": (1, 120)})),
    )
    return ModelSpec(tensors, operators, (0,), (10,))


# no weights.c of the digits example: it is trained, and nobody would read it
WRITTEN: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "digits_cnn": ("model.h", "model.c", "weights.h"),
        "fusion": ("model.h", "model.c", "weights.h", "weights.c"),
        "padded": ("model.h", "model.c", "weights.h", "weights.c"),
    }
)


def tiny_model(name: str) -> bytes:
    """The .tflite file of one of them."""
    if name == "digits_cnn":
        return DIGITS.read_bytes()
    return write_model({"fusion": fusion, "padded": padded}[name]())


def tiny_graph(name: str) -> Graph:
    """The front end's graph of one of them."""
    if name == "digits_cnn":
        return read_model(DIGITS)
    return read_tflite(tiny_model(name), name=f"{name}.tflite")


def tiny_compiled(name: str) -> Compiled:
    """One of them for a portable target with plenty of RAM; the plan depends on no clock."""
    return compile_graph(tiny_graph(name), "portable", 1 << 20, effort=0.0)
