# SPDX-License-Identifier: Apache-2.0
"""Attention of unusual wiring: taken apart where that is possible, right in every form."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mcuforge.compiler.attention.forms import attention_forms
from mcuforge.compiler.graph import Graph, Node, Op
from mcuforge.compiler.ops.batch_matmul import BatchMatMul
from mcuforge.compiler.ops.fully_connected import FullyConnected
from mcuforge.compiler.ops.reshape import Reshape
from mcuforge.compiler.ops.softmax import Softmax
from mcuforge.compiler.ops.tables.lookup import Lookup
from mcuforge.compiler.ops.transpose import Transpose
from mcuforge.compiler.tensors import Quant, Tensor
from tests.unit.compiler.graphs import assert_same_meaning, constant, graph, tensor

TOKENS, WIDTH, HEADS, INNER = 6, 12, 3, 4
PROBABILITY = Quant((1 / 256,), -128)
FALLING = Lookup("falling", tuple(range(127, -129, -1)))


class Wiring:
    """Nodes in order; every method gives the tensor its last one writes."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []

    def add(self, name: str, op: Op, inputs: tuple[Tensor, ...], shape: tuple[int, ...]) -> Tensor:
        quant = PROBABILITY if isinstance(op, Softmax) else Quant((0.1,), -5)
        out = tensor(f"{name}_out", shape, quant=quant)
        self.nodes.append(Node(name, op, inputs, out, f"operator {len(self.nodes)}"))
        return out

    def linear(self, name: str, x: Tensor, features: int) -> Tensor:
        weights = constant(f"{name}_w", (features, x.shape[-1]), Quant((0.02,)))
        return self.add(name, FullyConnected(), (x, weights), (*x.shape[:-1], features))

    def heads(self, name: str, x: Tensor) -> Tensor:
        split = (1, x.shape[1], HEADS, INNER)
        x = self.add(f"{name}_split", Reshape(), (self.linear(name, x, HEADS * INNER),), split)
        turned = (1, HEADS, split[1], INNER)
        return self.add(f"{name}_turn", Transpose((0, 2, 1, 3)), (x,), turned)

    def joined(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        square = (1, q.shape[1], q.shape[2], k.shape[2])
        scores = self.add("scores", BatchMatMul(adj_y=True), (q, k), square)
        shares = self.add("shares", Softmax(), (scores,), square)
        out = (1, HEADS, q.shape[2], INNER)
        o = self.add("values", BatchMatMul(), (shares, v), out)
        o = self.add("back", Transpose((0, 2, 1, 3)), (o,), (1, out[2], HEADS, INNER))
        return self.add("joined", Reshape(), (o,), (1, out[2], HEADS * INNER))


X, Y = tensor("x", (1, TOKENS, WIDTH)), tensor("y", (1, TOKENS, WIDTH))


def one_tensor_for_all() -> Graph:
    net = Wiring()
    k = net.heads("k", X)
    return graph([X], net.nodes, [net.joined(k, k, k)])


def queries_made_of_keys() -> Graph:
    net = Wiring()
    k, v = net.heads("k", X), net.heads("v", Y)
    q = net.add("q", FALLING, (k,), k.shape)
    return graph([X, Y], net.nodes, [net.joined(q, k, v)])


def more_keys_than_queries() -> Graph:
    net, y = Wiring(), tensor("y", (1, TOKENS + 3, WIDTH))
    out = net.joined(net.heads("q", X), net.heads("k", y), net.heads("v", y))
    return graph([X, y], net.nodes, [out])


def heads_that_share_their_scores() -> Graph:
    net = Wiring()
    one = (1, 1, TOKENS, INNER)
    q, k = (net.add(f"{n}_one", Reshape(), (net.linear(n, X, INNER),), one) for n in ("q", "k"))
    return graph([X], net.nodes, [net.joined(q, k, net.heads("v", X))])


def scores_read_elsewhere() -> Graph:
    net = Wiring()
    out = net.joined(*(net.heads(n, X) for n in ("q", "k", "v")))
    scores = next(n.output for n in net.nodes if n.name == "scores")
    return graph([X], net.nodes, [out, scores])


Make = Callable[[], Graph]
TAKEN_APART: tuple[Make, ...] = (
    one_tensor_for_all,
    queries_made_of_keys,
    more_keys_than_queries,
)
LEFT_WHOLE: tuple[Make, ...] = (heads_that_share_their_scores, scores_read_elsewhere)


@pytest.mark.parametrize("make", TAKEN_APART + LEFT_WHOLE)
def test_attention_means_the_same_in_every_form(make: Make) -> None:
    before = make()
    forms = attention_forms(before)
    assert (len(forms) > 1) == (make in TAKEN_APART)
    for form in forms:
        assert_same_meaning(before, form)
