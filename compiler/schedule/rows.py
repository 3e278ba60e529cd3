# SPDX-License-Identifier: Apache-2.0
"""What each row of a pipeline reads and writes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from mcuforge.compiler.ir import Tensor
from mcuforge.compiler.schedule.pipeline import Indices
from mcuforge.compiler.schedule.schedule import Execution, Layer, Schedule, Stage


@dataclass(frozen=True, eq=False)
class RowReads:
    """The rows [first[i], end[i]) of `tensor`, a view maybe, that row i of a layer reads."""

    tensor: Tensor
    first: Indices
    end: Indices
    before: bool  # all is read before anything is written


@dataclass(frozen=True, eq=False)
class LayerRows:
    """The rows of a layer that are computed, arrive, or are added up, all at once.

    Row i is the pipeline's row `at[i]`: a task's rows come one after the other. It writes row
    `writes[i]` of the output, -1 for none while rows are only added up.
    """

    layer: Layer
    at: Indices
    reads: tuple[RowReads, ...]
    writes: Indices


def layer_rows(schedule: Schedule, stage: Stage) -> Iterator[LayerRows]:
    """The rows of every layer of a pipeline."""
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
    """What an operator says of its inputs; nothing of rows that arrive."""
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
