# SPDX-License-Identifier: Apache-2.0
"""The forms attention can be executed in: graphs that mean the same and hold different things.

For N tokens of width d and heads of width e, beside what a single row takes:

    whole     as the file has it: all heads' scores, heads * N * N bytes, and their transposes
    heads     one head after the other: keys and values of one head, queries that become the head's
              output in place, 2 * N * d + 2 * N * e bytes; what the projections read (a LayerNorm
              of the residual stream, say) is computed again for each head, not kept
    queries   one token after the other: keys and values of all heads, 3 * N * d bytes; what the
              projections read is computed twice, once for keys and values, once for queries
    kept      one head after the other, what the projections read is kept: no work done twice

The scheduler plans them all and takes what serves the goal. Products are never computed twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from mcuforge.compiler.ir import Graph, Node, Tensor
from mcuforge.compiler.ops.base import Op
from mcuforge.compiler.ops.broadcast import BroadcastOp
from mcuforge.compiler.ops.table import TableOp
from mcuforge.compiler.passes.drop_unread import drop_unread
from mcuforge.compiler.passes.read_needed_rows import read_needed_rows
from mcuforge.compiler.schedule.heads import Attention, Links, find_attention
from mcuforge.compiler.verify import verify

Form = Literal["whole", "heads", "queries", "kept"]
FORMS: tuple[Form, ...] = ("heads", "queries", "kept")
NARROW = 8  # a tensor whose rows are this many times smaller than a token's is kept, not recomputed


def attention_forms(graph: Graph) -> tuple[Graph, ...]:
    """The graph in every form of its attention that differs, its own first."""
    plain = read_needed_rows(graph)
    if not find_attention(graph, Links(graph)):
        return (plain,)
    return (plain, *(_rewritten(graph, form) for form in FORMS))


def _rewritten(graph: Graph, form: Form) -> Graph:
    """`graph` with each attention taken apart, its nodes where its output was written."""
    links = Links(graph)
    found = find_attention(graph, links)
    parts = {id(a.output): a for a in found}
    nodes: list[Node] = []
    for node in graph.nodes:
        attention = parts.get(id(node.output))
        if attention is None:
            nodes.append(node)
        else:
            nodes += _in_form(attention, form, links)
    changed = drop_unread(replace(graph, nodes=tuple(nodes)))
    changed = read_needed_rows(changed)
    verify(changed, f"attention by {form}")
    return changed


def _in_form(attention: Attention, form: Form, links: Links) -> list[Node]:
    """The nodes of one attention in the order the form runs them."""
    again = _Again(attention, links)
    nodes: list[Node] = []
    each = range(len(attention.heads))
    if form == "queries":
        for head in each:
            nodes += attention.keys_values[head]
        last: list[Node] = []
        for head in each:
            last += (*attention.queries[head], *attention.heads[head])
        nodes += again.computed(last, "queries")
    else:
        for head in each:
            own = [*attention.keys_values[head], *attention.queries[head]]
            if form == "heads" and head > 0:
                own = again.computed(own, f"head{head}")
            nodes += (*own, *attention.heads[head])
    return [*nodes, *attention.join]


@dataclass(eq=False)
class _Again:
    """Computes once more, row by row, what the projections read instead of keeping it."""

    attention: Attention
    links: Links

    def computed(self, nodes: Sequence[Node], tag: str) -> list[Node]:
        """`nodes`, behind nodes that compute their common source again where that saves RAM."""
        source = self.attention.source
        chain = [] if source is None else self._cheap(source)
        if not chain:
            return list(nodes)
        copies: dict[int, Tensor] = {}
        copied = []
        for node in chain:
            output = replace(node.output, name=self.links.tensor_name(f"{node.output.name}.{tag}"))
            inputs = tuple(copies.get(id(x), x) for x in node.inputs)
            name = self.links.node_name(f"{node.name}.{tag}")
            copied.append(Node(name, node.op, inputs, output, node.origin))
            copies[id(node.output)] = output
        renewed = [replace(n, inputs=tuple(copies.get(id(x), x) for x in n.inputs)) for n in nodes]
        return [*copied, *renewed]

    def _cheap(self, source: Tensor) -> list[Node]:
        """The nodes from tensors that stay anyway to `source`; none where that would save nothing.

        Tensors that others read too stay anyway; narrow ones are kept at little cost.
        """
        readers = self.links.readers[id(source)]
        if any(id(r) not in self.attention.projections for r in readers):
            return []  # it stays anyway
        chain: list[Node] = []
        waiting = [source]
        seen: set[int] = set()
        while waiting:
            tensor = waiting.pop()
            node = self.links.writer.get(id(tensor))
            if id(tensor) in seen:
                continue
            seen.add(id(tensor))
            if node is None or not _by_rows_alone(node.op):
                return []  # a product would be computed again, or an input is kept for nothing else
            chain.append(node)
            for x in node.activations:
                narrow = x.row_bytes * NARROW <= source.row_bytes
                if not narrow and not self._stays(x, seen):
                    waiting.append(x)
        return sorted(chain, key=lambda n: self.links.place[id(n)])

    def _stays(self, tensor: Tensor, seen: set[int]) -> bool:
        """True when something that is no part of the chain reads `tensor` later."""
        readers = self.links.readers.get(id(tensor), [])
        return id(tensor) in self.links.outputs or any(
            id(r.output) not in seen and not self._narrowing(r) for r in readers
        )

    def _narrowing(self, node: Node) -> bool:
        """True for statistics of a row: they are done when the chain runs again."""
        return node.output.row_bytes * NARROW <= node.inputs[0].row_bytes


def _by_rows_alone(op: Op) -> bool:
    """True for what costs a few instructions an element and works on each token alone."""
    return isinstance(op, TableOp | BroadcastOp) or op.kind == "layer_norm"
