# SPDX-License-Identifier: Apache-2.0
"""Finds orders for the nodes: file order, and orders that hold less between branches."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from mcuforge.compiler.graph import Graph, Node
from mcuforge.compiler.schedule.arrival import arrival
from mcuforge.compiler.schedule.schedule import runnable, view_storage
from mcuforge.compiler.tensors import Tensor

Order = tuple[Node, ...]


def orders(graph: Graph, streamed: Sequence[Tensor]) -> tuple[Order, ...]:
    """Return the distinct orders worth planning, file order first.

    A graph without branches has one. Streamed inputs arrive before everything else in file order,
    and just before their first reader in the other orders.
    """
    nodes = file_order(graph, streamed)
    storage = view_storage(graph)
    found = [nodes]
    for choose in (_least_live, _deepest):
        order = _ordered(graph, nodes, storage, choose)
        if order not in found:
            found.append(order)
    return tuple(found)


def file_order(graph: Graph, streamed: Sequence[Tensor]) -> Order:
    """Return the order of the file, streamed inputs before everything else."""
    return (*(arrival(t) for t in streamed), *runnable(graph))


# Chooses among the nodes that could run next, given as (number, growth of the live bytes).
Pick = Callable[[Sequence[tuple[int, int]]], int]


def _least_live(ready: Sequence[tuple[int, int]]) -> int:
    """Pick the node after which the fewest bytes are live; on a tie the first in the file."""
    return min(range(len(ready)), key=lambda i: (ready[i][1], ready[i][0]))


def _deepest(ready: Sequence[tuple[int, int]]) -> int:
    """Pick the node that became ready last: one branch runs to its end, then the next."""
    return len(ready) - 1


def _ordered(graph: Graph, nodes: Order, storage: Mapping[str, Tensor], choose: Pick) -> Order:
    """Order the nodes by list scheduling: `choose` takes one of those whose inputs are made."""
    reads = [{storage[x.name].name for x in node.activations} for node in nodes]
    left: dict[str, int] = {}
    for names in reads:
        for name in names:
            left[name] = left.get(name, 0) + 1
    kept = {storage[t.name].name for t in graph.outputs}
    sizes = {t.name: t.bytes for t in graph.inputs} | {n.output.name: n.output.bytes for n in nodes}
    made = {t.name for t in graph.inputs} - {n.output.name for n in nodes if not n.inputs}
    waiting = list(range(len(nodes)))
    ready: list[int] = []
    order: list[Node] = []
    while waiting or ready:
        for i in [i for i in waiting if reads[i] <= made]:
            waiting.remove(i)
            ready.append(i)
        growth = [
            sizes[nodes[i].output.name]
            - sum(sizes[n] for n in reads[i] if left[n] == 1 and n not in kept)
            for i in ready
        ]
        i = ready.pop(choose(list(zip(ready, growth, strict=True))))
        order.append(nodes[i])
        made.add(nodes[i].output.name)
        for name in reads[i]:
            left[name] -= 1
    return tuple(order)
