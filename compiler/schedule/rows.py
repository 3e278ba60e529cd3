# SPDX-License-Identifier: Apache-2.0
"""What a pipeline reads and writes, row after row, in the order it runs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from mcuforge.compiler.ir import Tensor
from mcuforge.compiler.schedule.schedule import Form, Layer, Schedule, Stage


@dataclass(frozen=True, eq=False)
class RowEvent:
    """One row computed, arrived, or added up.

    `reads`: (tensor, first row, row after the last, whether all is read before anything is
    written), rows being the tensor's, which may be a view. `writes`: (tensor, first row, row
    after the last); None while rows are only added up.
    """

    task: int  # index into the stage's tasks
    layer: Layer
    reads: tuple[tuple[Tensor, int, int, bool], ...]
    writes: tuple[Tensor, int, int] | None


def row_events(schedule: Schedule, stage: Stage) -> Iterator[RowEvent]:
    """Every row of a pipeline's tasks in order: a task's rows come one after the other."""
    reading = [_Reading(schedule, layer) for layer in stage.layers]
    for number, task in enumerate(stage.tasks):
        for row in range(task.begin, task.end):
            yield reading[task.layer].event(number, row)


class _Reading:
    """The row reads of one layer, looked up once."""

    def __init__(self, schedule: Schedule, layer: Layer) -> None:
        self.layer = layer
        node = layer.node
        self.summed = schedule.values[node.activations[0].name] if node.activations else None
        self.inputs = []
        if layer.form is Form.ROWS:
            reads = node.op.row_reads(node.inputs, node.output)
            assert reads is not None
            for x, read in zip(node.inputs, reads, strict=True):
                if not x.is_constant:
                    assert read is not None
                    self.inputs.append((x, read))

    def event(self, task: int, row: int) -> RowEvent:
        output = self.layer.node.output
        if self.layer.form is Form.ACCUMULATE:
            assert self.summed is not None
            last = row == self.summed.rows - 1
            reads = ((self.summed, row, row + 1, False),)
            return RowEvent(task, self.layer, reads, (output, 0, 1) if last else None)
        needs = tuple(
            (x, int(read.first[row]), int(read.end[row]), read.before_write)
            for x, read in self.inputs
            if read.first[row] < read.end[row]
        )
        return RowEvent(task, self.layer, needs, (output, row, row + 1))
