# SPDX-License-Identifier: Apache-2.0
"""Chooses the cheapest kernel that can compute a layer."""

from __future__ import annotations

from mcuforge.compiler.calls import Call
from mcuforge.compiler.graph import Node
from mcuforge.compiler.isa import find_instruction_set
from mcuforge.compiler.schedule.cost import LayerCost, layer_cost
from mcuforge.compiler.schedule.schedule import Execution
from mcuforge.runtime_c.sources import PORTABLE


class Calls:
    """Knows the kernel calls of layers on one ISA; works out a layer's calls once: it is slow.

    `packed`: False leaves out kernels with packed weights. The others are compiled for the ISA all
    the same, so its prices hold. `rows` are the rows that a layer is run by: of its output, or of
    its input where it adds up.
    """

    def __init__(self, isa: str, *, packed: bool = True) -> None:
        self.isa = isa
        self.packed = packed
        self._known: dict[tuple[object, ...], tuple[Call, ...]] = {}

    def of(self, node: Node, execution: Execution, rows: int) -> tuple[Call, ...]:
        """The calls with the fewest instructions that compute `node`; none for rows that arrive."""
        # several forms of a graph have nodes of their own with the same operator and tensors
        key = (node.op, node.inputs, node.output, execution, rows)
        if key not in self._known:
            tasks = 1 if execution is Execution.WHOLE else rows
            ways = variants(node, execution, rows, self.isa if self.packed else PORTABLE)
            self._known[key] = ways[0]
            if len(ways) > 1:
                self._known[key] = min(
                    ways, key=lambda calls: self._cost(node, execution, rows, calls).of(tasks)
                )
        return self._known[key]

    def cost(self, node: Node, execution: Execution, rows: int) -> LayerCost:
        """The instructions of these calls."""
        return self._cost(node, execution, rows, self.of(node, execution, rows))

    def scratch_bytes(self, node: Node, execution: Execution, rows: int) -> int:
        """Bytes of the buffer that these calls share, one after the other."""
        calls = self.of(node, execution, rows)
        return max((call.scratch_bytes for call in calls), default=0)

    def _cost(
        self, node: Node, execution: Execution, rows: int, calls: tuple[Call, ...]
    ) -> LayerCost:
        return layer_cost(node, execution, rows, self.isa, calls[0].kernel if calls else "")


def variants(node: Node, execution: Execution, rows: int, isa: str) -> tuple[tuple[Call, ...], ...]:
    """The ways to compute `node` on `isa`: with its packed weights first, then without."""
    calls = _calls(node, execution, rows, isa)
    if not calls or calls[0].kernel not in find_instruction_set(isa).packed_kernels:
        return (calls,)
    return (calls, _calls(node, execution, rows, PORTABLE))


def _calls(node: Node, execution: Execution, rows: int, isa: str) -> tuple[Call, ...]:
    match execution:
        case Execution.WHOLE:
            return node.op.calls(node.inputs, node.output, isa)
        case Execution.ROWS:
            return node.op.row_calls(node.inputs, node.output, isa)
        case Execution.ACCUMULATE:
            return node.op.accumulate(node.inputs, node.output, isa, rows) or ()
        case Execution.ARRIVE:
            return ()
