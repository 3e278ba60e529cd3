# SPDX-License-Identifier: Apache-2.0
"""Products of two activations: what is refused, what is read, which forms run by rows."""

from __future__ import annotations

import numpy as np
import pytest

from mcuforge.compiler.calls import RowOf
from mcuforge.compiler.graph import Node
from mcuforge.compiler.ops.batch_matmul import MAX_DEPTH, BatchMatMul
from mcuforge.compiler.tensors import DType, Quant, Tensor
from mcuforge.errors import Refusal
from tests.golden.merge import case_graph, cases_of, feed
from tests.unit.ops.row_checks import check_row_reads

Shape = tuple[int, ...]


def tensor(shape: Shape, name: str = "x", quant: Quant | None = None) -> Tensor:
    return Tensor(name, shape, DType.INT8, quant or Quant((0.1,), 3))


def product(op: BatchMatMul, a: Shape, b: Shape, out: Shape) -> Node:
    inputs, output = (tensor(a, "a"), tensor(b, "b")), tensor(out, "y")
    op.check(inputs, output)
    return Node("n", op, inputs, output)


@pytest.mark.parametrize(
    ("op", "a", "b", "out", "what"),
    [
        (BatchMatMul(), (1, 4, 5), (1, 6, 5), (1, 4, 6), "[..., m, k] and [..., k, n]"),
        (BatchMatMul(adj_y=True), (1, 4, 5), (1, 5, 6), (1, 4, 6), "expected [..., m, k]"),
        (BatchMatMul(), (1, 2, 4, 5), (1, 3, 5, 6), (1, 3, 4, 6), "expected [..., m, k]"),
        (BatchMatMul(), (1, 4, 5), (1, 5, 6), (1, 6, 4), "this operator gives [1, 4, 6]"),
        (BatchMatMul(), (5,), (5, 6), (6,), "supported rank: 2 or 3 or 4 or 5"),
        (BatchMatMul(), (1,) * 5 + (4,), (4, 6), (1,) * 5 + (6,), "supported rank: 2 or 3"),
        (
            BatchMatMul(),
            (1, MAX_DEPTH + 1),
            (MAX_DEPTH + 1, 1),
            (1, 1),
            "sums 33026 products, supported: up to 33025",
        ),
    ],
)
def test_what_no_kernel_defines_is_refused(
    op: BatchMatMul, a: Shape, b: Shape, out: Shape, what: str
) -> None:
    with pytest.raises(Refusal) as caught:
        product(op, a, b, out)
    assert what in caught.value.what
    assert caught.value.hint


def test_one_scale_per_column_is_refused() -> None:
    b = tensor((1, 5, 2), "b", Quant((0.1, 0.2), 0, 2))
    with pytest.raises(Refusal, match="one scale"):
        BatchMatMul().check((tensor((1, 4, 5)), b), tensor((1, 4, 2)))


@pytest.mark.parametrize("op", [BatchMatMul(x, y) for x in (False, True) for y in (False, True)])
def test_the_longest_sums_of_extremes_fit_an_int32(op: BatchMatMul) -> None:
    a = tensor((MAX_DEPTH, 1) if op.adj_x else (1, MAX_DEPTH), "a", Quant((1e-4,), 127))
    b = tensor((1, MAX_DEPTH) if op.adj_y else (MAX_DEPTH, 1), "b", Quant((1e-4,), 127))
    y = tensor((1, 1), "y", Quant((0.2,), -128))
    op.check((a, b), y)
    values = [np.full(t.shape, -128, np.int8) for t in (a, b)]
    assert MAX_DEPTH * 255 * 255 < 2**31
    assert op.evaluate((a, b), y, values) == round(MAX_DEPTH * 0.0255**2 / 0.2) - 128


def test_products_are_counted_with_their_batches() -> None:
    heads = product(BatchMatMul(adj_y=True), (1, 3, 64, 32), (1, 3, 64, 32), (1, 3, 64, 64))
    assert heads.op.macs(heads.inputs, heads.output) == 3 * 64 * 64 * 32


def test_every_row_form_reads_what_it_says() -> None:
    """Rows that are tokens take all of b; rows that are heads one matrix of each."""
    seen = 0
    for case in cases_of("batch_matmul"):
        for node in case_graph(case).nodes:
            if not isinstance(node.op, BatchMatMul):
                continue
            if node.op.row_reads(node.inputs, node.output) is None:
                continue
            drawn = [
                [t.values() if t.is_constant else feed(case.name, t, kind) for t in node.inputs]
                for kind in ("random", "random again")
            ]
            check_row_reads(node, *drawn)
            seen += 1
    assert seen > 20


@pytest.mark.parametrize(
    ("op", "a", "b", "out", "first", "end"),
    [
        # tokens: row i of the scores from row i of q and every row of k
        (BatchMatMul(adj_y=True), (1, 5, 8), (1, 7, 8), (1, 5, 7), (2, 0), (3, 7)),
        (BatchMatMul(), (1, 5, 7), (7, 8), (1, 5, 8), (2, 0), (3, 7)),
        # heads: matrix i of each
        (BatchMatMul(adj_x=True), (1, 3, 8, 5), (1, 3, 8, 6), (1, 3, 5, 6), (2, 2), (3, 3)),
        (BatchMatMul(), (1, 3, 4, 5), (1, 1, 5, 6), (1, 3, 4, 6), (2, 0), (3, 1)),
    ],
)
def test_rows_are_tokens_or_heads(
    op: BatchMatMul, a: Shape, b: Shape, out: Shape, first: tuple[int, int], end: tuple[int, int]
) -> None:
    node = product(op, a, b, out)
    reads = op.row_reads(node.inputs, node.output)
    assert reads is not None
    known = [r for r in reads if r is not None]
    assert tuple(int(r.first[2]) for r in known) == first
    assert tuple(int(r.end[2]) for r in known) == end


@pytest.mark.parametrize(
    ("op", "a", "b", "out"),
    [
        (BatchMatMul(adj_x=True), (1, 6, 4), (1, 6, 9), (1, 4, 9)),  # a row reads a column
        (BatchMatMul(), (3, 4, 5), (3, 5, 6), (3, 4, 6)),  # rows of several products
        (BatchMatMul(), (2, 1, 4, 5), (1, 3, 5, 6), (2, 3, 4, 6)),  # repeated in turn
    ],
)
def test_other_forms_run_whole(op: BatchMatMul, a: Shape, b: Shape, out: Shape) -> None:
    node = product(op, a, b, out)
    assert op.row_reads(node.inputs, node.output) is None


def test_a_row_is_one_row_of_a_and_b_from_its_beginning() -> None:
    node = product(BatchMatMul(adj_y=True), (1, 5, 8), (1, 7, 8), (1, 5, 7))
    (call,) = node.op.row_calls(node.inputs, node.output, "portable")
    of_a, of_b, of_y = (a for a in call.args if isinstance(a, RowOf))
    assert (of_a.source, of_a.step, of_a.first) == (node.inputs[0], 1, 0)
    assert (of_b.source, of_b.step, of_b.first) == (node.inputs[1], 0, 0)
    assert of_y.source is node.output
    assert call.params is not None
    assert dict(call.params.fields)["rows"] == 1


def test_an_output_may_lie_over_the_rows_of_a_it_is_done_with() -> None:
    node = product(BatchMatMul(), (1, 4, 8), (1, 8, 8), (1, 4, 8))
    of_a, of_b = node.op.reads(node.inputs, node.output)
    assert of_a is not None
    assert of_b is not None
    assert (of_a.in_bytes, of_a.out_bytes, tuple(of_a.first)) == (8, 8, (0, 1, 2, 3))
    assert (of_b.in_bytes, of_b.out_bytes, tuple(of_b.end)) == (64, 8, (1, 1, 1, 1))
