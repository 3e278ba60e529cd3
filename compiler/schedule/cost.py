# SPDX-License-Identifier: Apache-2.0
"""Instructions of a layer, estimated: what the scheduler weighs RAM against."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mcuforge.compiler.ir import Node
from mcuforge.compiler.schedule.schedule import Form, Schedule
from mcuforge.compiler.schedule.work import Counts, layer_work

DEFAULT = Counts(task=25, call=150, position=50, output=30, run=15, tap=6, rest=6)
ARMV7EM: Mapping[str, Counts] = {}
RV32: Mapping[str, Counts] = {}
PRICES: Mapping[str, Mapping[str, Counts]] = {"rv32": RV32}  # all others: ARMV7EM


@dataclass(frozen=True)
class LayerCost:
    """Instructions of one inference of a layer: `fixed` + tasks * `per_task`."""

    fixed: float
    per_task: float

    def of(self, tasks: int) -> float:
        """The estimate for so many tasks; a layer that runs whole is one."""
        return self.fixed + tasks * self.per_task


def layer_cost(node: Node, form: Form, rows: int, isa: str) -> LayerCost:
    """What `node` run by `rows` rows costs: worked out once, then asked for any number of tasks."""
    work = layer_work(node, form, rows)
    prices = PRICES.get(isa, ARMV7EM).get(work.kernel, DEFAULT)
    return LayerCost(_price(work.fixed, prices), _price(work.per_task, prices))


def schedule_cost(schedule: Schedule, isa: str) -> float:
    """Instructions of one inference as scheduled: the sum of its layers."""
    return sum(schedule_costs(schedule, isa))


def schedule_costs(schedule: Schedule, isa: str) -> tuple[float, ...]:
    """The same layer by layer."""
    costs = []
    for stage in schedule.stages:
        for i, layer in enumerate(stage.layers):
            tasks = [task for task in stage.tasks if task.layer == i]
            rows = max(task.end for task in tasks)
            costs.append(layer_cost(layer.node, layer.form, rows, isa).of(len(tasks)))
    return tuple(costs)


def _price(counts: Counts, prices: Counts) -> float:
    return sum(n * price for n, price in zip(counts, prices, strict=True))
