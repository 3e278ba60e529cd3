# SPDX-License-Identifier: Apache-2.0
"""Instructions of a layer, estimated: what the scheduler weighs RAM against.

The figures are instructions for each thing `work.py` counts, fitted by `python -m
scripts.calibrate_cost fit` to single layers of many sizes, run whole and by rows, counted on
emulated boards: netduinoplus2 (Cortex-M4) for armv7em, qemu-riscv32 for rv32, qemu-mps3-an547 for
helium, GCC 12.2 at -O2. Portable kernels are out by 1 % in the median. Those of an ISA have edges
that nothing counted tells of (channels that fill no word, pixels that fill no pair): packed
convolutions are out by 5 to 16 % in the median and 35 % at the 90th percentile of shapes drawn at
random, most of which no network has. Networks are out by less: transformers on Cortex-M7 by 5 %,
digits by 5 to 12 % (rv32's depthwise is slower where its rows lie over its input). By hand, from
networks' layers: packed vectors (ad01's), and rv32's packed depthwise (3x3 ones, as kws and vww
have them; others take up to twice as many).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mcuforge.compiler.ir import Node
from mcuforge.compiler.schedule.schedule import Execution, Schedule
from mcuforge.compiler.schedule.work import Counts, layer_work

ARMV7EM: Mapping[str, Counts] = {
    "add": Counts(task=57.4, call=157, output=17.7, run=82.6),
    "average_pool2d": Counts(call=592, position=60.1, output=38.8, run=9.78),
    "average_pool2d_rows": Counts(call=91.3, position=86.1, output=76.7, run=0.965, tap=2.27),
    "batch_matmul": Counts(
        task=13.1, call=85.1, position=31.8, output=4.56, run=56.8, tap=1.75, rest=6.52
    ),
    "conv2d_packed": Counts(
        call=215, position=140, run=74.5, tap=0.783, rest=0.838, gathered=1.03, in_bytes=4.51
    ),
    "conv2d": Counts(
        call=144, position=115, output=69.9, run=26, tap=4.03, rest=5.97, padding=4.01, edge=18.5
    ),
    "depthwise_conv2d": Counts(
        call=117, position=92.8, output=93.5, run=12.6, tap=6.87, padding=6.27, edge=24.4
    ),
    "depthwise_conv2d_packed": Counts(call=176, position=96.6, output=9.5, tap=1.59, rest=17.6),
    "depthwise_conv2d_rows": Counts(
        call=225, position=57.3, output=61.2, run=19.6, tap=7.02, carried=32.6
    ),
    "dequantize": Counts(task=22, call=3.46, output=11.9, run=1.07),
    "div": Counts(task=7.11, call=151, position=204, output=76.8, run=26.4),
    "fully_connected": Counts(task=22.6, call=24.2, position=26.9, output=59, tap=4.02, rest=4.5),
    "fully_connected_packed": Counts(call=60, run=40, tap=1.03),
    "fully_connected_rows": Counts(call=81.2, position=76.7, run=19.3, tap=4.04, rest=7.66),
    "layer_norm": Counts(task=8.99, call=51.9, output=13.9, run=171),
    "max_pool2d": Counts(call=360, position=72.1, output=6.71, run=6.47, tap=1.26),
    "maximum": Counts(task=27, call=91.8, output=10, run=25.4),
    "mean": Counts(call=293, output=74, tap=1.1),
    "mean_rows": Counts(call=257, output=54.4, run=24.3, tap=0.616),
    "minimum": Counts(task=53.5, call=42.1, output=10.6, run=25.5),
    "mul": Counts(task=43.3, call=156, output=12.3, run=52.1),
    "pad": Counts(task=32.5, call=39.4, run=87.9, tap=1.87),
    "quantize": Counts(task=21.9, call=5.58, output=43.8, run=1.26),
    "resize_nearest": Counts(call=75.6, run=31.1, tap=0.769),
    "softmax": Counts(task=5.61, call=75, output=23.1, run=187),
    "softmax_qdq": Counts(task=19.4, call=37.1, output=15.9, run=232),
    "squared_difference": Counts(call=212, output=14.5),
    "strided_copy": Counts(call=56.4, output=3.87, run=54.8, tap=1.1),
    "table": Counts(task=28.4, call=23.7, output=3.52),
}
RV32: Mapping[str, Counts] = {
    "add": Counts(task=90.4, call=177, output=28.3, run=79.9),
    "average_pool2d": Counts(call=66.6, position=29.1, output=30.3, run=7.12, tap=5),
    "average_pool2d_rows": Counts(call=92.2, position=23.1, output=63.9, run=7.85, tap=4.97),
    "batch_matmul": Counts(call=123, position=142, output=27.2, tap=4.92, rest=7.83),
    "conv2d_packed": Counts(
        call=323,
        position=136,
        output=17.5,
        run=70.3,
        tap=2.49,
        rest=3.29,
        gathered=2.06,
        in_bytes=3.87,
    ),
    "conv2d": Counts(
        call=167, position=108, output=98.7, run=19.7, tap=4.78, rest=7.55, padding=4.01, edge=15.3
    ),
    "depthwise_conv2d": Counts(
        call=120, position=68.9, output=77.3, run=8.59, tap=6.89, padding=5.08, edge=20
    ),
    "depthwise_conv2d_packed": Counts(call=200, position=60, run=25, tap=4.4),
    "depthwise_conv2d_rows": Counts(
        call=177, position=45.1, output=55.1, run=13.4, tap=7.02, carried=27.6
    ),
    "dequantize": Counts(task=27.1, call=20.2, output=164, run=3.94),
    "div": Counts(task=14, call=171, position=224, output=72.8, run=18.7),
    "fully_connected": Counts(
        task=19.3, call=47.7, position=13.1, output=58.7, tap=4.77, rest=7.37
    ),
    "fully_connected_packed": Counts(call=60, run=50, tap=3.15),
    "fully_connected_rows": Counts(call=92.2, position=61.8, run=16.7, tap=4.79, rest=8.79),
    "layer_norm": Counts(task=80.1, call=41.6, output=18.1, run=190),
    "max_pool2d": Counts(call=86.7, position=22.2, output=18, run=8.51, tap=4.83),
    "maximum": Counts(task=28.6, call=109, output=12.4, run=14.9),
    "mean": Counts(task=50, call=52.6, output=64.4, tap=4.99),
    "mean_rows": Counts(call=135, output=41.5, run=29.8, tap=4.98),
    "minimum": Counts(call=102, output=12.4, run=15.4),
    "mul": Counts(task=73.8, call=174, output=19.4, run=60.7),
    "pad": Counts(task=14, call=64.9, run=47.7, tap=5.17),
    "quantize": Counts(task=22.2, call=41.7, output=378, run=6.12),
    "resize_nearest": Counts(call=91.8, run=15.8, tap=5.98),
    "softmax": Counts(task=27.4, call=62.5, output=30.5, run=203),
    "softmax_qdq": Counts(task=63, call=29.7, output=22.4, run=225),
    "squared_difference": Counts(task=177, call=175, output=21.1),
    "strided_copy": Counts(task=15.1, call=55.4, output=4.66, run=45.5, tap=6.11),
    "table": Counts(task=36.6, call=26.9, output=4.36),
}
# what was not fitted anew takes what it takes on armv7em
HELIUM: Mapping[str, Counts] = {
    **ARMV7EM,
    "add": Counts(task=129, call=82.9, output=5.89, run=127),
    "average_pool2d": Counts(call=50.5, position=43.4, output=35.7, run=12.1, tap=3.97),
    "average_pool2d_rows": Counts(call=108, position=28.8, output=58.1, run=7.85, tap=3.96),
    "batch_matmul": Counts(
        task=25.2, call=128, position=58, output=7.24, run=23.2, tap=0.232, rest=1.42
    ),
    "conv2d_packed": Counts(call=117, position=113, run=18.3, tap=0.15),
    "depthwise_conv2d_packed": Counts(call=231, position=125, run=3.32, tap=1.17, rest=27),
    "div": Counts(task=183, position=209, output=83.7, run=104),
    "fully_connected": Counts(task=41.6, call=16.8, position=95, tap=3.77),
    "fully_connected_packed": Counts(call=2.01, run=91.3, tap=0.146),
    "fully_connected_rows": Counts(call=104, position=56.1, run=24.4, tap=3.77, rest=7.58),
    "layer_norm": Counts(task=105, output=13.5, run=184),
    "max_pool2d": Counts(call=91.8, position=29.2, output=19.9, run=13.3, tap=5.79),
    "maximum": Counts(task=96.6, call=65.3, output=9.03, run=28.1),
    "mean": Counts(task=55.9, call=39.4, output=77.5, tap=3.99),
    "mean_rows": Counts(call=172, output=40.1, run=51.5, tap=4.98),
    "minimum": Counts(call=90, output=8.98, run=26.5),
    "mul": Counts(task=107, call=79.2, output=4.06, run=67.9),
    "softmax": Counts(call=114, output=24.2, run=190),
    "softmax_qdq": Counts(task=81.6, output=15.1, run=250),
    "squared_difference": Counts(call=236, output=12.7),
    "table": Counts(task=32.2, call=41.3, output=3.32),
}
PRICES: Mapping[str, Mapping[str, Counts]] = {  # else ARMV7EM
    "armv7em": ARMV7EM,
    "helium": HELIUM,
    "rv32": RV32,
}
WHOLE_MODEL_ERROR = 0.12  # relative; stated above, held by tests/emulated
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
    prices = PRICES.get(isa, ARMV7EM)
    fitted = prices.get(work.kernel, prices["add"])  # one not fitted yet counts as an addition
    price = ARRIVAL if form is Execution.ARRIVE else fitted
    pixels = node.output.elements // max(node.output.shape[-1:] or (1,))
    return LayerCost(
        rows,
        _price(work.fixed, price),
        _price(work.per_task, price),
        _price(work.alone, price),
        pixels // max(rows, 1),
        work.at_once,
    )


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
            if layer.execution is Execution.ACCUMULATE:
                of_rows = schedule.buffer(layer.node.activations[0]).rows
            cost = layer_cost(layer.node, layer.execution, of_rows, isa, layer.kernel)
            costs.append(cost.of(len(tasks), max((task.end for task in tasks), default=0)))
    return tuple(costs)


def _price(counts: Counts, prices: Counts) -> float:
    return sum(n * price for n, price in zip(counts, prices, strict=True))
