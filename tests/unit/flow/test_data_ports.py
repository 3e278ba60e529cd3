# SPDX-License-Identifier: Apache-2.0
"""Samples of files that have their inputs in another form: NCHW, float32 or uint8."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcuforge.compiler.graph import Graph, Port, Step
from mcuforge.compiler.tensors import DType, Quant, Tensor
from mcuforge.compiler.user_ports import port_of, to_file, to_graph
from mcuforge.errors import CompileError
from mcuforge.flow.data import load_samples, random_samples
from tests.unit.compiler.graphs import graph, relu

NHWC, NCHW, TO_NHWC = (1, 4, 5, 3), (1, 3, 4, 5), (0, 2, 3, 1)


def image_model(dtype: str, shift: int = 0, zero_point: int = -5) -> Graph:
    """One int8 NHWC input that the file has as NCHW of `dtype`."""
    quant = Quant((0.1,), zero_point)
    x = Tensor("image", NHWC, DType.INT8, quant)
    out = Tensor("out", NHWC, DType.INT8, quant)
    model = graph([x], [relu(x, out)], [out])
    port = Port(dtype, NCHW, TO_NHWC, shift)
    return replace(model, format="onnx", ports={"image": port, "out": port})


def saved(folder: Path, **arrays: object) -> Path:
    path = folder / "data.npz"
    np.savez(path, **{name: np.asarray(value) for name, value in arrays.items()})
    return path


def test_real_values_are_quantized_and_turned(tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(0, 8, (6, *NCHW[1:])).astype(np.float32)
    got = load_samples(image_model("float32"), saved(tmp_path, x=x)).inputs[0]
    want = np.clip(np.rint(x / np.float32(0.1)).astype(int) - 5, -128, 127)
    assert got.dtype == np.int8
    assert got.shape == (6, *NHWC)
    np.testing.assert_array_equal(got[:, 0], want.transpose(0, 2, 3, 1))


def test_steps_come_before_quantizing_and_can_be_taken_back(tmp_path: Path) -> None:
    mean = np.array([100, 120, 90], np.float32).reshape(1, 3, 1, 1)
    steps = (Step("subtract", mean), Step("divide", np.array(50, np.float32)))
    model = image_model("float32")
    port = replace(model.ports["image"], steps=steps)
    model = replace(model, ports={**model.ports, "image": port})
    x = np.random.default_rng(0).uniform(-500, 700, (6, *NCHW[1:])).astype(np.float32)
    got = load_samples(model, saved(tmp_path, x=x)).inputs[0]
    real = (x - mean) / np.float32(50)
    want = np.clip(np.rint(real / np.float32(0.1)).astype(int) - 5, -128, 127)
    np.testing.assert_array_equal(got[:, 0], want.transpose(0, 2, 3, 1))
    tensor = model.inputs[0]
    np.testing.assert_array_equal(to_graph(to_file(got, port, tensor), port, tensor), got)


def test_halves_go_to_the_even_value_as_in_quantize_linear(tmp_path: Path) -> None:
    x = np.zeros((1, *NCHW[1:]), np.float32)
    x[0, 0, 0, :4] = np.array([0.5, 1.5, -0.5, -1.5]) * 0.25
    model = image_model("float32")
    quarter = Tensor("image", NHWC, DType.INT8, Quant((0.25,), 0))
    model = replace(model, inputs=(quarter,))
    got = load_samples(model, saved(tmp_path, x=x)).inputs[0]
    assert got[0, 0, 0, :4, 0].tolist() == [0, 2, 0, -2]


def test_values_beyond_the_range_saturate(tmp_path: Path) -> None:
    x = np.zeros((1, *NCHW[1:]), np.float32)
    x[0, 0, 0, :4] = [3e38, -3e38, 13.3, -12.4]
    got = load_samples(image_model("float32"), saved(tmp_path, x=x)).inputs[0]
    assert got[0, 0, 0, :4, 0].tolist() == [127, -128, 127, -128]


def test_raw_int8_values_are_only_turned(tmp_path: Path) -> None:
    x = np.random.default_rng(1).integers(-128, 128, (3, *NCHW[1:])).astype(np.int8)
    got = load_samples(image_model("int8"), saved(tmp_path, x=x)).inputs[0]
    np.testing.assert_array_equal(got[:, 0], x.transpose(0, 2, 3, 1))


def test_raw_uint8_values_are_moved_by_128(tmp_path: Path) -> None:
    x = np.random.default_rng(1).integers(0, 256, (3, *NCHW[1:])).astype(np.uint8)
    got = load_samples(image_model("uint8", 128), saved(tmp_path, x=x)).inputs[0]
    np.testing.assert_array_equal(got[:, 0], x.transpose(0, 2, 3, 1).astype(int) - 128)


def test_real_values_of_a_uint8_input_are_the_graphs(tmp_path: Path) -> None:
    x = np.full((1, *NCHW[1:]), 1.0, np.float32)
    got = load_samples(image_model("uint8", 128), saved(tmp_path, x=x)).inputs[0]
    assert set(got.reshape(-1).tolist()) == {5}


def test_images_the_other_way_round_are_refused_with_the_turn(tmp_path: Path) -> None:
    path = saved(tmp_path, x=np.zeros((2, *NHWC[1:]), np.float32))
    with pytest.raises(CompileError) as caught:
        load_samples(image_model("float32"), path)
    assert str(caught.value).splitlines() == [
        "error: array 'x' has shape [2, 4, 5, 3], expected [n, 3, 4, 5]",
        f"where: {path}",
        "try:   x.transpose(0, 3, 1, 2): the file has the input 'image' as NCHW",
    ]


@pytest.mark.parametrize(
    ("dtype", "shift", "given", "wanted", "hint"),
    [
        ("float32", 0, "uint8", "float32 (real)", "normalize"),
        ("float32", 0, "int8", "float32 (real)", "normalize"),
        ("float32", 0, "float64", "float32 (real)", "x.astype(np.float32)"),
        ("uint8", 128, "int8", "uint8 (raw) or float32 (real)", "x.astype(np.uint8)"),
        ("int8", 0, "uint8", "int8 (raw) or float32 (real)", "x.astype(np.int8)"),
    ],
)
def test_another_type_is_refused(
    tmp_path: Path, dtype: str, shift: int, given: str, wanted: str, hint: str
) -> None:
    path = saved(tmp_path, x=np.zeros((2, *NCHW[1:]), given))
    with pytest.raises(CompileError) as caught:
        load_samples(image_model(dtype, shift), path)
    assert caught.value.what == f"array 'x' is {given}, expected {wanted}"
    assert hint in caught.value.hint


def test_values_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    x = np.zeros((2, *NCHW[1:]), np.float32)
    x[1, 2, 3, 4] = np.nan
    with pytest.raises(CompileError, match="holds NaN or infinity"):
        load_samples(image_model("float32"), saved(tmp_path, x=x))


def test_random_samples_cover_the_graphs_range_and_are_known_as_drawn(tmp_path: Path) -> None:
    drawn = random_samples(image_model("float32"), 20)
    assert drawn.drawn
    assert (drawn.inputs[0].min(), drawn.inputs[0].max()) == (-128, 127)
    own = load_samples(image_model("int8"), saved(tmp_path, x=np.zeros((1, *NCHW[1:]), np.int8)))
    assert not own.drawn


@given(
    st.permutations(range(4)),
    st.sampled_from([("float32", 0), ("int8", 0), ("uint8", 128)]),
    st.integers(-128, 127),
    st.floats(1e-6, 1e3),
)
def test_what_goes_to_the_file_comes_back(
    perm: list[int], form: tuple[str, int], zero_point: int, scale: float
) -> None:
    shape = (1, 3, 4, 5)
    port = Port(form[0], shape, tuple(perm), form[1])
    inside = Tensor("x", (12, 5), DType.INT8, Quant((float(np.float32(scale)),), zero_point))
    values = np.arange(120).reshape(2, 12, 5).astype(np.int8)
    values[0, :3] = [-128] * 5, [127] * 5, [zero_point] * 5
    user = to_file(values, port, inside)
    assert user.dtype == form[0]
    assert user.shape == (2, *shape)
    np.testing.assert_array_equal(to_graph(user, port, inside), values)


def test_without_a_port_the_tensor_is_the_files() -> None:
    model = replace(image_model("float32"), ports={})
    x = np.arange(120, dtype=np.uint8).view(np.int8).reshape(2, *NHWC)
    port = port_of(model, model.inputs[0])
    np.testing.assert_array_equal(to_file(x, port, model.inputs[0]), x)
    np.testing.assert_array_equal(to_graph(x, port, model.inputs[0]), x)
