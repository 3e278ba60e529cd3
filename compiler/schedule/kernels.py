# SPDX-License-Identifier: Apache-2.0
"""Which kernels a layer calls: of those that can do it the one with the fewest instructions."""

from __future__ import annotations

from mcuforge.compiler.ir import Node
from mcuforge.compiler.isa.layouts import PACKED_KERNELS
from mcuforge.compiler.ops.base import Call
from mcuforge.compiler.schedule.cost import LayerCost, layer_cost
from mcuforge.compiler.schedule.schedule import Execution

UNPACKED = "portable"  # asked for it, an operator answers with weights as they are
Calls = tuple[Call, ...]


def layer_calls(node: Node, form: Execution, rows: int, isa: str) -> Calls:
    """The calls of `node` in `form`; empty for rows that arrive.

    `rows`: those it is run by, of the output or of the input where they are added up. Worked out
    once for a node: packing weights takes time.
    """
    key = (form, rows, isa)
    if key not in node.known_calls:
        ways = variants(node, form, rows, isa)
        tasks = 1 if form is Execution.WHOLE else rows
        node.known_calls[key] = min(
            ways, key=lambda calls: _cost(node, form, rows, isa, calls).of(tasks)
        )
    return node.known_calls[key]


def calls_cost(node: Node, form: Execution, rows: int, isa: str) -> LayerCost:
    """What `layer_calls` come to."""
    return _cost(node, form, rows, isa, layer_calls(node, form, rows, isa))


def variants(node: Node, form: Execution, rows: int, isa: str) -> tuple[Calls, ...]:
    """The ways to compute `node` on `isa`, its own kernels first: with weights packed, and not."""
    calls = _calls(node, form, rows, isa)
    if not calls or calls[0].kernel not in PACKED_KERNELS:
        return (calls,)
    return (calls, _calls(node, form, rows, UNPACKED))


def scratch_bytes(calls: Calls) -> int:
    """Bytes of the buffer that calls made one after the other share."""
    return max((call.scratch_bytes for call in calls), default=0)


def _cost(node: Node, form: Execution, rows: int, isa: str, calls: Calls) -> LayerCost:
    return layer_cost(node, form, rows, isa, calls[0].kernel if calls else "")


def _calls(node: Node, form: Execution, rows: int, isa: str) -> Calls:
    match form:
        case Execution.WHOLE:
            return node.op.calls(node.inputs, node.output, isa)
        case Execution.ROWS:
            return node.op.row_calls(node.inputs, node.output, isa)
        case Execution.ACCUMULATE:
            return node.op.accumulate(node.inputs, node.output, isa, rows) or ()
        case Execution.ARRIVE:
            return ()
