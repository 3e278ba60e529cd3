# SPDX-License-Identifier: Apache-2.0
"""The strides handed to the copy kernel move what the operators mean, in few dimensions."""

from __future__ import annotations

from dataclasses import replace
from math import prod

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcuforge.compiler.graph import Node, Op
from mcuforge.compiler.ops.concatenation import Concatenation
from mcuforge.compiler.ops.pad import Pad
from mcuforge.compiler.ops.reshape import Reshape
from mcuforge.compiler.ops.resize_nearest import ResizeNearest
from mcuforge.compiler.ops.slice import Slice
from mcuforge.compiler.ops.strided_copy import Axis, merged, row_major
from mcuforge.compiler.ops.transpose import Transpose
from mcuforge.compiler.tensors import Array, DType, Quant, Tensor
from mcuforge.errors import Refusal
from tests.unit.ops.row_checks import raw, run_whole
from tests.unit.ops.walks import fields

Shape = tuple[int, ...]
QUANT = Quant((0.1,), 3)
SHAPES = st.lists(st.integers(1, 4), min_size=1, max_size=5).map(tuple)


def tensor(shape: Shape, name: str = "x") -> Tensor:
    return Tensor(name, shape, DType.INT8, QUANT)


def numbered(shape: Shape, start: int = 0) -> Array:
    """Elements counted from `start`, so that each place is told from the next."""
    return (np.arange(prod(shape)) + start).astype(np.int8).reshape(shape)


def assert_moves(op: Op, inputs: tuple[Tensor, ...], output: Tensor) -> None:
    """The calls of `op`, walked, give what it evaluates to."""
    op.check(inputs, output)
    held = {id(t): numbered(t.shape, 40 * i) for i, t in enumerate(inputs)}
    values = [held[id(t)] for t in inputs]
    want = op.evaluate(inputs, output, values)
    assert want.shape == output.shape
    assert want.dtype == np.int8
    moved = run_whole(Node("n", op, inputs, output), raw(values))
    np.testing.assert_array_equal(np.frombuffer(moved, np.int8).reshape(output.shape), want)


@settings(deadline=None)
@given(SHAPES, st.data())
def test_transposes_move_what_they_mean(shape: Shape, data: st.DataObject) -> None:
    perm = data.draw(st.permutations(range(len(shape))))
    output = tensor(tuple(shape[p] for p in perm), "y")
    assert_moves(Transpose(tuple(perm)), (tensor(shape),), output)


@settings(deadline=None)
@given(SHAPES, st.data())
def test_slices_move_what_they_mean(shape: Shape, data: st.DataObject) -> None:
    begin, stride, extent = [], [], []
    for size in shape:
        begin.append(data.draw(st.integers(0, size - 1)))
        stride.append(data.draw(st.sampled_from((-3, -2, -1, 1, 2, 3))))
        room = size - 1 - begin[-1] if stride[-1] > 0 else begin[-1]
        extent.append(data.draw(st.integers(1, room // abs(stride[-1]) + 1)))
    op = Slice(tuple(begin), tuple(stride))
    assert_moves(op, (tensor(shape),), tensor(tuple(extent), "y"))


@settings(deadline=None)
@given(SHAPES, st.data())
def test_pads_move_what_they_mean(shape: Shape, data: st.DataObject) -> None:
    widths = st.lists(st.integers(0, 2), min_size=len(shape), max_size=len(shape)).map(tuple)
    before, after = data.draw(widths), data.draw(widths)
    output = tuple(map(sum, zip(before, shape, after, strict=True)))
    assert_moves(Pad(before, after, -77), (tensor(shape),), tensor(output, "y"))


@settings(deadline=None)
@given(SHAPES, st.data())
def test_concatenations_move_what_they_mean(shape: Shape, data: st.DataObject) -> None:
    axis = data.draw(st.integers(0, len(shape) - 1))
    extents = data.draw(st.lists(st.integers(1, 3), min_size=1, max_size=4))
    inputs = tuple(tensor((*shape[:axis], n, *shape[axis + 1 :])) for n in extents)
    output = tensor((*shape[:axis], sum(extents), *shape[axis + 1 :]), "y")
    assert_moves(Concatenation(axis), inputs, output)


def test_the_same_tensor_joins_itself() -> None:
    x = tensor((1, 2, 3))
    assert_moves(Concatenation(2), (x, x), tensor((1, 2, 6), "y"))


def test_a_dense_copy_is_one_run() -> None:
    shape = (1, 4, 5, 6)
    axes = tuple(map(Axis, shape, row_major(shape), row_major(shape)))
    assert merged(axes) == (Axis(120, 1, 1),)


def test_whole_rows_are_copied_in_one_run_each() -> None:
    x, output = tensor((1, 4, 5, 6)), tensor((1, 2, 5, 6), "y")
    (call,) = Slice((0, 0, 0, 0), (1, 2, 1, 1)).calls((x,), output, "portable")
    assert fields(call)["dims"] == (1, 1, 1, 2, 30)


def test_six_dimensions_are_walked_when_neighbours_join() -> None:
    x, output = tensor((2, 1, 2, 2, 2, 3)), tensor((2, 2, 1, 2, 2, 3), "y")
    assert_moves(Transpose((0, 2, 1, 3, 4, 5)), (x,), output)


def test_six_dimensions_apart_are_refused() -> None:
    x, output = tensor((2, 2, 2, 2, 2, 2)), tensor((2, 2, 2, 2, 2, 2), "y")
    with pytest.raises(Refusal, match="covers 6 dimensions, supported: 5"):
        Transpose((5, 4, 3, 2, 1, 0)).check((x,), output)


def test_a_border_round_six_dimensions_is_refused() -> None:
    x, output = tensor((1, 2, 2, 2, 2, 2)), tensor((3, 4, 4, 4, 4, 4), "y")
    with pytest.raises(Refusal, match="this padding covers 6 dimensions, supported: 5"):
        Pad((1,) * 6, (1,) * 6).check((x,), output)


def test_dimensions_without_padding_are_walked_with_those_outside_them() -> None:
    x, output = tensor((1, 4, 5, 6)), tensor((1, 6, 7, 6), "y")
    (call,) = Pad((0, 1, 1, 0), (0, 1, 1, 0)).calls((x,), output, "portable")
    assert fields(call)["extent"] == (1, 1, 1, 4, 30)
    assert fields(call)["before"] == (0, 0, 0, 1, 6)


@pytest.mark.parametrize(("size", "output_size"), [(5, 11), (11, 5), (7, 7), (1, 9), (9, 1)])
@pytest.mark.parametrize("op", [ResizeNearest(), ResizeNearest(True), ResizeNearest(False, True)])
def test_resizing_reads_rows_in_order_and_inside(
    op: ResizeNearest, size: int, output_size: int
) -> None:
    rows = op.sources(size, output_size).tolist()
    assert rows == sorted(rows)
    assert len(rows) == output_size
    assert 0 <= min(rows) <= max(rows) < size


def test_resizing_with_aligned_corners_keeps_the_corners() -> None:
    rows = ResizeNearest(align_corners=True).sources(7, 12).tolist()
    assert (rows[0], rows[-1]) == (0, 6)


def test_resizing_by_two_repeats_each_row() -> None:
    assert ResizeNearest().sources(3, 6).tolist() == [0, 0, 1, 1, 2, 2]


def test_a_reshape_needs_no_kernel() -> None:
    x, output = tensor((1, 2, 3)), tensor((1, 6), "y")
    Reshape().check((x,), output)
    assert Reshape().is_view
    assert Reshape().calls((x,), output, "portable") == ()


COARSER = replace(tensor((1, 2, 3), "y"), quant=Quant((0.2,), 3))
UNSIGNED = replace(tensor((1, 2, 3), "y"), dtype=DType.UINT8)


@pytest.mark.parametrize(
    ("op", "output", "what"),
    [
        (Reshape(), tensor((1, 7), "y"), "6 elements"),
        (Reshape(), COARSER, "differ in scale or zero point"),
        (Reshape(), UNSIGNED, "supported here: int8"),
        (Pad((0, 1), (0, 0)), tensor((1, 3, 3), "y"), "2 and 2 paddings for the 3 dimensions"),
        (Pad((0, -1, 0), (0, 0, 0)), tensor((1, 1, 3), "y"), "expected only values of 0 or more"),
        (Pad((0, 1, 0), (0, 0, 0)), tensor((1, 2, 3), "y"), "this operator gives [1, 3, 3]"),
        (Pad((0, 1, 0), (0, 0, 0), 128), tensor((1, 3, 3), "y"), "padding value 128"),
        (Concatenation(3), tensor((1, 2, 3), "y"), "joins along axis 3, expected 0 to 2"),
        (Concatenation(1), tensor((1, 3, 3), "y"), "the inputs join to 2 along axis 1"),
        (Concatenation(1), tensor((1, 2, 4), "y"), "this operator gives"),
        (Concatenation(1), tensor((2, 3), "y"), "expected 2 dimensions as in the output"),
        (Concatenation(1), COARSER, "differ in scale or zero point"),
        (Slice((0, 0, 1), (1, 1, 1)), tensor((1, 2, 3), "y"), "3 elements from 1"),
        (Slice((0, 1, 0), (1, -2, 1)), tensor((1, 2, 3), "y"), "in steps of -2"),
        (Slice((0, 0, 0), (1, 0, 1)), tensor((1, 2, 3), "y"), "in steps of 0"),
        (Slice((0, 0), (1, 1)), tensor((1, 2, 3), "y"), "expected lists of one length"),
        (Transpose((0, 1, 1)), tensor((1, 2, 2), "y"), "expected each dimension once"),
        (Transpose((0, 2, 1)), tensor((1, 2, 3), "y"), "this operator gives [1, 3, 2]"),
        (ResizeNearest(), tensor((1, 2, 3), "y"), "supported rank: 4"),
    ],
)
def test_moves_that_contradict_their_tensors_are_refused(op: Op, output: Tensor, what: str) -> None:
    with pytest.raises(Refusal) as refused:
        op.check((tensor((1, 2, 3)),), output)
    assert what in refused.value.what
    assert refused.value.hint
