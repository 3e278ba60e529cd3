# SPDX-License-Identifier: Apache-2.0
"""The kernel calls of a layer in each form: packing weights takes time, so it is done once."""

from __future__ import annotations

from mcuforge.compiler.ir import Node
from mcuforge.compiler.ops.base import Call
from mcuforge.compiler.schedule.schedule import Form

Calls = tuple[Call, ...]


def layer_calls(node: Node, form: Form, rows: int, isa: str) -> Calls:
    """The calls of `node` in `form`; empty for rows that arrive, and for views.

    `rows`: of the input where they are added up; other forms do not ask.
    """
    key = (form, rows if form is Form.ACCUMULATE else 0, isa)
    if key not in node.known_calls:
        node.known_calls[key] = _calls(node, form, rows, isa)
    return node.known_calls[key]


def scratch_bytes(calls: Calls) -> int:
    """Bytes of the buffer that calls made one after the other share."""
    return max((call.scratch_bytes for call in calls), default=0)


def _calls(node: Node, form: Form, rows: int, isa: str) -> Calls:
    match form:
        case Form.WHOLE:
            return node.op.calls(node.inputs, node.output, isa)
        case Form.ROWS:
            return node.op.row_calls(node.inputs, node.output, isa)
        case Form.ACCUMULATE:
            return node.op.accumulate(node.inputs, node.output, isa, rows) or ()
        case Form.ARRIVE:
            return ()
