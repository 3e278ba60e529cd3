# SPDX-License-Identifier: Apache-2.0
"""Lists the rows that each row of a pipeline reads and writes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from mcuforge.compiler.schedule.row_layer import Indices
from mcuforge.compiler.schedule.schedule import Execution, Layer, Schedule, Stage
from mcuforge.compiler.tensors import Tensor


@dataclass(frozen=True, eq=False)
class RowReads:
    """The rows [first[i], end[i]) of `tensor`, maybe a view, that row i of a layer reads."""

    tensor: Tensor
    first: Indices
    end: Indices
    before: bool  # row i reads all of them before it writes anything


@dataclass(frozen=True, eq=False)
class LayerRows:
    """The rows of one layer, which are computed, arrive, or are added up.

    Row i is row `at[i]` of the pipeline: the rows of a task follow each other. It writes row
    `writes[i]` of the output; -1 means none, as rows are only added up.
    """

    layer: Layer
    at: Indices
    reads: tuple[RowReads, ...]
    writes: Indices


def layer_rows(schedule: Schedule, stage: Stage) -> Iterator[LayerRows]:
    """Yield the rows of every layer of a pipeline."""
    sizes = [task.end - task.begin for task in stage.tasks]
    layers = np.repeat([task.layer for task in stage.tasks], sizes)
    for number, layer in enumerate(stage.layers):
        at = np.flatnonzero(layers == number)
        rows = np.arange(len(at), dtype=np.int64)
        if layer.execution is Execution.ACCUMULATE:
            summed = schedule.values[layer.node.activations[0].name]
            writes = np.where(rows == summed.rows - 1, 0, -1)
            yield LayerRows(layer, at, (RowReads(summed, rows, rows + 1, before=False),), writes)
        else:
            yield LayerRows(layer, at, _reads(layer), rows)


def _reads(layer: Layer) -> tuple[RowReads, ...]:
    """The rows that an operator reads of its inputs; none for rows that arrive."""
    node = layer.node
    if layer.execution is not Execution.ROWS:
        return ()
    reads = node.op.row_reads(node.inputs, node.output)
    assert reads is not None
    return tuple(
        RowReads(x, read.first, read.end, read.before_write)
        for x, read in zip(node.inputs, reads, strict=True)
        if read is not None and not x.is_constant
    )
