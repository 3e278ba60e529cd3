# SPDX-License-Identifier: Apache-2.0
"""The steps of one inference, and the buffer each tensor lives in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mcuforge.compiler.ir import Graph, Node, Tensor
from mcuforge.compiler.ops.base import Call


@dataclass(frozen=True, eq=False)
class Step:
    """One layer that runs: its node and the kernel calls of one ISA."""

    node: Node
    calls: tuple[Call, ...]

    @property
    def scratch_bytes(self) -> int:
        """Scratch shared by the step's calls, which run one after the other."""
        return max((c.scratch_bytes for c in self.calls), default=0)

    @property
    def scratch_name(self) -> str:
        """The scratch buffer's name in the memory problem; no tensor name holds a '#'."""
        return f"{self.node.name}#scratch"


@dataclass(frozen=True, eq=False)
class Schedule:
    """Steps in the order they run. Views are no steps: `storage` names the buffer they share."""

    graph: Graph
    steps: tuple[Step, ...]
    storage: Mapping[str, Tensor]  # tensor name -> the tensor whose buffer holds its bytes

    def buffer(self, tensor: Tensor) -> Tensor:
        """The tensor that owns the bytes of `tensor`."""
        return self.storage[tensor.name]


def schedule(graph: Graph, isa: str) -> Schedule:
    """The graph's nodes in file order, with the kernel calls of `isa`.

    File order is a valid topological order by `verify`; choosing a better one is the striped
    scheduler's work.
    """
    storage: dict[str, Tensor] = {t.name: t for t in graph.inputs}
    steps = []
    for node in graph.nodes:
        if node.op.is_view:
            storage[node.output.name] = storage[node.inputs[0].name]
            continue
        storage[node.output.name] = node.output
        steps.append(Step(node, node.op.calls(node.inputs, node.output, isa)))
    return Schedule(graph, tuple(steps), storage)
