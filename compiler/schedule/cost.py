# SPDX-License-Identifier: Apache-2.0
"""Estimate the instructions of a layer: the scheduler weighs RAM against them.

A layer's operator says what its kernels do (`Op.work`), compiler/isa has the price of each thing on
each instruction set. Whole networks are off by less than WHOLE_MODEL_ERROR, single layers by more
(see compiler/isa/*/prices.toml): transformers on Cortex-M7 by 5 %, digits by 5 to 12 % (the
depthwise kernel of rv32 is slower where its rows lie over its input).
"""

from __future__ import annotations

from dataclasses import dataclass

from mcuforge.compiler.graph import Node
from mcuforge.compiler.isa import find_instruction_set
from mcuforge.compiler.isa.packed import packed_work
from mcuforge.compiler.schedule.arrival import Arrival
from mcuforge.compiler.schedule.schedule import Execution, Schedule
from mcuforge.compiler.work import CALLED, NONE, Counts, Work
from mcuforge.errors import InternalError

WHOLE_MODEL_ERROR = 0.12  # relative; held by tests/emulated
ARRIVAL = Counts(call=40)  # a row of a streamed input asked for; the same in every plan


@dataclass(frozen=True)
class LayerCost:
    """Instructions of one inference of a layer: `fixed` for all its `rows`, and more for tasks.

    `alone`: what a pixel costs more that a task leaves over, a row having `width` and the kernel
    taking `at_once`.
    """

    rows: int
    fixed: float
    per_task: float
    alone: float = 0.0
    width: int = 1
    at_once: int = 1

    def of(self, tasks: int, rows: int | None = None) -> float:
        """The estimate for so many tasks; a layer that runs whole is one.

        `rows`: how many of them are run at all, where nobody reads the last ones.
        """
        made = self.rows if rows is None else rows
        left = -(-made // max(tasks, 1)) * self.width % self.at_once
        share = made / max(self.rows, 1)
        return self.fixed * share + tasks * (self.per_task + left * self.alone)


def layer_cost(node: Node, form: Execution, rows: int, isa: str, kernel: str = "") -> LayerCost:
    """What `node` run by `rows` rows costs: worked out once, then asked for any number of tasks.

    `kernel`: the one it calls, where there are several for it.
    """
    work = layer_work(node, form, rows, isa, kernel)
    arrives = isinstance(node.op, Arrival)
    price = ARRIVAL if arrives else find_instruction_set(isa).price(work.kernel)
    pixels = node.output.elements // max(node.output.shape[-1:] or (1,))
    return LayerCost(
        rows,
        _price(work.fixed, price),
        _price(work.per_task, price),
        _price(work.alone, price),
        pixels // max(rows, 1),
        work.at_once,
    )


def layer_work(node: Node, form: Execution, rows: int, isa: str, kernel: str = "") -> Work:
    """What one inference of `node` in `form` does; run whole, it is one task.

    `rows`: how many it is run by, of the output, or of the input where they are added up. `kernel`:
    the one it calls, where there are several for it.
    """
    op, inputs, output = node.op, node.inputs, node.output
    if kernel in find_instruction_set(isa).packed_kernels:
        return packed_work(inputs, output, op.macs(inputs, output), isa, kernel)
    if isinstance(op, Arrival):
        return Work("", NONE, CALLED)
    match form:
        case Execution.WHOLE:
            return op.work(inputs, output)
        case Execution.ROWS:
            return op.row_work(inputs, output)
        case Execution.ACCUMULATE:
            return op.accumulate_work(inputs, output, rows)
        case Execution.ARRIVE:
            raise InternalError(f"'{node.name}' is not a streamed input, but its rows arrive")


def schedule_costs(schedule: Schedule, isa: str) -> tuple[float, ...]:
    """Instructions of one inference as scheduled, layer by layer."""
    costs = []
    for stage in schedule.stages:
        for i, layer in enumerate(stage.layers):
            tasks = [task for task in stage.tasks if task.layer == i]
            of_rows = layer.node.output.rows
            if layer.execution is Execution.ACCUMULATE:
                of_rows = schedule.buffer(layer.node.activations[0]).rows
            cost = layer_cost(layer.node, layer.execution, of_rows, isa, layer.kernel)
            costs.append(cost.of(len(tasks), max((task.end for task in tasks), default=0)))
    return tuple(costs)


def _price(counts: Counts, prices: Counts) -> float:
    return sum(n * price for n, price in zip(counts, prices, strict=True))
