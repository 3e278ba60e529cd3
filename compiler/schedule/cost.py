# SPDX-License-Identifier: Apache-2.0
"""Estimate the instructions of a layer: the scheduler weighs RAM against them.

A layer's operator says what its kernels do (`Op.work`, isa/packed_work.py), compiler/isa has the
price of each thing on each instruction set. Whole networks are off by less than WHOLE_MODEL_ERROR,
single layers by more (see compiler/isa/*/prices.toml). docs/kernels.md has the errors of networks
that no price was fitted to. digits is off by 8 % on rv32, whose depthwise kernel is slower where
its rows lie over its input.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from mcuforge.compiler.graph import Node
from mcuforge.compiler.isa import find_instruction_set
from mcuforge.compiler.isa.packed_work import POINT, PackedShape, packed_work
from mcuforge.compiler.ops.convolution import ConvolutionOp
from mcuforge.compiler.ops.fully_connected import FullyConnected
from mcuforge.compiler.schedule.arrival import Arrival
from mcuforge.compiler.schedule.schedule import Execution, Layer, Schedule, Task
from mcuforge.compiler.work import CALLED, NONE, Counts, Work
from mcuforge.errors import InternalError

WHOLE_MODEL_ERROR = 0.10  # relative; held by tests/emulated
ARRIVAL = Counts(call=40)  # a row of a streamed input asked for; the same in every plan


@dataclass(frozen=True)
class LayerCost:
    """Instructions of one inference of a layer: `fixed` for all its `rows`, and more for tasks.

    `left`: what 1, 2, ... pixels cost more that a task leaves over, a row having `width` pixels and
    the kernel taking one more than there are costs.
    """

    rows: int
    fixed: float
    per_task: float
    left: tuple[float, ...] = ()
    width: int = 1

    def of(self, tasks: int, rows: int | None = None) -> float:
        """The estimate for so many tasks; a layer that runs whole is one.

        `rows`: how many of them are run at all, where nobody reads the last ones.
        """
        made = self.rows if rows is None else rows
        over = -(-made // max(tasks, 1)) * self.width % (len(self.left) + 1)
        share = made / max(self.rows, 1)
        return self.fixed * share + tasks * (self.per_task + (self.left[over - 1] if over else 0.0))


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
        tuple(_price(left, price) for left in work.left),
        pixels // max(rows, 1),
    )


def layer_work(node: Node, form: Execution, rows: int, isa: str, kernel: str = "") -> Work:
    """What one inference of `node` in `form` does; run whole, it is one task.

    `rows`: how many it is run by, of the output, or of the input where they are added up. `kernel`:
    the one it calls, where there are several for it.
    """
    op, inputs, output = node.op, node.inputs, node.output
    if kernel in find_instruction_set(isa).packed_kernels:
        return packed_work(kernel, _packed_shape(node), isa)
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
    for layer, of_rows, tasks in layer_tasks(schedule):
        cost = layer_cost(layer.node, layer.execution, of_rows, isa, layer.kernel)
        costs.append(cost.of(len(tasks), max((task.end for task in tasks), default=0)))
    return tuple(costs)


def _packed_shape(node: Node) -> PackedShape:
    op, x, output = node.op, node.inputs[0], node.output
    assert isinstance(op, ConvolutionOp | FullyConnected), "no other operator packs weights"
    window = op.window(node.inputs[1]) if isinstance(op, ConvolutionOp) else POINT
    taps = op.macs(node.inputs, output) // output.elements
    return PackedShape(x, output, window, taps, op.act, op.multipliers(node.inputs, output))


def layer_tasks(schedule: Schedule) -> Iterator[tuple[Layer, int, list[Task]]]:
    """Yield each layer, the rows that it is run by (`layer_work`) and its tasks."""
    for stage in schedule.stages:
        for i, layer in enumerate(stage.layers):
            of_rows = layer.node.output.rows
            if layer.execution is Execution.ACCUMULATE:
                of_rows = schedule.buffer(layer.node.activations[0]).rows
            yield layer, of_rows, [task for task in stage.tasks if task.layer == i]


def _price(counts: Counts, prices: Counts) -> float:
    return sum(n * price for n, price in zip(counts, prices, strict=True))
