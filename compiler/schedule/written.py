# SPDX-License-Identifier: Apache-2.0
"""Which bytes of its buffer a step writes, where the buffer may be a ring of rows."""

from __future__ import annotations

from collections.abc import Iterator

from mcuforge.compiler.schedule.schedule import Execution, Layer, Schedule, Task


def rows_written(schedule: Schedule, layer: Layer, task: Task) -> Iterator[tuple[int, int, int]]:
    """What a step writes, as (byte of the layer's output, byte of its buffer, bytes).

    One triple per run of rows that lie together. Nothing while an accumulating layer has not yet
    read its last row.
    """
    out = layer.node.output
    if (
        layer.execution is Execution.ACCUMULATE
        and task.end < schedule.buffer(layer.node.activations[0]).rows
    ):
        return
    if layer.execution is not Execution.ROWS and layer.execution is not Execution.ARRIVE:
        yield 0, 0, out.bytes
        return
    ring, size = schedule.rows_held(out), out.row_bytes
    row = task.begin
    while row < task.end:
        count = min(task.end - row, ring - row % ring)
        yield row * size, row % ring * size, count * size
        row += count
