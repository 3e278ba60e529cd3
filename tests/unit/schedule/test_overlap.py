# SPDX-License-Identifier: Apache-2.0
"""Least distances against a byte-by-byte simulation, and what operators say they read."""

from __future__ import annotations

import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcuforge.compiler.calls import Reads
from mcuforge.compiler.graph import Node
from mcuforge.compiler.tensors import Array, Tensor
from tests.golden.merge import case_graph, case_modules, cases_of, feed

MOST_UNITS = 12  # of an input, whose reach is tried by changing them


def goes_right(reads: Reads, distance: int) -> bool:
    """Run the units in one memory, the output `distance` bytes below the input: is all intact?

    The worst order `Reads` allows: all of a unit is written before anything it needs is read,
    unless that is read before.
    """
    units = len(reads.first)
    used = reads.first < reads.end
    input_bytes = int(reads.end[used].max(initial=0)) * reads.in_bytes
    origin = max(distance, 0)  # of the input; the output starts at origin - distance
    memory = np.zeros(origin + max(input_bytes, units * reads.out_bytes - distance) + 1, bool)
    for i in range(units):
        begin = origin - distance + i * reads.out_bytes
        wanted = slice(
            origin + int(reads.first[i]) * reads.in_bytes,
            origin + int(reads.end[i]) * reads.in_bytes,
        )
        if reads.before_write and memory[wanted].any():
            return False
        memory[begin : begin + reads.out_bytes] = True  # overwritten
        if not reads.before_write and memory[wanted].any():
            return False
    return True


def assert_least(reads: Reads) -> None:
    """The derived distance is the brute-force one."""
    size = len(reads.first) * reads.out_bytes
    least = reads.distance
    assert -size <= least <= size
    if least < size:
        assert all(goes_right(reads, d) for d in range(least, min(least + 9, size + 1)))
    assert goes_right(reads, size)
    assert least == -size or not goes_right(reads, least - 1)


@st.composite
def any_reads(draw: st.DrawFn) -> Reads:
    """Any order of reads at all, units that read nothing included."""
    units = draw(st.integers(1, 8))
    first = np.array([draw(st.integers(0, 9)) for _ in range(units)], np.int64)
    end = first + np.array([draw(st.integers(0, 4)) for _ in range(units)], np.int64)
    sizes = st.integers(1, 5)
    return Reads(draw(sizes), draw(sizes), first, end, draw(st.booleans()))


@settings(deadline=None, max_examples=200, derandomize=True)
@given(any_reads())
def test_derived_distance_is_the_least_that_a_byte_simulation_survives(reads: Reads) -> None:
    assert_least(reads)


@pytest.mark.parametrize("module", case_modules())
def test_distances_of_every_operator_survive_the_byte_simulation(module: str) -> None:
    for node in nodes_of(module):
        for x, reads in zip(node.inputs, node.op.reads(node.inputs, node.output), strict=True):
            if reads is not None and not x.is_constant:
                assert len(reads.first) * reads.out_bytes == node.output.bytes, node.name
                assert_least(reads)


@pytest.mark.parametrize("module", case_modules())
def test_a_unit_depends_on_nothing_but_what_was_read_until_it_was_written(module: str) -> None:
    for node in nodes_of(module):
        for place, reads in enumerate(node.op.reads(node.inputs, node.output)):
            if reads is not None and not node.inputs[place].is_constant:
                assert_reach(node, place, reads, remembers=True)


@pytest.mark.parametrize("module", case_modules())
def test_a_row_depends_on_nothing_but_the_rows_it_is_said_to_read(module: str) -> None:
    for node in nodes_of(module):
        rows = node.op.row_reads(node.inputs, node.output)
        for place, (x, reads) in enumerate(zip(node.inputs, rows or (), strict=rows is not None)):
            if reads is None:
                assert x.is_constant, f"{node.name}: row form without the reads of '{x.name}'"
                continue
            assert (reads.in_bytes, reads.out_bytes) == (x.row_bytes, node.output.row_bytes)
            assert len(reads.first) == node.output.rows
            assert (np.diff(reads.first) >= 0).all(), node.name
            assert (np.diff(reads.end) >= 0).all(), node.name
            assert_reach(node, place, reads, remembers=False)


def nodes_of(module: str) -> list[Node]:
    """The nodes of every golden case, named after the case."""
    return [node for case in cases_of(module) for node in case_graph(case).nodes]


def assert_reach(node: Node, place: int, reads: Reads, remembers: bool) -> None:
    """Change units of the input one at a time: only outputs that read them may change.

    A whole kernel `remembers` what it read for earlier units (softmax its sum); rows do not.
    """
    x, out = node.inputs[place], node.output
    rng = np.random.default_rng(zlib.crc32(f"{node.name}/{place}".encode()))
    values = [
        t.values() if t.is_constant else feed(node.name, t, f"random {i}")
        for i, t in enumerate(node.inputs)
    ]
    right = as_units(node.op.evaluate(node.inputs, out, values), reads.out_bytes)
    units = x.bytes // reads.in_bytes
    assert units * reads.in_bytes == x.bytes
    assert len(right) == len(reads.first)
    assert int(reads.end.max(initial=0)) <= units
    for unit in rng.choice(units, min(units, MOST_UNITS), replace=False):
        changed = list(values)
        changed[place] = with_unit_changed(values[place], x, reads.in_bytes, int(unit), rng)
        got = as_units(node.op.evaluate(node.inputs, out, changed), reads.out_bytes)
        differs = (got != right).any(axis=1)
        reads_it = (reads.first <= unit) & (unit < reads.end)
        if remembers:
            reads_it = np.logical_or.accumulate(reads_it)
        assert not (differs & ~reads_it).any(), f"{node.name}: unit {unit} of input {place}"


def as_units(value: Array, unit_bytes: int) -> Array:
    """A tensor's bytes, one row per unit."""
    raw: Array = np.frombuffer(np.ascontiguousarray(value).tobytes(), np.uint8)
    return raw.reshape(-1, unit_bytes)


def with_unit_changed(
    value: Array, tensor: Tensor, unit_bytes: int, unit: int, rng: np.random.Generator
) -> Array:
    """The value with every element of one unit another."""
    changed = np.ascontiguousarray(value).reshape(-1).copy()
    size = tensor.dtype.itemsize
    begin, end = unit * unit_bytes // size, (unit + 1) * unit_bytes // size
    if tensor.dtype.numpy.kind == "f":
        changed[begin:end] = rng.uniform(-20.0, 20.0, end - begin)
    else:
        raw = changed[begin:end].view(np.uint8)
        raw ^= rng.integers(1, 255, raw.shape, np.uint8, endpoint=True)
    return changed.reshape(tensor.shape)
