# SPDX-License-Identifier: Apache-2.0
"""Derives how far below an input an output must begin, so that it may safely overlap it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from mcuforge.compiler.calls import LAST, Reads
from mcuforge.compiler.graph import Node
from mcuforge.compiler.schedule.pipeline import Pipeline
from mcuforge.compiler.schedule.row_layer import Indices
from mcuforge.compiler.schedule.schedule import Execution
from mcuforge.compiler.tensors import Tensor


def whole_distances(
    node: Node, storage: Mapping[str, Tensor], reads: Sequence[Reads | None] | None = None
) -> dict[str, int]:
    """Find the least distance of the output below each buffer that `node` reads, run whole.

    `storage` gives the buffer of each tensor by name. A buffer may be read twice: under two views,
    or as both operands. `reads`: of each input, if they are known already.
    """
    distances: dict[str, int] = {}
    every = node.op.reads(node.inputs, node.output) if reads is None else reads
    for x, read in zip(node.inputs, every, strict=True):
        if not x.is_constant:
            name = storage[x.name].name
            far = node.output.bytes if read is None else read.distance
            distances[name] = max(far, distances.get(name, far))
    return distances


def least_distance_of_rows(written: Indices, ends: Indices, read: Indices, begins: Indices) -> int:
    """The same for rows that are written and read in any order.

    At times `written` the output is written up to byte `ends`; at times `read` the input is read
    from byte `begins` on. Bytes that are read while a row is written, or later, must lie above that
    row. The result is at least minus the output's size: no input byte is read there any more.
    """
    order = np.argsort(read, kind="stable")
    lowest = np.minimum.accumulate(np.append(begins[order], LAST)[::-1])[::-1]
    still = lowest[np.searchsorted(read[order], written)]
    return int(max(-ends.max(), (ends - still).max()))


class Accesses:
    """Collects when the rows of a pipeline access buffers, and at which of their bytes."""

    def __init__(self) -> None:
        self._found: dict[str, list[tuple[Indices, Indices]]] = {}
        self._begun: dict[str, int] = {}

    def add(self, buffer: str, rows: Indices, places: Indices, shift: int = 0) -> None:
        """Add the accesses of one layer while the pipeline computes rows `rows`, in rising order.

        `places`: where each write ends, or each read begins. `shift`: reads come before (-1) or
        after (1) their row is written.
        """
        self._found.setdefault(buffer, []).append((2 * rows + shift, places))
        begun = int(rows.min(initial=LAST))
        self._begun[buffer] = min(begun, self._begun.get(buffer, LAST))

    def in_order(self) -> Iterator[tuple[str, Indices, Indices]]:
        """Yield (buffer, times, places), int64 (accesses,), in the order of the first access."""
        for buffer in sorted(self._found, key=lambda name: self._begun[name]):
            times, places = zip(*self._found[buffer], strict=True)
            yield buffer, np.concatenate(times), np.concatenate(places)


def least_distances(written: Accesses, read: Accesses) -> Iterator[tuple[str, str, int]]:
    """Yield (input, output, least distance of the output below the input) for every pair."""
    for output, *ends in written.in_order():
        for source, *begins in read.in_order():
            yield source, output, least_distance_of_rows(*ends, *begins)


def pipeline_distances(
    pipeline: Pipeline, output: Tensor, is_input: Callable[[str], bool]
) -> dict[str, int]:
    """The least distance of a pipeline's whole `output` below each input of the pipeline.

    `is_input` is true for the names of tensors that were made before the pipeline.
    """
    rows = pipeline.order.layer_of_row
    written, read = Accesses(), Accesses()
    for i, layer in enumerate(pipeline.layers):
        at = np.flatnonzero(rows == i)
        own = layer.node.output
        if pipeline.owner.get(own.name, own) is output:
            made = at[-1:] if layer.execution is Execution.ACCUMULATE else at
            written.add(output.name, made, (np.arange(len(made)) + 1) * own.row_bytes)
        for need in layer.needs:
            if is_input(need.buffer.name):
                some = need.first[: len(at)] < need.end[: len(at)]
                begins = need.begins[: len(at)][some]
                read.add(need.buffer.name, at[some], begins, -1 if need.before else 1)
    return {name: distance for name, _, distance in least_distances(written, read)}
