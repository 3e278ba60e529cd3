# SPDX-License-Identifier: Apache-2.0
"""What pointwise and movement operators say of their reads, held against what they do.

`reads` against the kernels' own order in one memory; `row_reads` against the operator's meaning;
`row_calls` walked through rings that hold no row longer than `row_reads` asks for.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from functools import cached_property
from math import prod

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcuforge.compiler.calls import Call
from mcuforge.compiler.graph import Node, Op
from mcuforge.compiler.ops.common.broadcast import BroadcastOp
from mcuforge.compiler.ops.common.by_row import LastAxisOp
from mcuforge.compiler.ops.concatenation import Concatenation
from mcuforge.compiler.ops.extremum import Maximum
from mcuforge.compiler.ops.pad import Pad
from mcuforge.compiler.ops.slice import Slice
from mcuforge.compiler.ops.tables.table import TableOp
from mcuforge.compiler.ops.transpose import Transpose
from mcuforge.compiler.tensors import Array, DType, Quant, Tensor
from mcuforge.runtime_c.sources import PORTABLE
from tests.golden.isas import adds_up, in_ring_program
from tests.golden.merge import case_graph, case_modules, cases_of, feed, whole_only
from tests.unit.ops.row_checks import check_distances, check_row_reads, raw, run_rows, run_whole
from tests.unit.ops.test_broadcast import pairs
from tests.unit.ops.walks import is_exact, walk_of

MOVES = {"pad_s8", "fill_s8", "strided_copy_s8"}  # walked to the very values
VALUES_ONLY = (TableOp, BroadcastOp, LastAxisOp)  # their attributes change values, not reads

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Place:
    """One node of one golden case."""

    case: str
    node: Node

    def __str__(self) -> str:
        return f"{self.case}-{self.node.name}".replace(" ", "-")

    @property
    def by_rows(self) -> bool:
        return self.node.op.row_reads(self.node.inputs, self.node.output) is not None

    @cached_property
    def calls(self) -> tuple[Call, ...]:
        return self.node.op.calls(self.node.inputs, self.node.output, PORTABLE)

    @property
    def is_walked(self) -> bool:
        return all(walk_of(call) is not None for call in self.calls)

    @property
    def moves(self) -> bool:
        return {call.kernel for call in self.calls} <= MOVES

    def values(self, kind: str = "random") -> list[Array]:
        return [t.values() if t.is_constant else feed(self.case, t, kind) for t in self.node.inputs]


PLACES = [
    Place(f"{module}-{case.name}", node)
    for module in case_modules()
    for case in cases_of(module)
    for node in case_graph(case).nodes
]


def shape_of(place: Place) -> tuple[object, ...]:
    """All that decides what is read; scales do not."""
    op, output = place.node.op, place.node.output
    inputs = tuple((t.shape, t.dtype, t.is_constant) for t in place.node.inputs)
    attributes = None if isinstance(op, VALUES_ONLY) else op
    return op.kind, attributes, inputs, output.shape, output.dtype


SHAPES = {shape_of(place): place for place in PLACES}.values()
every_exact_walk = pytest.mark.parametrize(
    "place", [p for p in SHAPES if p.calls and all(map(is_exact, p.calls))], ids=str
)
every_row_form = pytest.mark.parametrize("place", [p for p in SHAPES if p.by_rows], ids=str)
every_walked_row_form = pytest.mark.parametrize(
    "place", [p for p in SHAPES if p.by_rows and p.is_walked], ids=str
)


@every_exact_walk
def test_an_output_may_lie_exactly_as_far_over_an_input_as_its_reads_say(place: Place) -> None:
    rng = np.random.default_rng(zlib.crc32(str(place).encode()))
    check_distances(place.node, raw(place.values()), rng)


@every_row_form
def test_an_output_row_is_computed_from_the_rows_its_row_reads_name(place: Place) -> None:
    check_row_reads(place.node, place.values(), place.values("random again"))


@every_walked_row_form
def test_rows_walked_through_rings_give_the_whole_output(place: Place) -> None:
    node = place.node
    if node.op.is_view:
        assert node.op.row_calls(node.inputs, node.output, "portable") == ()
        return
    got = run_rows(node, raw(place.values()))
    assert got == run_whole(node, raw(place.values()))
    if place.moves:
        assert got == node.op.evaluate(node.inputs, node.output, place.values()).tobytes()


def test_every_row_form_runs_through_rings_here_or_in_the_golden_tests() -> None:
    unwalked = [p for p in PLACES if p.by_rows and not p.is_walked]
    untested = {call.kernel for p in unwalked if not in_ring_program(p.node) for call in p.calls}
    assert not untested, "add the loops of these kernels to tests/unit/ops/walks.py"


def test_the_only_barriers_are_copies_and_last_layers() -> None:
    barriers = set()
    for place in PLACES:
        reads = place.node.op.reads(place.node.inputs, place.node.output)
        of_input = dict(zip(place.node.inputs, reads, strict=True))
        if None in [of_input[x] for x in place.node.activations]:
            barriers.add(str(place))
    assert {name.partition("-")[0] for name in barriers} == {
        *("concatenation", "gather", "copy"),
        *("linear_real", "mean_real"),  # float32 outputs: nothing reads them
    }
    assert "concatenation-rows-out0" not in barriers
    assert "concatenation-a-single-input-out0" not in barriers


@pytest.mark.parametrize("module", case_modules())
def test_the_cases_that_only_run_whole_are_those_that_their_file_names(module: str) -> None:
    found = [
        place.case.partition("-")[2]
        for place in PLACES
        if place.case.startswith(f"{module}-")
        and not (place.by_rows or place.node.op.is_view or adds_up(place.node))
    ]
    assert set(found) == set(whole_only(module)), f"correct WHOLE_ONLY of the cases of {module}"


# small shapes of every kind


def tensor(shape: Shape, name: str = "x", data: Array | None = None) -> Tensor:
    return Tensor(name, shape, DType.INT8, Quant((0.1,), 3), data)


def assert_as_said(op: Op, inputs: tuple[Tensor, ...], output: Tensor) -> None:
    op.check(inputs, output)
    node = Node("n", op, inputs, output)
    rng = np.random.default_rng(prod(output.shape))
    values, others = (
        [rng.integers(-128, 128, t.shape, np.int8) if t.data is None else t.data for t in inputs]
        for _ in range(2)
    )
    check_distances(node, raw(values), rng)
    if op.row_reads(inputs, output) is not None:
        check_row_reads(node, values, others)
        assert run_rows(node, raw(values)) == run_whole(node, raw(values))


shapes = st.lists(st.integers(1, 4), min_size=1, max_size=4).map(tuple)
few = settings(deadline=None, max_examples=60)


@few
@given(shapes, st.data())
def test_transposes_read_as_they_say(shape: Shape, data: st.DataObject) -> None:
    perm = data.draw(st.permutations(range(len(shape))))
    output = tensor(tuple(shape[p] for p in perm), "y")
    assert_as_said(Transpose(tuple(perm)), (tensor(shape),), output)


@few
@given(shapes, st.data())
def test_slices_read_as_they_say(shape: Shape, data: st.DataObject) -> None:
    begin, stride, extent = [], [], []
    for size in shape:
        begin.append(data.draw(st.integers(0, size - 1)))
        stride.append(data.draw(st.sampled_from((-2, -1, 1, 1, 2, 3))))
        room = size - 1 - begin[-1] if stride[-1] > 0 else begin[-1]
        extent.append(data.draw(st.integers(1, room // abs(stride[-1]) + 1)))
    op = Slice(tuple(begin), tuple(stride))
    assert_as_said(op, (tensor(shape),), tensor(tuple(extent), "y"))


@few
@given(shapes, st.data())
def test_pads_read_as_they_say(shape: Shape, data: st.DataObject) -> None:
    widths = st.lists(st.integers(0, 2), min_size=len(shape), max_size=len(shape)).map(tuple)
    before, after = data.draw(widths), data.draw(widths)
    output = tuple(map(sum, zip(before, shape, after, strict=True)))
    assert_as_said(Pad(before, after, -77), (tensor(shape),), tensor(output, "y"))


@few
@given(shapes, st.data())
def test_concatenations_read_as_they_say(shape: Shape, data: st.DataObject) -> None:
    axis = data.draw(st.integers(0, len(shape) - 1))
    extents = data.draw(st.lists(st.integers(1, 3), min_size=1, max_size=4))
    inputs = tuple(tensor((*shape[:axis], n, *shape[axis + 1 :])) for n in extents)
    output = tensor((*shape[:axis], sum(extents), *shape[axis + 1 :]), "y")
    assert_as_said(Concatenation(axis), inputs, output)


@few
@given(pairs(), st.booleans())
def test_broadcasts_read_as_they_say(drawn: tuple[Shape, Shape], constant: bool) -> None:
    a, b = drawn
    data = np.arange(prod(b)).astype(np.int8).reshape(b)
    inputs = tensor(a, "a"), tensor(b, "b", data if constant else None)
    assert_as_said(Maximum(), inputs, tensor(np.broadcast_shapes(a, b), "y"))
