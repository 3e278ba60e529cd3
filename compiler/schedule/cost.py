# SPDX-License-Identifier: Apache-2.0
"""Instructions of a layer, estimated: what the scheduler weighs RAM against.

The figures are instructions for each thing `work.py` counts, fitted by `python -m
scripts.calibrate_cost fit` to single layers of many sizes, run whole and by rows, the portable
kernels counted on emulated boards exact to the instruction: netduinoplus2 (Cortex-M4) for armv7em,
qemu-riscv32 for rv32, GCC 12.2 at -O2. On six networks not fitted to (`check`: digits, four of
MLPerf Tiny, MobileNetV2) layers are out by 1 % in the median and 2 to 3 % at the 90th percentile,
whole networks by 2.5 % at most, on Cortex-M7 too; what a plan takes beside the fastest one, by 0.2
points. Farthest out, and hardly ever counting: softmax (20 %, its work depends on the data) and
copies (up to 40 %: how fast a few bytes go depends on where they lie).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mcuforge.compiler.ir import Node
from mcuforge.compiler.schedule.schedule import Form, Schedule
from mcuforge.compiler.schedule.work import Counts, layer_work

ARMV7EM: Mapping[str, Counts] = {
    "add": Counts(task=33.2, call=85.6, output=83.9, run=30.9),
    "average_pool2d": Counts(call=50, position=41.7, output=36.7, run=11, tap=6.01),
    "average_pool2d_rows": Counts(call=57.6, position=41.2, output=45.3, run=8.39, tap=6.46),
    "batch_matmul": Counts(
        task=9.62, call=91.1, position=59.5, output=53.8, run=1.13, tap=3.11, rest=8.33
    ),
    "conv2d_packed": Counts(call=150, position=40, run=75, tap=0.8, rest=1.05, gathered=1.2),
    "conv2d": Counts(
        call=144, position=115, output=69.9, run=26, tap=4.03, rest=5.97, padding=4.01, edge=18.5
    ),
    "depthwise_conv2d": Counts(
        call=117, position=92.8, output=93.5, run=12.6, tap=6.87, padding=6.27, edge=24.4
    ),
    "depthwise_conv2d_packed": Counts(call=100, position=90, run=50, tap=1.8, rest=9, output=5),
    "depthwise_conv2d_rows": Counts(
        call=222, position=57.4, output=61.2, run=19.5, tap=7.02, carried=32.7
    ),
    "dequantize": Counts(task=22, call=3.46, output=11.9, run=1.07),
    "div": Counts(task=12.5, call=138, position=204, output=76.7, run=20.7),
    "fully_connected": Counts(task=22.6, call=24.2, position=26.9, output=59, tap=4.02, rest=4.5),
    "fully_connected_packed": Counts(call=60, run=80, tap=1),
    "fully_connected_rows": Counts(call=75.2, position=81.6, run=19.2, tap=4.04, rest=7.88),
    "layer_norm": Counts(task=9.03, call=39, output=22.1, run=158),
    "max_pool2d": Counts(call=68.7, position=32.1, output=20.9, run=11.6, tap=7.92),
    "maximum": Counts(task=24.2, call=92.7, output=9.97, run=25.6),
    "mean": Counts(task=12.5, call=51.7, output=75.4, tap=5.96),
    "mean_rows": Counts(call=92.3, output=41.5, run=55.7, tap=8.68),
    "minimum": Counts(task=35.4, call=72.3, output=10.1, run=25.4),
    "mul": Counts(task=28.2, call=96.9, output=50.2, run=31.9),
    "pad": Counts(task=32.5, call=39.4, run=87.9, tap=1.87),
    "quantize": Counts(task=21.9, call=5.58, output=43.8, run=1.26),
    "resize_nearest": Counts(call=75.6, run=31.1, tap=0.769),
    "softmax": Counts(task=19.3, call=14.6, output=51.9, run=169),
    "softmax_qdq": Counts(task=15.7, call=31.5, output=26.1, run=157),
    "squared_difference": Counts(task=2.69, call=131, output=118, run=14.5),
    "strided_copy": Counts(call=56.4, output=3.87, run=54.8, tap=1.1),
    "table": Counts(task=26.1, call=10.6, output=9.02),
}
RV32: Mapping[str, Counts] = {
    "add": Counts(task=28.7, call=116, output=106, run=18.1),
    "average_pool2d": Counts(call=66.3, position=28.2, output=30.4, run=7.1, tap=5.01),
    "average_pool2d_rows": Counts(call=57.4, position=30.7, output=55.5, run=8.16, tap=5.23),
    "batch_matmul": Counts(
        task=11.5, call=117, position=34.8, output=48.3, run=0.0284, tap=4.81, rest=7.94
    ),
    "conv2d_packed": Counts(call=150, position=40, run=150, tap=2.55, rest=3.2, gathered=2.5),
    "conv2d": Counts(
        call=167, position=108, output=98.7, run=19.7, tap=4.78, rest=7.55, padding=4.01, edge=15.3
    ),
    "depthwise_conv2d": Counts(
        call=120, position=68.9, output=77.3, run=8.59, tap=6.89, padding=5.08, edge=20
    ),
    "depthwise_conv2d_packed": Counts(call=100, position=90, run=50, tap=4.2, rest=9, output=5),
    "depthwise_conv2d_rows": Counts(
        call=177, position=45.1, output=55.1, run=13.4, tap=7.02, carried=27.6
    ),
    "dequantize": Counts(task=27.1, call=20.2, output=164, run=3.94),
    "div": Counts(task=14, call=171, position=224, output=72.8, run=18.7),
    "fully_connected": Counts(
        task=19.3, call=47.7, position=13.1, output=58.7, tap=4.77, rest=7.37
    ),
    "fully_connected_packed": Counts(call=60, run=120, tap=3.2),
    "fully_connected_rows": Counts(call=92.2, position=61.8, run=16.7, tap=4.79, rest=8.79),
    "layer_norm": Counts(task=21.2, call=59.8, output=23.1, run=182),
    "max_pool2d": Counts(call=74.5, position=22, output=19.2, run=7.7, tap=4.97),
    "maximum": Counts(task=21.5, call=102, output=12.3, run=14.8),
    "mean": Counts(task=16.3, call=62.4, output=64.4, tap=4.97),
    "mean_rows": Counts(call=87.2, output=39.9, run=29.1, tap=5.38),
    "minimum": Counts(task=43.4, call=58.4, output=13.1, run=15.2),
    "mul": Counts(task=25.1, call=117, output=47.2, run=14.9),
    "pad": Counts(task=14, call=64.9, run=47.7, tap=5.17),
    "quantize": Counts(task=22.2, call=41.7, output=378, run=6.12),
    "resize_nearest": Counts(call=91.8, run=15.8, tap=5.98),
    "softmax": Counts(task=22.1, call=50.3, output=48, run=173),
    "softmax_qdq": Counts(task=21.1, call=51.6, output=28.1, run=181),
    "squared_difference": Counts(task=8.21, call=137, output=104, run=4.3),
    "strided_copy": Counts(task=15.1, call=55.4, output=4.66, run=45.5, tap=6.11),
    "table": Counts(task=28, call=8.02, output=9.03),
}
PRICES: Mapping[str, Mapping[str, Counts]] = {"armv7em": ARMV7EM, "rv32": RV32}  # else ARMV7EM
WHOLE_MODEL_ERROR = 0.03  # relative; stated above, held by tests/emulated
ARRIVAL = Counts(call=40)  # a row of a streamed input asked for; the same in every plan


@dataclass(frozen=True)
class LayerCost:
    """Instructions of one inference of a layer: `fixed` for all its `rows`, and more for tasks."""

    rows: int
    fixed: float
    per_task: float

    def of(self, tasks: int, rows: int | None = None) -> float:
        """The estimate for so many tasks; a layer that runs whole is one.

        `rows`: how many of them are run at all, where nobody reads the last ones.
        """
        share = 1.0 if rows is None else rows / max(self.rows, 1)
        return self.fixed * share + tasks * self.per_task


def layer_cost(node: Node, form: Form, rows: int, isa: str, kernel: str = "") -> LayerCost:
    """What `node` run by `rows` rows costs: worked out once, then asked for any number of tasks.

    `kernel`: the one it calls, where there are several for it.
    """
    work = layer_work(node, form, rows, isa, kernel)
    prices = PRICES.get(isa, ARMV7EM)
    fitted = prices.get(work.kernel, prices["add"])  # one not fitted yet counts as an addition
    price = ARRIVAL if form is Form.ARRIVE else fitted
    return LayerCost(rows, _price(work.fixed, price), _price(work.per_task, price))


def schedule_cost(schedule: Schedule, isa: str) -> float:
    """Instructions of one inference as scheduled: the sum of its layers."""
    return sum(schedule_costs(schedule, isa))


def schedule_costs(schedule: Schedule, isa: str) -> tuple[float, ...]:
    """The same layer by layer."""
    costs = []
    for stage in schedule.stages:
        for i, layer in enumerate(stage.layers):
            tasks = [task for task in stage.tasks if task.layer == i]
            of_rows = layer.node.output.rows
            if layer.form is Form.ACCUMULATE:
                of_rows = schedule.buffer(layer.node.activations[0]).rows
            cost = layer_cost(layer.node, layer.form, of_rows, isa, layer.kernel)
            costs.append(cost.of(len(tasks), max((task.end for task in tasks), default=0)))
    return tuple(costs)


def _price(counts: Counts, prices: Counts) -> float:
    return sum(n * price for n, price in zip(counts, prices, strict=True))
