# SPDX-License-Identifier: Apache-2.0
"""The strides handed to broadcasting kernels read what numpy's rule says, in few dimensions."""

from __future__ import annotations

import itertools
from math import prod

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcuforge.compiler.ops.add import Add
from mcuforge.compiler.ops.common.broadcast import Shape, broadcast, check_broadcast
from mcuforge.compiler.ops.extremum import Maximum
from mcuforge.compiler.tensors import DType, Quant, Tensor
from mcuforge.errors import Refusal


def tensor(name: str, shape: Shape, scale: float = 0.1) -> Tensor:
    return Tensor(name, shape, DType.INT8, Quant((scale,), 3))


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Shape, Shape]:
    """Two shapes that broadcast, each with dimensions of 1 and missing ones."""
    full = draw(st.lists(st.integers(1, 3), min_size=1, max_size=5))
    shapes = []
    for _ in range(2):
        kept = [n if draw(st.booleans()) else 1 for n in full]
        shapes.append(tuple(kept[draw(st.integers(0, len(kept))) :]))
    return shapes[0], shapes[1]


@given(pairs())
def test_the_walk_reads_what_numpy_broadcasts(shapes: tuple[Shape, Shape]) -> None:
    a, b = (np.arange(prod(s)).reshape(s) for s in shapes)
    walk = broadcast(*shapes)
    places = list(itertools.product(*(range(n) for n in walk.dims)))
    for array, strides in ((a, walk.stride_a), (b, walk.stride_b)):
        read = [sum(i * s for i, s in zip(place, strides, strict=True)) for place in places]
        shape = np.broadcast_shapes(*shapes)
        assert read == np.broadcast_to(array, shape).reshape(-1).tolist()


def test_equal_shapes_are_one_row() -> None:
    walk = broadcast((1, 4, 5, 3), (1, 4, 5, 3))
    assert walk.dims == (1, 1, 1, 1, 60)
    assert walk.stride_a[-1] == walk.stride_b[-1] == 1


def test_a_constant_per_channel_is_rows_of_channels() -> None:
    walk = broadcast((1, 4, 5, 3), (3,))
    assert walk.dims == (1, 1, 1, 20, 3)
    assert walk.stride_b[3:] == (0, 1)


def test_only_a_full_input_may_lie_right_under_the_output() -> None:
    inputs = (tensor("a", (1, 4, 3)), tensor("b", (3,)))
    full, repeated = Add().reads(inputs, tensor("y", (1, 4, 3)))
    assert full is not None
    assert repeated is not None
    assert full.distance == 0
    assert repeated.distance == 9  # all rows but the last are written before b's first goes


def test_six_dimensions_in_turn_are_refused() -> None:
    a, b = tensor("a", (2, 1, 2, 1, 2, 1)), tensor("b", (1, 2, 1, 2, 1, 2))
    with pytest.raises(Refusal, match="6 after merging, supported: up to 5"):
        check_broadcast((a, b), tensor("y", (2, 2, 2, 2, 2, 2)))


def test_shapes_that_do_not_broadcast_are_refused() -> None:
    with pytest.raises(Refusal, match=r"\[1, 4\] and \[3\] of 'a' and 'b' differ"):
        check_broadcast((tensor("a", (1, 4)), tensor("b", (3,))), tensor("y", (1, 4)))


def test_an_output_of_another_shape_is_refused() -> None:
    with pytest.raises(Refusal, match=r"'y' has shape \[1, 3\], this operator gives \[1, 4\]"):
        check_broadcast((tensor("a", (1, 4)), tensor("b", (1,))), tensor("y", (1, 3)))


def test_a_maximum_across_two_scales_is_refused() -> None:
    with pytest.raises(Refusal, match="differ in scale or zero point"):
        Maximum().check((tensor("a", (4,)), tensor("b", (4,), 0.2)), tensor("y", (4,)))


def test_a_sum_too_coarse_for_its_output_is_refused() -> None:
    inputs = (tensor("a", (4,), 1e6), tensor("b", (4,)))
    with pytest.raises(Refusal, match=r"over 2\*\*19 times the output scale"):
        Add().check(inputs, tensor("y", (4,), 1.0))
