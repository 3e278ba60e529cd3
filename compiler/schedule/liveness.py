# SPDX-License-Identifier: Apache-2.0
"""Finds when each buffer of a graph is written first and read last."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mcuforge.compiler.graph import Graph, Node
from mcuforge.compiler.tensors import Tensor


@dataclass(frozen=True)
class Life:
    """The steps of a run that write a buffer first and read it last, both included.

    Step -1 writes the inputs of the graph; the step after the last reads its outputs. A buffer that
    nothing reads ends where it begins.
    """

    first: int
    last: int


def liveness(
    graph: Graph, steps: Sequence[Sequence[Node]], storage: Mapping[str, Tensor]
) -> dict[str, Life]:
    """The life of every buffer, by its name, when the nodes run in `steps`.

    `storage` names the buffer of each tensor. An input whose rows arrive by a node of their own is
    written by that node.
    """
    arriving = {node.output.name for nodes in steps for node in nodes if not node.inputs}
    first = {t.name: -1 for t in graph.inputs if t.name not in arriving}
    last = dict(first)
    for step, nodes in enumerate(steps):
        for node in nodes:
            name = storage[node.output.name].name
            first.setdefault(name, step)
            last[name] = step
            for tensor in node.activations:
                last[storage[tensor.name].name] = step
    for tensor in graph.outputs:
        last[storage[tensor.name].name] = len(steps)
    return {name: Life(step, last[name]) for name, step in first.items()}
