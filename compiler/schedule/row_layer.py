# SPDX-License-Identifier: Apache-2.0
"""A layer that runs row by row: the rows of its inputs that each of its steps needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from mcuforge.compiler.calls import Reads
from mcuforge.compiler.graph import Node
from mcuforge.compiler.schedule.arrival import Arrival
from mcuforge.compiler.schedule.kernels import Calls
from mcuforge.compiler.schedule.schedule import Execution
from mcuforge.compiler.tensors import Tensor

Indices = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Needed:
    """The rows [first[t], end[t]) of a buffer that step t of a layer reads."""

    buffer: Tensor
    first: Indices
    end: Indices
    before: bool  # step t reads all of these rows before it writes anything
    in_place: bool  # step t may write its row exactly over row t of this buffer
    together: int = 1  # rows that must follow each other in memory: they are one row of a view
    unit_bytes: int = 0  # bytes of a unit, where a step reads only part of a row
    units: Indices | None = None  # the first unit that step t reads

    @cached_property
    def row_for_row(self) -> bool:
        """True when step t reads row t of the buffer, the whole row and no other."""
        steps = np.arange(len(self.first), dtype=np.int64)
        whole = self.units is None and self.together == 1
        return whole and bool((self.first == steps).all() and (self.end == steps + 1).all())

    def last_steps(self, rows: int, steps: int) -> tuple[Indices, NDArray[np.bool_]]:
        """For each row the last of `steps` steps that reads it, and whether one does.

        Both (rows,): int64 and bool.
        """
        if (rows, steps) not in self._last_steps:
            each = np.arange(rows, dtype=np.int64)
            # `first` and `end` never fall: the last step that begins at or before a row reads it
            step = np.searchsorted(self.first[:steps], each, side="right") - 1
            self._last_steps[rows, steps] = step, (step >= 0) & (self.end[step] > each)
        return self._last_steps[rows, steps]

    @cached_property
    def _last_steps(self) -> dict[tuple[int, int], tuple[Indices, NDArray[np.bool_]]]:
        return {}

    @property
    def begins(self) -> Indices:
        """The first byte of the buffer that each step reads: int64 (steps,)."""
        if self.units is None:
            return self.first * self.buffer.row_bytes
        return self.units * self.unit_bytes


@dataclass(frozen=True, eq=False)
class RowLayer:
    """A node in a pipeline: the rows each of its steps needs, and the rows it finishes."""

    node: Node
    execution: Execution
    steps: int  # output rows, or input rows where they are added up
    needs: tuple[Needed, ...]  # one for each run-time input


def row_layer(node: Node, storage: Mapping[str, Tensor], calls: Calls) -> RowLayer | None:
    """Run the node by rows, or add rows up where that holds less; None if it can do neither."""
    if isinstance(node.op, Arrival):
        return RowLayer(node, Execution.ARRIVE, node.output.rows, ())
    reads = calls.alike(node).reading.by_rows
    summed = _accumulated(node, storage, calls)
    if summed is not None and (reads is None or _holds_less(summed, calls)):
        return summed
    if reads is None or node.output.rows < 1:
        return None
    needs = []
    for x, read in zip(node.inputs, reads, strict=True):
        if x.is_constant:
            continue
        assert read is not None
        needed = _in_rows_of(storage[x.name], x, node.output, read)
        if needed is None:
            return None
        needs.append(needed)
    return RowLayer(node, Execution.ROWS, node.output.rows, tuple(needs))


def _accumulated(node: Node, storage: Mapping[str, Tensor], calls: Calls) -> RowLayer | None:
    if len(node.activations) != 1 or node.output.rows != 1:
        return None
    buffer = storage[node.activations[0].name]
    if not calls.like(node, Execution.ACCUMULATE, buffer.rows):
        return None
    rows = np.arange(buffer.rows, dtype=np.int64)
    need = Needed(buffer, rows, rows + 1, before=False, in_place=False)
    return RowLayer(node, Execution.ACCUMULATE, buffer.rows, (need,))


def _holds_less(summed: RowLayer, calls: Calls) -> bool:
    """True when one row and the sums take fewer bytes than all rows."""
    node, rows = summed.node, summed.steps
    sums = calls.scratch_bytes(node, Execution.ACCUMULATE, rows)
    row_bytes = summed.needs[0].buffer.row_bytes
    return row_bytes + sums < rows * row_bytes


def _in_rows_of(buffer: Tensor, x: Tensor, output: Tensor, read: Reads) -> Needed | None:
    """Express the reads of `x` in rows of the tensor whose bytes it shares.

    A row of one may be several rows of the other, such as the tokens in a line of an image. None
    where neither row is a whole number of the other's.
    """
    first, end = read.first, read.end
    same_size = x.row_bytes == buffer.row_bytes and x.rows == buffer.rows
    if not same_size:
        several, left = divmod(buffer.row_bytes, max(x.row_bytes, 1))
        if several and not left:
            lines = (first // several, -(-end // several))
            return Needed(
                buffer, *lines, read.before_write, False, unit_bytes=x.row_bytes, units=first
            )
        several, left = divmod(x.row_bytes, max(buffer.row_bytes, 1))
        if not several or left:
            return None
        return Needed(buffer, first * several, end * several, read.before_write, False, several)
    same = len(first) == x.rows and bool((first == np.arange(x.rows)).all())
    in_place = read.before_write and same and x.row_bytes == output.row_bytes
    return Needed(buffer, first, end, read.before_write, in_place)
