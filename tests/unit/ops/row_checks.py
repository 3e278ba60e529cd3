# SPDX-License-Identifier: Apache-2.0
"""Checks of what a node says it reads: against its kernels' order and against its meaning."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from functools import partial

import numpy as np

from mcuforge.compiler.calls import Argument, Blob, Call, Reads, RowOf
from mcuforge.compiler.graph import Node
from mcuforge.compiler.tensors import Array, Tensor
from tests.unit.ops.walks import walk

SMALL = 130  # bytes of output up to which every distance is tried


def raw(values: Sequence[Array]) -> list[bytes]:
    """The values as they stand in memory."""
    return [np.ascontiguousarray(v).tobytes() for v in values]


def safe(reads: Reads, distance: int) -> bool:
    """True when by `reads` an output `distance` bytes below the input spoils nothing still read.

    Bytes of unit i are written while units from i on are read, its own unless `before_write`.
    """
    never = np.iinfo(np.int64).max
    later = never
    for i in reversed(range(len(reads.first))):
        begin = int(reads.first[i]) * reads.in_bytes if reads.first[i] < reads.end[i] else never
        still = later if reads.before_write else min(later, begin)
        if (i + 1) * reads.out_bytes - distance > still:
            return False
        later = min(later, begin)
    return True


def run_whole(node: Node, values: Sequence[bytes], shared: int = -1, distance: int = 0) -> bytes:
    """The output's bytes; input `shared` begins `distance` above it, the others stand apart."""
    room = node.output.bytes + sum(t.bytes for t in node.inputs)
    out, end = 2 * room, 5 * room
    memory = bytearray(end + room)
    at = []
    for i, (t, value) in enumerate(zip(node.inputs, values, strict=True)):
        at.append(out + distance if i == shared else end)
        memory[at[i] : at[i] + t.bytes] = value
        end += t.bytes
    for call in node.op.calls(node.inputs, node.output, "portable"):
        named = [operand(argument, node) for argument in call.args]
        walk(call, memory, [at[i] for i in named if i is not None], out)
    return bytes(memory[out : out + node.output.bytes])


def operand(argument: Argument, node: Node) -> int | None:
    """Which input an argument names; None for the output, tables and slots."""
    for i, t in enumerate(node.inputs):
        constant = isinstance(argument, Blob) and t.is_constant and argument.data is t.data
        if argument is t or constant:
            return i
    return None


def check_distances(node: Node, values: Sequence[bytes], rng: np.random.Generator) -> None:
    """From the least distance `reads` allow on answers are right; one less and they can be wrong.

    Other inputs stand apart, so it is each input's own distance.
    """
    stated = node.op.reads(node.inputs, node.output)
    for shared, (x, reads) in enumerate(zip(node.inputs, stated, strict=True)):
        if x.is_constant or reads is None:
            continue
        size = node.output.bytes
        assert len(reads.first) * reads.out_bytes == len(reads.end) * reads.out_bytes == size
        assert reads.first.min() >= 0
        assert reads.end.max() * reads.in_bytes <= x.bytes
        apart = run_whole(node, values)
        every = range(-x.bytes, size + 1)
        least = every[bisect_left(every, True, key=partial(safe, reads))]
        some = every if size <= SMALL else rng.integers(least, size + 1, 6).tolist()
        for distance in {*some, least, least + 1, size}:
            if distance >= least:
                where = (x.name, distance, least)
                assert run_whole(node, values, shared, distance) == apart, where
        if least > -x.bytes:
            assert _goes_wrong(node, shared, least - 1, rng), (x.name, least)


def _goes_wrong(node: Node, shared: int, distance: int, rng: np.random.Generator) -> bool:
    """True when there are values for which this distance spoils the answer."""
    for _ in range(8):
        values = [rng.integers(0, 256, t.bytes, np.uint8).tobytes() for t in node.inputs]
        if run_whole(node, values, shared, distance) != run_whole(node, values):
            return True
    return False


def check_row_reads(node: Node, values: Sequence[Array], others: Sequence[Array]) -> None:
    """A row of the answer is the same whatever stands in the rows it says it does not read."""
    stated = node.op.row_reads(node.inputs, node.output)
    assert stated is not None
    whole = rows_of(node.op.evaluate(node.inputs, node.output, values), node.output)
    for t, reads in zip(node.inputs, stated, strict=True):
        assert (reads is None) is t.is_constant
        if reads is not None:
            assert (reads.in_bytes, reads.out_bytes) == (t.row_bytes, node.output.row_bytes)
            assert len(reads.first) == len(reads.end) == node.output.rows
            assert (np.diff(reads.first) >= 0).all()
            assert (np.diff(reads.end) >= 0).all()
            assert reads.first[0] >= 0
            assert (reads.first <= reads.end).all()
            assert reads.end[-1] <= t.rows
    for row in range(node.output.rows):
        mixed = []
        for t, reads, value, other in zip(node.inputs, stated, values, others, strict=True):
            kept = rows_of(value if reads is None else other, t).copy()
            if reads is not None:
                needed = slice(int(reads.first[row]), int(reads.end[row]))
                kept[needed] = rows_of(value, t)[needed]
            mixed.append(kept.reshape(t.shape))
        got = rows_of(node.op.evaluate(node.inputs, node.output, mixed), node.output)
        np.testing.assert_array_equal(got[row], whole[row])


def rows_of(value: Array, tensor: Tensor) -> Array:
    """(rows, elements of a row)."""
    return value.reshape(tensor.rows, -1)


def run_rows(node: Node, values: Sequence[bytes]) -> bytes:
    """The output's bytes, row by row from rings no larger than `row_reads` needs.

    A ring holds nothing but what is read for the row at hand; the output is one row over and over.
    """
    stated = node.op.row_reads(node.inputs, node.output)
    assert stated is not None
    rings = [
        x.rows if r is None else max(1, int((r.end - r.first).max()))
        for x, r in zip(node.inputs, stated, strict=True)
    ]
    memory = bytearray()
    at = []
    for x, value, held in zip(node.inputs, values, rings, strict=True):
        at.append(len(memory))
        memory += value if x.is_constant else bytes(held * x.row_bytes)
    line = len(memory)
    memory += bytes(node.output.row_bytes)
    calls = node.op.row_calls(node.inputs, node.output, "portable")
    got = b""
    for row in range(node.output.rows):
        memory[line:] = b"\x33" * node.output.row_bytes
        for i, (x, reads) in enumerate(zip(node.inputs, stated, strict=True)):
            if reads is None:
                continue
            size, held = x.row_bytes, rings[i]
            memory[at[i] : at[i] + held * size] = b"\x55" * (held * size)
            for y in range(int(reads.first[row]), int(reads.end[row])):
                to = at[i] + y % held * size
                memory[to : to + size] = values[i][y * size : (y + 1) * size]
        for call in calls:
            if call.rows is None or call.rows[0] <= row < call.rows[1]:
                walk(call, memory, _addresses(call, node, at, rings, row), line)
        got += bytes(memory[line:])
    return got


def _addresses(
    call: Call, node: Node, at: Sequence[int], rings: Sequence[int], row: int
) -> list[int]:
    """Where a row call's operands stand for this row."""
    found = []
    for argument in call.args:
        source = argument.source if isinstance(argument, RowOf) else argument
        i = operand(source, node)
        if i is None:
            continue
        y, size = 0, node.inputs[i].row_bytes
        if isinstance(argument, RowOf):
            y = argument.step * row + argument.first
            size = argument.row_bytes if isinstance(source, Blob) else size
            assert 0 <= y < node.inputs[i].rows
        found.append(at[i] + y % rings[i] * size)
    return found
