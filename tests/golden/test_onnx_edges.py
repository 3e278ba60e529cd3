# SPDX-License-Identifier: Apache-2.0
"""Odd but valid ONNX files: rare attributes, shapes, borders and factors, within a step."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from mcuforge.errors import CompileError
from tests.models.onnx_runner import graph_of, kinds_of, output_difference
from tests.models.qdq_builder import Attribute, Qdq

Build = Callable[[Qdq], str]
IMAGE = (1, 6, 5, 4)
CEILED: dict[str, Attribute] = {
    "coordinate_transformation_mode": "pytorch_half_pixel",
    "nearest_mode": "round_prefer_ceil",
}


def number(q: Qdq, *values: float) -> str:
    """Add one float32 number of shape [], or a list of them."""
    return q.constant(np.array(values[0] if len(values) == 1 else values, np.float32))


def padded_and_averaged(q: Qdq) -> str:
    """A border beyond all values, before anything gives it a scale."""
    x = q.input(IMAGE)
    doubled = q.node("Add", [x, x])
    border = q.node("Pad", [doubled, q.integers(0, 0, 1, 1, 0, 0, 1, 1), number(q, 100.0)])
    return q.op("GlobalAveragePool", [border], 0.4, -128)


def padded_output(q: Qdq) -> str:
    x = q.node("Sigmoid", [q.input(IMAGE)])
    return q.node("Pad", [x, q.integers(0, 0, 1, 1, 0, 0, 1, 1), number(q, 100.0)])


def padded_means_and_their_layer(q: Qdq) -> str:
    """No kernel pads float32, so the means are int8; what they read is computed all the same."""
    x = q.node("Conv", [q.input(IMAGE), q.weights((8, 6, 3, 3))])
    means = q.node("GlobalAveragePool", [x])
    return q.node("Pad", [means, q.integers(0, 0, 1, 1, 0, 0, 1, 1)])


def single_number(q: Qdq) -> str:
    """A sum and a product behind a mean without dimensions."""
    mean = q.node("ReduceMean", [q.input(IMAGE)], keepdims=0)
    return q.op("Mul", [q.node("Add", [mean, number(q, 1.5)]), number(q, 2.0)], 0.05)


def positive_infinity(q: Qdq) -> str:
    """log(0) is infinite, but below."""
    logarithm = q.node("Log", [q.input(IMAGE, 0.05, -128)])
    found = q.node("IsInf", [logarithm], detect_negative=0)
    return q.op("Where", [found, number(q, 1.0), number(q, 2.0)], 0.05)


def rest_with_sign(q: Qdq) -> str:
    rest = q.node("Mod", [number(q, -5, -4, -3, 4, 5, 6), number(q, 3.0)], fmod=1)
    return q.op("Add", [q.input(IMAGE), q.node("Reshape", [rest, q.integers(1, 6, 1, 1)])], 0.05)


def product_over_an_axis(q: Qdq) -> str:
    table = q.constant(np.arange(1, 13, dtype=np.float32).reshape(2, 6) / 12)
    product = q.node("ReduceProd", [table], axes=[0], keepdims=0)
    spread = q.node("Reshape", [product, q.integers(1, 6, 1, 1)])
    return q.op("Mul", [q.input(IMAGE), spread], 0.05)


def larger_than_constants(q: Qdq) -> str:
    """The constants, one per row, have no scale of their own."""
    floor = q.constant(np.linspace(-9, 9, 5, dtype=np.float32).reshape(5, 1))
    return q.op("Max", [q.input((1, 6, 1, 4)), floor], 0.05, 3)


@pytest.mark.parametrize(
    "build",
    [
        larger_than_constants,
        padded_and_averaged,
        padded_output,
        padded_means_and_their_layer,
        single_number,
        positive_infinity,
        rest_with_sign,
        product_over_an_axis,
    ],
)
def test_it_answers_as_onnxruntime(build: Build) -> None:
    q = Qdq()
    assert output_difference(q.model(build(q))) <= 1.01


def test_a_number_for_all_behind_a_relu_is_part_of_a_table() -> None:
    """A convolution by one weight would need a coarser scale, and here a transpose too."""
    q = Qdq()
    x = q.node("Conv", [q.input(IMAGE), q.weights((6, 6, 3, 3))])
    clamped = q.node("Transpose", [q.node("Relu", [x])], perm=[0, 2, 3, 1])
    y = q.op("Add", [q.node("Mul", [clamped, number(q, 0.5)]), number(q, 2.0)], 0.05, -128)
    assert kinds_of(graph_of(q.model(y))) == ["conv2d", "lookup"]


@pytest.mark.parametrize(
    ("opset", "size", "scales", "options"),
    [
        (10, (9, 8), (1.2, 1.5), {}),  # 6 / 1.2 is 5 in float32 and less in float64
        (10, (5, 11), (2 / 3, 1 / 3), {}),  # before 11 shrinking rounds up
        (18, (3, 10), (1.2, 0.7), {}),  # 10 * 0.7 is 7 in float32 and less in float64
        (13, (8, 10), (1.1, 1.1), CEILED),
        (13, (3, 2), (1.2, 1.1), {"nearest_mode": "floor"}),  # no size changes: nothing moves
        (13, (3, 2), (1.2, 1.1), {"mode": "linear"}),
    ],
)
def test_resize_picks_the_pixels_that_float32_says(
    opset: int, size: tuple[int, int], scales: tuple[float, float], options: dict[str, Attribute]
) -> None:
    q = Qdq(opset)
    factors = q.constant(np.array([1, 1, *scales], np.float32))
    inputs = (
        [q.input((1, 3, *size)), factors] if opset < 11 else [q.input((1, 3, *size)), "", factors]
    )
    assert output_difference(q.model(q.op("Resize", inputs, 0.05, 3, **options))) <= 1


@pytest.mark.parametrize("opset", [12, 17])
@pytest.mark.parametrize("meant", [12, 13])
@pytest.mark.parametrize("axis", [None, 1, -2])
def test_a_softmax_of_integers_says_its_own_opset(opset: int, meant: int, axis: int | None) -> None:
    q = Qdq(opset)
    y = of_integers(q, "QLinearSoftmax", opset=meant, **({} if axis is None else {"axis": axis}))
    assert output_difference(q.model(y)) <= 1


def of_integers(q: Qdq, kind: str, **options: Attribute) -> str:
    """Add an operator of onnxruntime on the integers of an input, and dequantize its result."""
    q.input(IMAGE)
    x = next(node for node in q.nodes if node.op_type == "QuantizeLinear")
    scales = [number(q, 1 / 256), q.constant(np.array(-128, np.int8))]
    y = q.node(kind, [x.output[0], *x.input[1:], *scales], 1, "com.microsoft", **options)
    return q.node("DequantizeLinear", [y, *scales])


@pytest.mark.parametrize(
    ("axes", "constants"), [([1], (6, 1, 1)), ([2], (1, 5, 1)), ([3, 2], (5, 4)), ([1, 3], ())]
)
def test_a_layer_normalization_in_parts_may_be_over_any_axes(
    axes: list[int], constants: tuple[int, ...]
) -> None:
    """Over channels, as networks for images have it, is the usual one."""
    q = Qdq()
    x = q.input(IMAGE)
    centred = q.node("Sub", [x, q.node("ReduceMean", [x], axes=axes)])
    squares = q.node("Pow", [centred, number(q, 2.0)])
    variance = q.node("Add", [q.node("ReduceMean", [squares], axes=axes), number(q, 1e-6)])
    whole = q.node("Div", [centred, q.node("Sqrt", [variance])])
    gamma, beta = (q.constant(q.random.normal(size=constants).astype(np.float32)) for _ in "gb")
    model = q.model(q.op("Add", [q.node("Mul", [whole, gamma]), beta], 0.03, 3))
    assert set(kinds_of(graph_of(model))) <= {"layer_norm", "transpose"}
    assert output_difference(model) <= 1


@pytest.mark.parametrize("kind", ["Add", "Sub"])
@pytest.mark.parametrize("biased", [False, True])
def test_a_mask_of_10000_leaves_the_other_scores_their_steps(kind: str, biased: bool) -> None:
    """Nothing quantizes the sum: its scale is ours, and must not cover -10000."""
    q = Qdq()
    low = -10000 if kind == "Add" else 10000
    mask = np.where(np.triu(np.ones((5, 5)), 1), low, 0.5 * np.arange(5) if biased else 0)
    scores = q.node(kind, [q.input((1, 2, 5, 5)), q.constant(mask.astype(np.float32))])
    assert output_difference(q.model(q.op("Softmax", [scores], 1 / 256, -128))) <= 6


def test_rows_that_are_masked_as_a_whole_keep_their_scores() -> None:
    q = Qdq()
    mask = q.constant(np.full((5, 1), -10.0, np.float32))
    scores = q.node("Add", [q.input((1, 2, 5, 5)), mask])
    model = q.model(q.op("Softmax", [scores], 1 / 256, -128))
    assert kinds_of(graph_of(model)) == ["add", "softmax_qdq"]
    assert output_difference(model) <= 6


def misshapen_gamma(q: Qdq) -> str:
    gamma = q.constant(np.arange(4, dtype=np.float32).reshape(4, 1))
    return q.op("LayerNormalization", [q.input((1, 4, 4)), gamma], 0.05)


def larger_than_its_taps(q: Qdq) -> str:
    x = q.input((1, 4, 5, 5))
    weights = q.weights((4, 2, 1, 1), 0.02, axis=1)
    return q.op("ConvTranspose", [x, weights], 0.3, strides=[2, 2], auto_pad="SAME_UPPER")


def clamped_indices(q: Qdq) -> str:
    return q.node("Relu", [q.node("ArgMax", [q.input(IMAGE)], axis=1)])


def rounded_up_with_padding(q: Qdq) -> str:
    sizes: dict[str, Sequence[int]] = {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1] * 4}
    return of_integers(q, "QLinearAveragePool", ceil_mode=1, count_include_pad=1, **sizes)


def channels_last(q: Qdq) -> str:
    return of_integers(q, "QLinearGlobalAveragePool", channels_last=1)


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (channels_last, "its channels are last, supported: at axis 1(?s:.)*QuantFormat.QDQ"),
        (misshapen_gamma, r"its scale has shape \[4, 1\], expected one value or \[4\]"),
        (larger_than_its_taps, r"its output is \[10, 10\], but its taps reach \[9, 9\]"),
        (clamped_indices, "float32 result without QuantizeLinear"),
        (rounded_up_with_padding, "it rounds its size up and counts its padding"),
    ],
)
def test_what_would_mean_something_else_is_refused(build: Build, words: str) -> None:
    q = Qdq()
    model = q.model(build(q))
    with pytest.raises(CompileError, match=words):
        graph_of(model)
