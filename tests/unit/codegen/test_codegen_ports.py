# SPDX-License-Identifier: Apache-2.0
"""The header of a model whose file has inputs and outputs in another form says which."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from mcuforge.compiler.codegen.ports import file_words
from mcuforge.compiler.compile import compile_graph
from mcuforge.compiler.graph import Graph, Port, Step
from mcuforge.compiler.tensors import DType, Quant, Tensor
from tests.unit.compiler.graphs import graph, relu

NHWC, NCHW, TO_NHWC = (1, 4, 5, 3), (1, 3, 4, 5), (0, 2, 3, 1)


def image_model(port: Port | None) -> Graph:
    """One int8 NHWC image in and out, that the file has as `port` says."""
    x, y = (Tensor(name, NHWC, DType.INT8, Quant((0.1,), -5)) for name in ("x", "y"))
    made = graph([x], [relu(x, y)], [y])
    return made if port is None else replace(made, format="onnx", ports={"x": port, "y": port})


def comments(header: str) -> str:
    """The header's comments as words with single spaces."""
    found = re.findall(r"/\*.*?\*/", header, re.DOTALL)
    return " ".join(" ".join(found).replace("\n *", " ").split())


def test_the_header_tells_layout_and_quantization_of_both_ends() -> None:
    port = Port("float32", NCHW, TO_NHWC)
    header = compile_graph(image_model(port), "portable", 1 << 20).model.files["model.h"]
    said = comments(header)
    assert "input 0 'x': int8_t 4x5x3, real = 0.1 * (q + 5)" in said
    assert (
        "In the model's file: float32 1x3x4x5, q = round(x / scale) + zero_point, halves to even, "
        "kept in int8; here its axes are in the order 0, 2, 3, 1 (channels last)."
    ) in said
    assert "In the model's file: float32 1x3x4x5, x = scale * (q - zero_point); here" in said
    assert max(map(len, header.splitlines())) <= 100


@pytest.mark.parametrize("port", [None, Port("int8", NHWC, (0, 1, 2, 3))])
def test_nothing_is_said_of_what_is_the_same(port: Port | None) -> None:
    header = compile_graph(image_model(port), "portable", 1 << 20).model.files["model.h"]
    assert "In the model's file" not in header


def test_what_comes_before_quantizing_is_named() -> None:
    inside = Tensor("x", NHWC, DType.INT8, Quant((0.1,), -5))
    mean = np.array([0.25, 0.5, 0.75], np.float32).reshape(1, 3, 1, 1)
    many = np.ones(NCHW, np.float32)
    steps = (Step("subtract", mean), Step("divide", np.array(255, np.float32)))
    port = Port("float32", NCHW, TO_NHWC, steps=(*steps, Step("add", many)))
    assert (
        "float32 1x3x4x5, first x - [0.25, 0.5, 0.75], then x / 255.0, "
        "then x + [60 numbers of the file], then q = round(x / scale) + zero_point"
    ) in file_words(inside, port)


def test_raw_bytes_are_moved_and_turned() -> None:
    inside = Tensor("x", NHWC, DType.INT8, Quant((0.1,), -5))
    raw = Port("uint8", NCHW, TO_NHWC, 128)
    assert file_words(inside, raw) == (
        "In the model's file: uint8 1x3x4x5, here less 128; "
        "here its axes are in the order 0, 2, 3, 1 (channels last)."
    )
    assert ", 128 more than here;" in file_words(inside, raw, output=True)
    swapped = Port("int8", (1, 5, 4, 3), (0, 2, 1, 3))
    assert file_words(inside, swapped) == (
        "In the model's file: int8 1x5x4x3; here its axes are in the order 0, 2, 1, 3."
    )
