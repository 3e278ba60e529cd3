# SPDX-License-Identifier: Apache-2.0
"""A convolution between SPACE_TO_BATCH_ND and BATCH_TO_SPACE_ND is a dilated convolution."""

from __future__ import annotations

import numpy as np
import pytest

from mcuforge.compiler import reference
from mcuforge.compiler.builders.tflite_writer import (
    ModelSpec,
    OperatorSpec,
    Options,
    TensorSpec,
    write_model,
)
from mcuforge.compiler.frontends.tflite.reader import read_tflite
from mcuforge.compiler.ops.conv2d import Conv2D
from mcuforge.compiler.ops.depthwise_conv2d import DepthwiseConv2D
from mcuforge.errors import CompileError
from tests.models.case_model import feed
from tests.models.oracle import run_reference

Shape = tuple[int, ...]
VALID, SAME = 1, 0


class Cut:
    """A model of x, cut into blocks; tensors and operators are added one by one."""

    def __init__(self) -> None:
        self.tensors: list[TensorSpec] = []
        self.operators: list[OperatorSpec] = []
        self.random = np.random.default_rng(1)

    def tensor(self, shape: Shape, scale: float = 0.1, zero_point: int = 3) -> int:
        name = f"t{len(self.tensors)}"
        self.tensors.append(TensorSpec(name, shape, "int8", (scale,), (zero_point,)))
        return len(self.tensors) - 1

    def integers(self, *values: object) -> int:
        data = np.array(values, np.int32)
        self.tensors.append(TensorSpec(f"c{len(self.tensors)}", data.shape, "int32", data=data))
        return len(self.tensors) - 1

    def constant(self, shape: Shape, dtype: str, reach: int) -> int:
        data = self.random.integers(-reach, reach, shape, endpoint=True).astype(dtype)
        name = f"w{len(self.tensors)}"
        self.tensors.append(TensorSpec(name, shape, dtype, (0.01,), (0,), 0, data))
        return len(self.tensors) - 1

    def then(self, name: str, inputs: Shape, shape: Shape, options: Options | None = None) -> int:
        scale = 0.4 if "CONV" in name else (self.tensors[inputs[0]].scale or (0.1,))[0]
        out = self.tensor(shape, scale)
        self.operators.append(OperatorSpec(name, inputs, (out,), options))
        return out

    def model(self, last: int) -> bytes:
        return write_model(ModelSpec(tuple(self.tensors), tuple(self.operators), (0,), (last,)))


def sequence(dilation: int = 2, pads: Shape = (4, 0), padding: int = VALID) -> bytes:
    """A causal 1-D convolution as Keras has it, of 10 steps and 3 channels."""
    cut, length = Cut(), 10 + sum(pads)
    x, block, steps = cut.tensor((1, 10, 3)), cut.integers(dilation), length // dilation
    size = (dilation, steps, 3)
    x = cut.then("SPACE_TO_BATCH_ND", (x, block, cut.integers(pads)), size)
    x = cut.then("EXPAND_DIMS", (x, cut.integers(1)), (dilation, 1, steps, 3))
    out = steps - 2 if padding == VALID else steps
    options = {"Padding": padding, "StrideH": 1, "StrideW": 1}
    inputs = (x, cut.constant((4, 1, 3, 3), "int8", 127), cut.constant((4,), "int32", 999))
    x = cut.then("CONV_2D", inputs, (dilation, 1, out, 4), ("Conv2DOptions", options))
    x = cut.then("RESHAPE", (x, cut.integers(-1, out, 4)), (dilation, out, 4))
    inputs = (x, block, cut.integers((0, 0)))
    return cut.model(cut.then("BATCH_TO_SPACE_ND", inputs, (1, dilation * out, 4)))


def image(depthwise: bool, crops: Shape = (0, 1)) -> bytes:
    """A 3x3 convolution with dilations 2 and 3, of an image 7x9x4, with padding cropped again."""
    cut = Cut()
    x, block = cut.tensor((1, 7, 9, 4)), cut.integers(2, 3)
    x = cut.then("SPACE_TO_BATCH_ND", (x, block, cut.integers((2, 3), (3, 3))), (6, 6, 5, 4))
    options = {"Padding": VALID, "StrideH": 1, "StrideW": 1}
    weights = (1, 3, 3, 4) if depthwise else (5, 3, 3, 4)
    code, table = "CONV_2D", "Conv2DOptions"
    if depthwise:
        code, table = "DEPTHWISE_CONV_2D", "DepthwiseConv2DOptions"
        options["DepthMultiplier"] = 1
    count = 4 if depthwise else 5
    inputs = (x, cut.constant(weights, "int8", 127), cut.constant((count,), "int32", 999))
    x = cut.then(code, inputs, (6, 4, 3, count), (table, options))
    size = (1, 8 - sum(crops), 9, count)
    inputs = (x, block, cut.integers(crops, (0, 0)))
    return cut.model(cut.then("BATCH_TO_SPACE_ND", inputs, size))


@pytest.mark.parametrize(
    ("model", "op"),
    [
        (sequence(), Conv2D((1, 1), (0, 4, 0, 0), (1, 2))),
        (sequence(7, (4, 0)), None),
        (sequence(2, (2, 2)), Conv2D((1, 1), (0, 2, 0, 2), (1, 2))),
        (image(depthwise=False), Conv2D((1, 1), (2, 3, 2, 3), (2, 3))),
        (image(depthwise=True), DepthwiseConv2D((1, 1), (2, 3, 2, 3), (2, 3))),
        (image(depthwise=False, crops=(1, 2)), Conv2D((1, 1), (1, 3, 1, 3), (2, 3))),
    ],
    ids=["causal", "too few steps", "centred", "image", "depthwise", "cropped"],
)
def test_it_has_the_answers_of_the_reference_kernels(model: bytes, op: object) -> None:
    if op is None:
        with pytest.raises(CompileError, match="does not fit an input of"):
            read_tflite(model)
        return
    graph = read_tflite(model)
    assert op in [node.op for node in graph.nodes]
    for seed in range(3):
        inputs = [feed(t.shape, t.dtype.value, seed) for t in graph.inputs]
        (got,), (want,) = reference.run(graph, inputs), run_reference(model, inputs)
        assert np.array_equal(got, want)


def test_a_convolution_that_pads_each_part_is_refused() -> None:
    with pytest.raises(CompileError) as caught:
        read_tflite(sequence(padding=SAME))
    assert "padding 0 between SPACE_TO_BATCH_ND" in caught.value.what
    assert caught.value.where.startswith("model.tflite, operator 2 CONV_2D")
    assert "dilation_rate" in caught.value.hint


def test_anything_else_between_them_is_refused() -> None:
    cut = Cut()
    x, block = cut.tensor((1, 10, 3)), cut.integers(2)
    x = cut.then("SPACE_TO_BATCH_ND", (x, block, cut.integers((0, 0))), (2, 5, 3))
    with pytest.raises(CompileError, match="RELU reads what SPACE_TO_BATCH_ND has cut"):
        read_tflite(cut.model(cut.then("RELU", (x,), (2, 5, 3))))
    cut.operators.pop()
    joined = cut.then("BATCH_TO_SPACE_ND", (x, block, cut.integers((0, 0))), (1, 10, 3))
    with pytest.raises(CompileError, match="no convolution is in front of it"):
        read_tflite(cut.model(joined))
