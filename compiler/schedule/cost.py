# SPDX-License-Identifier: Apache-2.0
"""Instructions of a layer, estimated: what the scheduler weighs RAM against."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mcuforge.compiler.ir import Node


@dataclass(frozen=True)
class Cost:
    """Instructions = macs * per_mac + output elements * per_element + calls * per_call."""

    per_mac: float
    per_element: float
    per_call: float


# Fitted to counted instructions by `python -m scripts.calibrate_cost`, which prints their error.
DEFAULT = Cost(6.0, 30.0, 150.0)
PORTABLE: Mapping[str, Cost] = {}


def instructions(node: Node, calls: int) -> float:
    """The estimate for one inference of `node` in `calls` kernel calls."""
    cost = PORTABLE.get(node.op.kind, DEFAULT)
    macs = node.op.macs(node.inputs, node.output)
    return macs * cost.per_mac + node.output.elements * cost.per_element + calls * cost.per_call
