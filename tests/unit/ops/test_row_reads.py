# SPDX-License-Identifier: Apache-2.0
"""What window and summing operators say of their reads, held against taps counted one by one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mcuforge.compiler.calls import Blank, Reads, RingRows
from mcuforge.compiler.graph import Node
from mcuforge.compiler.ops.average_pool2d import AveragePool2D
from mcuforge.compiler.ops.common.window import Window
from mcuforge.compiler.ops.conv2d import Conv2D
from mcuforge.compiler.ops.depthwise_conv2d import DepthwiseConv2D
from mcuforge.compiler.ops.fully_connected import FullyConnected
from mcuforge.compiler.ops.max_pool2d import MaxPool2D
from mcuforge.compiler.ops.mean import Mean
from mcuforge.compiler.ops.resize_nearest import ResizeNearest
from mcuforge.compiler.tensors import DType, Quant, Tensor
from tests.golden.merge import feed
from tests.golden.odd_windows import DRAW, drawn_nodes
from tests.unit.ops.row_checks import check_row_reads

WINDOWS = ("conv2d", "depthwise_conv2d", "pool")


def tensor(name: str, *shape: int) -> Tensor:
    return Tensor(name, shape, DType.INT8, Quant((0.1,), 3))


def weights(*shape: int) -> Tensor:
    data = np.ones(shape, np.int8)
    return replace(tensor("w", *shape), quant=Quant((0.1,)), data=data)


def window_of(node: Node) -> Window:
    if isinstance(node.op, Conv2D | DepthwiseConv2D):
        return node.op.window(node.inputs[1])
    assert isinstance(node.op, AveragePool2D | MaxPool2D)
    return node.op.window


def pixels_read(node: Node) -> list[list[int]]:
    """Of each output pixel the input pixels under its window, tap by tap."""
    window = window_of(node)
    _, height, width, _ = node.inputs[0].shape
    found: list[list[int]] = []
    for oy in range(node.output.shape[1]):
        for ox in range(node.output.shape[2]):
            found.append([])
            for ky in range(window.kernel[0]):
                for kx in range(window.kernel[1]):
                    y = oy * window.stride[0] - window.pad[0] + ky * window.dilation[0]
                    x = ox * window.stride[1] - window.pad[1] + kx * window.dilation[1]
                    if 0 <= y < height and 0 <= x < width:
                        found[-1].append(y * width + x)
    return found


def stated(node: Node) -> Reads:
    reads = node.op.reads(node.inputs, node.output)
    assert len(reads) == len(node.inputs)
    assert all(r is None for r in reads[1:])
    assert reads[0] is not None
    return reads[0]


def assert_exact(reads: Reads, read: list[list[int]]) -> None:
    """Each unit's range is its first and last; who reads nothing keeps nothing alive."""
    assert len(reads.first) == len(reads.end) == len(read)
    later = np.iinfo(np.int64).max
    for first, end, units in zip(
        reads.first[::-1].tolist(), reads.end[::-1].tolist(), read[::-1], strict=True
    ):
        if units:
            assert (first, end) == (min(units), max(units) + 1)
            later = min(later, first)
        else:
            assert first == end <= later


@pytest.mark.parametrize("kind", WINDOWS)
def test_windows_read_their_taps_and_nothing_else(kind: str) -> None:
    idle = 0
    for _, node in drawn_nodes(kind):
        reads = stated(node)
        assert (reads.in_bytes, reads.out_bytes) == (node.inputs[0].shape[3], node.output.shape[3])
        assert not reads.before_write  # a pixel is written channel by channel
        read = pixels_read(node)
        idle += sum(not units for units in read)
        assert_exact(reads, read)
    assert (idle > 0) is (kind != "pool")  # a pool's windows all touch the image


def test_resizing_reads_a_row_once_for_all_rows_that_repeat_it() -> None:
    repeated = 0
    for _, node in drawn_nodes("resize_nearest"):
        assert isinstance(node.op, ResizeNearest)
        x, y = node.inputs[0], node.output
        rows = node.op.sources(x.shape[1], y.shape[1]).tolist()
        columns = node.op.sources(x.shape[2], y.shape[2]).tolist()
        read = []
        for i, row in enumerate(rows):
            fresh = i == 0 or row != rows[i - 1]
            repeated += not fresh
            read += [[row * x.shape[2] + c] if fresh else [] for c in columns]
        assert_exact(stated(node), read)
    assert repeated


def test_a_mean_reads_the_elements_it_averages_before_it_writes() -> None:
    for _, node in drawn_nodes("mean"):
        assert isinstance(node.op, Mean)
        index = np.arange(node.inputs[0].elements).reshape(node.inputs[0].shape)
        reads = stated(node)
        assert reads.before_write
        assert (reads.in_bytes, reads.out_bytes) == (1, 1)
        np.testing.assert_array_equal(reads.first, index.min(axis=node.op.axes).reshape(-1))
        np.testing.assert_array_equal(reads.end, index.max(axis=node.op.axes).reshape(-1) + 1)


def test_a_linear_layer_reads_vector_after_vector() -> None:
    x, y = tensor("x", 1, 3, 8), tensor("y", 1, 3, 2)
    (reads, _) = FullyConnected().reads((x, weights(2, 8)), y)
    assert reads is not None
    assert (reads.in_bytes, reads.out_bytes, reads.before_write) == (8, 2, False)
    assert (reads.first.tolist(), reads.end.tolist()) == ([0, 1, 2], [1, 2, 3])


@pytest.mark.parametrize("kind", DRAW)
def test_rows_not_read_do_not_change_a_row_of_the_answer(kind: str) -> None:
    checked = 0
    for name, node in drawn_nodes(kind):
        if node.op.row_reads(node.inputs, node.output) is None:
            continue
        checked += 1
        values, others = (
            [t.values() if t.is_constant else feed(name, t, k) for t in node.inputs]
            for k in ("random", "random again")
        )
        check_row_reads(node, values, others)
    assert checked


def test_a_window_three_rows_high_needs_a_ring_of_three() -> None:
    x, y = tensor("x", 1, 9, 4, 2), tensor("y", 1, 9, 4, 2)
    (reads,) = MaxPool2D((3, 3), pad=(1, 1, 1, 1)).row_reads((x,), y)
    assert reads is not None
    assert reads.first.tolist() == [0, 0, 1, 2, 3, 4, 5, 6, 7]
    assert reads.end.tolist() == [2, 3, 4, 5, 6, 7, 8, 9, 9]
    assert (reads.in_bytes, reads.out_bytes) == (8, 8)


def test_row_calls_of_a_window_are_the_whole_call_over_rings() -> None:
    x, y = tensor("x", 1, 9, 4, 2), tensor("y", 1, 9, 4, 2)
    op = MaxPool2D((3, 3), pad=(1, 1, 1, 1))
    (call,) = op.row_calls((x,), y, "portable")
    assert call.args == (x, y, Blank.PARAMS, Blank.FIRST_ROW, Blank.END_ROW)
    assert call.params is not None
    rings = [v.tensor for _, v in call.params.fields if isinstance(v, RingRows)]
    assert rings == [x, y]


SUMMED = [
    (AveragePool2D((6, 4)), (tensor("x", 1, 6, 4, 3),), (1, 1, 1, 3), 6, 3),
    (AveragePool2D((8, 2), pad=(1, 0, 1, 0)), (tensor("x", 1, 6, 4, 3),), (1, 1, 3, 3), 6, 9),
    (DepthwiseConv2D(), (tensor("x", 1, 6, 4, 3), weights(1, 6, 1, 6)), (1, 1, 4, 6), 6, 24),
    (FullyConnected(), (tensor("x", 1, 72), weights(5, 72)), (1, 5), 6, 5),
    (Mean((1, 2)), (tensor("x", 1, 6, 4, 3),), (1, 3), 6, 3),
    (Mean((1,)), (tensor("x", 1, 6, 4, 3),), (1, 1, 4, 3), 6, 12),
    (Mean((1,)), (tensor("x", 1, 24, 3),), (1, 3), 6, 3),  # tokens of an image of 6 rows
]


@pytest.mark.parametrize(("op", "inputs", "shape", "rows", "sums"), SUMMED)
def test_an_output_of_one_row_adds_up_its_input(
    op: AveragePool2D | DepthwiseConv2D | FullyConnected | Mean,
    inputs: tuple[Tensor, ...],
    shape: tuple[int, ...],
    rows: int,
    sums: int,
) -> None:
    output = tensor("y", *shape)
    op.check(inputs, output)
    calls = op.accumulate(inputs, output, "portable", rows)
    assert calls is not None
    (call,) = calls
    assert call.scratch_bytes == 4 * sums
    assert call.args[-3:] == (Blank.SCRATCH, Blank.FIRST_ROW, Blank.END_ROW)
    assert call.kernel == f"{op.kind}_rows_s8"


APART = [
    (AveragePool2D((5, 4)), (tensor("x", 1, 6, 4, 3),), (1, 2, 1, 3), 6),  # two rows out
    (AveragePool2D((4, 4), stride=(3, 1)), (tensor("x", 1, 6, 4, 3),), (1, 1, 1, 3), 6),
    (AveragePool2D((6, 4)), (tensor("x", 1, 6, 4, 3),), (1, 1, 1, 3), 24),  # of another shape
    (DepthwiseConv2D(), (tensor("x", 1, 6, 4, 3), weights(1, 5, 1, 3)), (1, 2, 4, 3), 6),
    (FullyConnected(), (tensor("x", 1, 2, 36), weights(5, 36)), (1, 2, 5), 6),  # two vectors
    (FullyConnected(), (tensor("x", 1, 72), weights(5, 72)), (1, 5), 7),  # rows do not divide it
    (Mean((2,)), (tensor("x", 1, 6, 4, 3),), (1, 6, 1, 3), 6),  # rows stay
    (Mean((1,)), (tensor("x", 1, 6, 4, 3),), (1, 4, 3), 6),  # rows of the output are columns
    (Mean((1,)), (tensor("x", 1, 6, 4, 3),), (1, 1, 4, 3), 4),
]


@pytest.mark.parametrize(("op", "inputs", "shape", "rows"), APART)
def test_what_does_not_add_up_by_rows_says_so(
    op: AveragePool2D | DepthwiseConv2D | FullyConnected | Mean,
    inputs: tuple[Tensor, ...],
    shape: tuple[int, ...],
    rows: int,
) -> None:
    output = tensor("y", *shape)
    op.check(inputs, output)
    assert op.accumulate(inputs, output, "portable", rows) is None


def test_a_flattened_input_has_no_rows_of_its_own() -> None:
    inputs = (tensor("x", 1, 6, 4, 3), weights(5, 72))
    assert FullyConnected().row_reads(inputs, tensor("y", 1, 5)) is None
    assert FullyConnected().accumulate(inputs, tensor("y", 1, 5), "portable", 6) is not None


def test_a_mean_that_drops_rows_is_not_run_by_rows() -> None:
    x = tensor("x", 1, 6, 4, 3)
    assert Mean((1, 2)).row_reads((x,), tensor("y", 1, 3)) is None
    assert Mean((2, 3)).row_reads((x,), tensor("y", 1, 6)) is None  # one row of six
    assert Mean((2, 3)).row_reads((x,), tensor("y", 1, 6, 1, 1)) is not None
