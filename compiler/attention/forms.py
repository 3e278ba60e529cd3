# SPDX-License-Identifier: Apache-2.0
"""Rewrites attention into its forms: graphs with the same answers that hold different tensors.

For N tokens of width d and heads of width e the forms hold, beside single rows:

    whole     as the file has it: all heads' scores, heads * N * N bytes, and their transposes
    heads     one head after the other: keys and values of one head, and queries that become the
              head's output in place, 2 * N * d + 2 * N * e bytes; the input of the projections (a
              LayerNorm of the residual stream, say) is computed again for each head, not kept
    queries   one token after the other: keys and values of all heads, 3 * N * d bytes; the input of
              the projections is computed twice, once for keys and values, once for queries
    kept      one head after the other; the input of the projections is kept: no work is done twice
    again     as heads, for projections that are two factors of low rank: the first factors of keys
              and values are computed again for each head, which repeats products

The scheduler plans all of them and takes the one that serves the goal best.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

from mcuforge.compiler.attention.heads import Attention, find_attention
from mcuforge.compiler.attention.names import Names
from mcuforge.compiler.attention.read_needed_rows import read_needed_rows
from mcuforge.compiler.graph import Graph, Node, Op
from mcuforge.compiler.ops.common.broadcast import BroadcastOp
from mcuforge.compiler.ops.fully_connected import FullyConnected
from mcuforge.compiler.ops.layer_norm import LayerNorm
from mcuforge.compiler.ops.tables.table import TableOp
from mcuforge.compiler.passes.drop_unread import drop_unread
from mcuforge.compiler.tensors import Tensor
from mcuforge.compiler.verify import verify

Form = Literal["heads", "queries", "kept", "again"]
NARROW = 8  # a tensor whose rows are this many times smaller than a token's is kept, not recomputed


def attention_forms(graph: Graph) -> tuple[Graph, ...]:
    """Return the graph in each form of its attention that differs, its own form first."""
    plain = read_needed_rows(graph)
    heads_of = _Heads.of(graph)
    if not heads_of.found:
        return (plain,)
    kept = heads_of.rewritten("kept")
    forms = [kept, heads_of.by_queries(kept.macs)]
    heads = heads_of.rewritten("heads")
    if len(heads.nodes) > len(kept.nodes):
        forms.append(heads)
    if any(len(a.heads) > 1 and len(a.sources) > 1 for a in heads_of.found):
        forms.append(heads_of.rewritten("again"))
    return (plain, *forms)


@dataclass(frozen=True, eq=False)
class _Heads:
    """A graph and its attention head by head: all forms share these nodes and their constants.

    `names` are those taken by the graph and by the heads.
    """

    graph: Graph
    found: tuple[Attention, ...]
    names: Names

    @classmethod
    def of(cls, graph: Graph) -> _Heads:
        """Take the graph's attention apart."""
        names = Names(graph)
        return cls(graph, find_attention(graph, names), names)

    def by_queries(self, macs: int) -> Graph:
        """The form by queries; products of low rank wait for theirs if that computes none twice."""
        delayed = self.rewritten("queries", products=True)
        return delayed if delayed.macs == macs else self.rewritten("queries")

    def rewritten(self, form: Form, *, products: bool = False) -> Graph:
        """Replace each attention, where its output was written, by its nodes in `form`."""
        graph, names = self.graph, self.names.copy()
        parts = {id(a.output): a for a in self.found}
        nodes: list[Node] = []
        for node in graph.nodes:
            attention = parts.get(id(node.output))
            if attention is None:
                nodes.append(node)
            else:
                again = _Again(graph, names, attention, products or form == "again")
                nodes += _in_form(attention, form, again)
        changed = drop_unread(replace(graph, nodes=tuple(nodes)))
        changed = read_needed_rows(changed)
        verify(changed, f"attention by {form}")
        return changed


def _in_form(attention: Attention, form: Form, again: _Again) -> list[Node]:
    """Return the nodes of one attention in the order that `form` runs them."""
    nodes: list[Node] = []
    heads = attention.heads
    if form == "queries":
        nodes += (n for head in heads for n in head.keys_values)
        last = [n for head in heads for n in (*head.queries, *head.products)]
        nodes += again.computed(last, "queries")
    elif form == "again" and attention.queries_alone:
        nodes += (*heads[0].keys_values, *(n for head in heads for n in head.queries))
        for number, head in enumerate(heads):
            if number > 0:
                nodes += again.computed(head.keys_values, f"head{number}")
            nodes += head.products
    else:
        for number, head in enumerate(heads):
            own = [*head.keys_values, *head.queries]
            if form == "heads" and number > 0:
                own = again.computed(own, f"head{number}")
            nodes += (*own, *head.products)
    return [*nodes, *attention.join]


@dataclass(eq=False)
class _Again:
    """Computes the inputs of projections again, row by row, instead of keeping them."""

    graph: Graph
    names: Names
    attention: Attention
    products: bool  # linear layers may be computed again too

    def computed(self, nodes: Sequence[Node], tag: str) -> list[Node]:
        """Compute the inputs of `nodes` again just before them, where that saves RAM."""
        read = {id(x) for node in nodes for x in node.inputs}
        chain = [n for x in self.attention.sources if id(x) in read for n in self._chain(x)]
        copies: dict[int, Tensor] = {}
        copied = []
        for node in sorted(
            {id(n): n for n in chain}.values(), key=lambda n: self.graph.written_at(n.output)
        ):
            name = self.names.tensor(f"{node.output.name}.{tag}")
            copies[id(node.output)] = replace(node.output, name=name)
            name = self.names.node(f"{node.name}.{tag}")
            copied.append(replace(node.rewired(copies), name=name))
        return [*copied, *(n.rewired(copies) for n in nodes)]

    def _chain(self, source: Tensor) -> list[Node]:
        """The nodes from tensors that stay anyway to `source`; none where that would save nothing.

        Tensors with other readers stay anyway; narrow ones, the statistics of a row, cost little.
        """
        chain: list[Node] = []
        waiting = [] if self._stays(source) else [source]
        seen: set[int] = set()
        while waiting:
            tensor = waiting.pop()
            if id(tensor) in seen:
                continue
            seen.add(id(tensor))
            node = self.graph.writer(tensor)
            if node is None or not self._may_repeat(node.op):
                return []  # an expensive layer, or an input of the graph kept for nothing else
            chain.append(node)
            for x in node.activations:
                narrow = x.row_bytes * NARROW <= tensor.row_bytes
                if not narrow and not self._stays(x):
                    waiting.append(x)
        return chain

    def _may_repeat(self, op: Op) -> bool:
        """True for operators on single tokens that cost a few instructions per element."""
        cheap = isinstance(op, TableOp | BroadcastOp | LayerNorm)
        return cheap or (self.products and isinstance(op, FullyConnected))

    def _stays(self, tensor: Tensor) -> bool:
        """True when something behind this attention reads `tensor` too."""
        return self.graph.is_output(tensor) or any(
            id(r) not in self._inner and r.output.row_bytes * NARROW > tensor.row_bytes
            for r in self.graph.readers(tensor)
        )

    @cached_property
    def _inner(self) -> set[int]:
        """The projections, and all nodes that only these read."""
        inner = set(self.attention.projections)
        for node in reversed(self.graph.nodes):
            readers = self.graph.readers(node.output)
            if readers and all(id(r) in inner for r in readers):
                inner.add(id(node))
        return inner
