# SPDX-License-Identifier: Apache-2.0
"""Slices of rows that move up: what is computed stays the same, bit for bit."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from mcuforge.compiler.attention.read_needed_rows import read_needed_rows
from mcuforge.compiler.graph import Graph, Node, Op
from mcuforge.compiler.ops.add import Add
from mcuforge.compiler.ops.batch_matmul import BatchMatMul
from mcuforge.compiler.ops.slice import Slice
from mcuforge.compiler.tensors import Tensor, unique
from mcuforge.compiler.verify import verify
from tests.unit.compiler.graphs import assert_same_meaning, constant, graph, tensor


def cut_behind(
    op: Op, inputs: Sequence[Tensor], shape: tuple[int, ...], cut: Slice, kept: tuple[int, ...]
) -> Graph:
    """`op`, then a slice of what it writes."""
    made, out = tensor("made", shape), tensor("out", kept)
    nodes = [
        Node("writer", op, tuple(inputs), made, "operator 0"),
        Node("cut", cut, (made,), out, "operator 1"),
    ]
    return graph(unique(x for x in inputs if not x.is_constant), nodes, [out])


def rows(first: int, rank: int, axis: int, step: int = 1) -> Slice:
    """Rows from `first` on."""
    begin = tuple(first if a == axis else 0 for a in range(rank))
    return Slice(begin, tuple(step if a == axis else 1 for a in range(rank)))


X = tensor("x", (1, 6, 8))
IMAGE = tensor("x", (1, 4, 4, 8))
MOVES = {
    "every second row": (Add(), (X, X), X.shape, rows(1, 3, 1, 2), (1, 3, 8)),
    "a number for each row": (
        *(Add(), (X, constant("c", (1, 6, 1))), X.shape),
        *(rows(2, 3, 1), (1, 1, 8)),
    ),
    "a matrix beside itself": (
        *(BatchMatMul(adj_y=True), (X, X), (1, 6, 6)),
        *(rows(1, 3, 1, 2), (1, 2, 6)),
    ),
    "as many lines in a smaller constant as rows": (
        *(Add(), (IMAGE, constant("c", (4, 8))), IMAGE.shape),
        *(rows(1, 4, 1), (1, 1, 4, 8)),
    ),
    "a constant of a dimension less": (
        *(Add(), (IMAGE, constant("c", (4, 4, 8))), IMAGE.shape),
        *(rows(1, 4, 1), (1, 1, 4, 8)),
    ),
    "as many lines in a smaller input as rows": (
        *(Add(), (IMAGE, tensor("y", (4, 8))), IMAGE.shape),
        *(rows(1, 4, 1), (1, 1, 4, 8)),
    ),
}


@pytest.mark.parametrize("case", MOVES)
def test_a_slice_of_rows_moves_up_and_means_the_same(case: str) -> None:
    before = cut_behind(*MOVES[case])
    after = read_needed_rows(before)
    verify(after, case)
    assert sum(n.output.elements for n in after.nodes if not isinstance(n.op, Slice)) < (
        before.nodes[0].output.elements
    )
    assert_same_meaning(before, after)


STAYS = {
    "columns turned round too": (
        *(Add(), (X, X), X.shape),
        *(Slice((0, 0, 7), (1, 1, -1)), (1, 1, 8)),
    ),
    "an input whose rows are others": (
        *(Add(), (IMAGE, tensor("y", (4, 4, 8))), IMAGE.shape),
        *(rows(1, 4, 1), (1, 1, 4, 8)),
    ),
    "rows that depend on each other": (
        *(BatchMatMul(adj_x=True), (tensor("x", (1, 8, 6)), tensor("y", (1, 8, 5))), (1, 6, 5)),
        *(rows(1, 3, 1), (1, 1, 5)),
    ),
}


@pytest.mark.parametrize("case", STAYS)
def test_a_slice_stays_where_it_would_mean_something_else(case: str) -> None:
    before = cut_behind(*STAYS[case])
    assert read_needed_rows(before) is before


def test_what_is_an_output_too_is_computed_whole() -> None:
    before = cut_behind(Add(), (X, X), X.shape, rows(1, 3, 1), (1, 1, 8))
    seen = graph([X], before.nodes, [*before.outputs, before.nodes[0].output])
    assert read_needed_rows(seen) is seen
