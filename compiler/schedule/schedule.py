# SPDX-License-Identifier: Apache-2.0
"""The steps of one inference, and the buffer each tensor lives in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mcuforge.compiler.ir import Graph, Node, Tensor
from mcuforge.compiler.ops.base import Call
from mcuforge.errors import CompileError


@dataclass(frozen=True, eq=False)
class Step:
    """One layer that runs: its node and the kernel calls of one ISA."""

    node: Node
    calls: tuple[Call, ...]
    scratch_name: str  # of the scratch buffer in the memory problem, unlike every tensor's

    @property
    def scratch_bytes(self) -> int:
        """Scratch shared by the step's calls, which run one after the other."""
        return max((c.scratch_bytes for c in self.calls), default=0)


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
    scheduler's work. Raises CompileError for an output that is a constant under another shape:
    there is nothing to run that would write it.
    """
    storage: dict[str, Tensor] = {t.name: t for t in graph.inputs}
    taken = {t.name for t in graph.inputs} | {n.output.name for n in graph.nodes}
    steps = []
    for node in graph.nodes:
        if node.op.is_view:
            if node.inputs[0].is_constant:
                raise CompileError(
                    f"output '{node.output.name}' is a constant, wanted something computed",
                    f"{graph.source}, {node.origin} '{node.name}'",
                    "leave it out of the model's outputs",
                )
            storage[node.output.name] = storage[node.inputs[0].name]
            continue
        storage[node.output.name] = node.output
        scratch = f"{node.name}#scratch"
        while scratch in taken:
            scratch += "#"
        taken.add(scratch)
        steps.append(Step(node, node.op.calls(node.inputs, node.output, isa), scratch))
    return Schedule(graph, tuple(steps), storage)
