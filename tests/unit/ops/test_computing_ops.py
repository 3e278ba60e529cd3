# SPDX-License-Identifier: Apache-2.0
"""What convolutions, linear layers, poolings and means refuse, and what the compiler works out."""

from __future__ import annotations

import itertools
from collections.abc import Mapping

import numpy as np
import pytest

from mcuforge.compiler.calls import Blob
from mcuforge.compiler.graph import Op
from mcuforge.compiler.ops.average_pool2d import AveragePool2D
from mcuforge.compiler.ops.conv2d import Conv2D
from mcuforge.compiler.ops.depthwise_conv2d import DepthwiseConv2D
from mcuforge.compiler.ops.fully_connected import FullyConnected
from mcuforge.compiler.ops.max_pool2d import MaxPool2D
from mcuforge.compiler.ops.mean import Mean
from mcuforge.compiler.tensors import Array, DType, Quant, Tensor
from mcuforge.errors import Refusal

Shape = tuple[int, ...]
QUANT = Quant((0.1,), 3)
SYMMETRIC = Quant((0.01,))


def tensor(shape: Shape, name: str = "x", quant: Quant = QUANT) -> Tensor:
    return Tensor(name, shape, DType.INT8, quant)


def weights(shape: Shape, quant: Quant = SYMMETRIC) -> Tensor:
    data = (np.arange(np.prod(shape)) % 251 - 125).astype(np.int8).reshape(shape)
    return Tensor("w", shape, DType.INT8, quant, data)


def bias(count: int) -> Tensor:
    return Tensor("b", (count,), DType.INT32, None, np.arange(count, dtype=np.int32))


def fields(op: Op, inputs: tuple[Tensor, ...], output: Tensor) -> Mapping[str, object]:
    op.check(inputs, output)
    (call,) = op.calls(inputs, output, "portable")
    assert call.params is not None
    return dict(call.params.fields)


def blob(value: object) -> Array:
    assert isinstance(value, Blob)
    return value.data


def vector(value: object) -> Shape:
    assert isinstance(value, tuple)
    return value


IMAGE = tensor((1, 5, 5, 4))
REFUSED = [
    (Conv2D(), (tensor((2, 5, 5, 4)), weights((3, 1, 1, 4))), (2, 5, 5, 3), "batch of 2"),
    (Conv2D(), (IMAGE, weights((3, 1, 1, 3))), (1, 5, 5, 3), "divide into groups of 3"),
    (Conv2D(), (IMAGE, weights((3, 1, 1, 2))), (1, 5, 5, 3), "3 filters do not divide"),
    (Conv2D(), (IMAGE, weights((3, 7, 7, 4))), (1, 1, 1, 3), "window of 7x7 does not fit"),
    (Conv2D(), (IMAGE, weights((3, 3, 3, 4))), (1, 5, 5, 3), r"this operator gives \[1, 3, 3, 3\]"),
    (Conv2D(), (IMAGE, tensor((3, 1, 1, 4), "w")), (1, 5, 5, 3), "expected a constant"),
    (Conv2D(), (IMAGE, weights((3, 1, 1, 4), QUANT)), (1, 5, 5, 3), "zero point 3, expected 0"),
    (Conv2D(), (IMAGE, weights((3, 1, 1, 4), Quant((0.1, 0.2), 0, 0))), (1, 5, 5, 3),
     "2 scales for 3 slices"),
    (Conv2D(), (IMAGE, weights((3, 1, 1, 4), Quant((0.1,) * 4, 0, 3))), (1, 5, 5, 3),
     "supported here: axis 0"),
    (Conv2D(), (IMAGE, weights((3, 1, 1, 4)), bias(4)), (1, 5, 5, 3), r"'b' has shape \[4\]"),
    (Conv2D(), (tensor((1, 1, 512, 256)), weights((1, 1, 512, 256))), (1, 1, 1, 1),
     "sums 131072 products"),
    (DepthwiseConv2D(), (IMAGE, weights((1, 3, 3, 6))), (1, 3, 3, 6), "6 filters do not divide"),
    (DepthwiseConv2D(), (IMAGE, weights((2, 3, 3, 4))), (1, 3, 3, 4), r"'w' has shape \[2, 3"),
    (FullyConnected(), (tensor((1, 9)), weights((3, 4))), (2, 3), "9 inputs do not divide"),
    (FullyConnected(), (tensor((1, 8)), weights((3, 4))), (1, 3), "gives 2 vectors of 3"),
    (FullyConnected(), (tensor((1, 2**17)), weights((1, 2**17))), (1, 1), "sums 131072 products"),
    (MaxPool2D((2, 2)), (IMAGE,), (1, 5, 5, 4), r"this operator gives \[1, 4, 4, 4\]"),
    (MaxPool2D((2, 2), pad=(2, 0, 0, 0)), (IMAGE,), (1, 6, 4, 4), "wholly in the padding"),
    (AveragePool2D((2, 2), pad=(0, 0, 0, 2)), (IMAGE,), (1, 4, 6, 4), "wholly in the padding"),
    (AveragePool2D((257, 256)), (tensor((1, 257, 256, 1)),), (1, 1, 1, 1), "of 65792 values"),
    (Mean((1, 4)), (IMAGE,), (1, 5, 4), r"axes \[1, 4\] of a tensor"),
    (Mean((1,)), (IMAGE,), (1, 5, 5, 4), r"gives \[1, 1, 5, 4\] or \[1, 5, 4\]"),
    (Mean((0, 2, 4, 6)), (tensor((2,) * 7),), (2, 2, 2), "alternate with kept ones"),
    (Mean((1,)), (tensor((1, 2**23 + 1)),), (1,), "mean of 8388609 values"),
]  # fmt: skip


@pytest.mark.parametrize(("op", "inputs", "shape", "what"), REFUSED)
def test_what_the_kernels_do_not_define_is_refused(
    op: Op, inputs: tuple[Tensor, ...], shape: Shape, what: str
) -> None:
    with pytest.raises(Refusal, match=what):
        op.check(inputs, tensor(shape, "y"))


def test_a_pool_between_two_scales_is_refused() -> None:
    with pytest.raises(Refusal, match="differ in scale or zero point"):
        MaxPool2D().check((IMAGE,), tensor(IMAGE.shape, "y", Quant((0.2,), 3)))


def test_a_bias_takes_in_the_input_zero_point() -> None:
    inputs = (IMAGE, weights((3, 2, 2, 4)), bias(3))
    params = fields(Conv2D(), inputs, tensor((1, 4, 4, 3), "y"))
    sums = inputs[1].values().astype(np.int64).sum(axis=(1, 2, 3))
    assert blob(params["bias"]).tolist() == (np.arange(3) - 3 * sums).tolist()


def test_one_scale_needs_one_multiplier_in_a_linear_layer() -> None:
    output = tensor((2, 5), "y")
    params = fields(FullyConnected(), (tensor((2, 4)), weights((5, 4))), output)
    assert params["multiplier_step"] == 0
    assert blob(params["multiplier"]).shape == blob(params["shift"]).shape == (1,)
    per_channel = weights((5, 4), Quant((0.01,) * 5, 0, 0))
    params = fields(FullyConnected(), (tensor((2, 4)), per_channel), output)
    assert params["multiplier_step"] == 1
    assert blob(params["multiplier"]).shape == (5,)


@pytest.mark.parametrize("axes", [(1, 2), (3,), (0, 2), (1, 3), (0, 1, 2, 3), (2,), (0,)])
def test_means_walk_every_element_once(axes: tuple[int, ...]) -> None:
    x = tensor((1, 3, 4, 2))
    shape = tuple(n for i, n in enumerate(x.shape) if i not in axes)
    params = fields(Mean(axes), (x,), tensor(shape, "y"))
    numbers = np.arange(x.elements)

    def walk(kind: str) -> list[int]:
        sizes, strides = vector(params[kind]), vector(params[f"{kind}_stride"])
        places = itertools.product(*(range(n) for n in sizes))
        return [sum(i * s for i, s in zip(p, strides, strict=True)) for p in places]

    sums = [sum(int(numbers[k + r]) for r in walk("reduced")) for k in walk("kept")]
    assert sums == numbers.reshape(x.shape).sum(axis=axes).reshape(-1).tolist()


def test_multiply_accumulates_count_every_tap() -> None:
    output = tensor((1, 3, 3, 8), "y")
    assert Conv2D().macs((IMAGE, weights((8, 3, 3, 4))), output) == 3 * 3 * 8 * 9 * 4
    assert DepthwiseConv2D().macs((IMAGE, weights((1, 3, 3, 8))), output) == 3 * 3 * 8 * 9
    assert FullyConnected().macs((tensor((2, 4)), weights((5, 4))), tensor((2, 5))) == 40
