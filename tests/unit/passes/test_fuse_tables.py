# SPDX-License-Identifier: Apache-2.0
"""What comes from one int8 element becomes a table; what others read or what spreads does not."""

from __future__ import annotations

import numpy as np
import pytest

from mcuforge.compiler.graph import Graph, Node, Op
from mcuforge.compiler.ops.add import Add
from mcuforge.compiler.ops.mul import Mul
from mcuforge.compiler.ops.quantize import Quantize
from mcuforge.compiler.ops.tables.logistic import Logistic
from mcuforge.compiler.ops.tables.lookup import Lookup
from mcuforge.compiler.ops.tables.relu import Relu
from mcuforge.compiler.ops.tables.tanh import Tanh
from mcuforge.compiler.passes.fold_constants import fold_constants
from mcuforge.compiler.passes.fuse_tables import fuse_tables
from mcuforge.compiler.tensors import DType, Quant, Tensor
from mcuforge.compiler.verify import verify
from tests.unit.compiler.graphs import assert_same_meaning, constant, graph, relu, tensor

SHAPE = (1, 4, 64)
PROBABILITY = Quant((1 / 256,), -128)


def number(name: str, shape: tuple[int, ...] = (), value: int = 34) -> Tensor:
    """A constant of one value."""
    return tensor(name, shape, quant=Quant((0.05,), 0), data=np.full(shape, value, np.int8))


def node(op: Op, inputs: tuple[Tensor, ...], output: Tensor, index: int) -> Node:
    origin = f"operator {index} {op.kind.upper()}"
    return Node(output.name, op, inputs, output, origin)


def sigmoid_gelu(*, factor: Tensor | None = None) -> Graph:
    """x * sigmoid(1.7 * x)."""
    x, scaled, out = tensor("x", SHAPE), tensor("scaled", SHAPE), tensor("out", SHAPE)
    gate = tensor("gate", SHAPE, quant=PROBABILITY)
    nodes = [
        node(Mul(), (factor or number("c"), x), scaled, 3),
        node(Logistic(), (scaled,), gate, 4),
        node(Mul(), (x, gate), out, 5),
    ]
    return graph([x], nodes, [out])


def fused(before: Graph) -> Graph:
    """After the pass, verified, with the same answers."""
    after = fuse_tables(before)
    verify(after, "fuse_tables")
    assert_same_meaning(before, after)
    return after


def kinds(graph: Graph) -> list[str]:
    return [n.op.kind for n in graph.nodes]


def test_x_times_the_sigmoid_of_x_is_one_table_that_names_its_operators() -> None:
    after = fused(sigmoid_gelu())
    (table,) = after.nodes
    assert isinstance(table.op, Lookup)
    assert table.op.title == "mul+logistic+mul"
    assert table.origin == "operator 3 MUL, operator 4 LOGISTIC, operator 5 MUL"
    assert table.name == "out"
    assert table.inputs == after.inputs


@pytest.mark.parametrize("shape", [(), (1,), (1, 1, 1), (64,), (1, 4, 1), SHAPE])
def test_a_constant_of_equal_values_is_a_number_whatever_its_shape(shape: tuple[int, ...]) -> None:
    assert kinds(fused(sigmoid_gelu(factor=number("c", shape)))) == ["lookup"]


def test_a_factor_per_channel_is_no_number() -> None:
    before = sigmoid_gelu(factor=constant("c", (64,)))
    assert fuse_tables(before) is before


@pytest.mark.parametrize("op", [Add(), Mul(), Add(act="relu")])
@pytest.mark.parametrize("first", [True, False])
def test_an_operator_with_a_number_is_a_table_by_itself(op: Op, first: bool) -> None:
    x, out = tensor("x", SHAPE), tensor("out", SHAPE)
    inputs = (number("c"), x) if first else (x, number("c"))
    after = fused(graph([x], [node(op, inputs, out, 0)], [out]))
    assert kinds(after) == ["lookup"]
    assert after.nodes[0].op.title == op.kind


def test_a_tensor_times_itself_is_a_table() -> None:
    x, out = tensor("x", SHAPE), tensor("out", SHAPE)
    assert kinds(fused(graph([x], [node(Mul(), (x, x), out, 0)], [out]))) == ["lookup"]


def test_a_table_by_itself_stays_what_it_is() -> None:
    x, out = tensor("x", SHAPE), tensor("out", SHAPE)
    before = graph([x], [relu(x, out)], [out])
    assert fuse_tables(before) is before


def test_changes_of_scale_before_and_after_are_in_the_table() -> None:
    x, a, b = tensor("x", SHAPE), tensor("a", SHAPE, quant=Quant((0.2,), 7)), tensor("b", SHAPE)
    out = tensor("out", SHAPE, quant=Quant((1 / 128,), 0))
    nodes = [
        node(Quantize(), (x,), a, 0),
        node(Tanh(), (a,), b, 1),
        node(Quantize(), (b,), out, 2),
    ]
    after = fused(graph([x], nodes, [out]))
    assert [n.op.title for n in after.nodes] == ["quantize+tanh+quantize"]


def test_what_two_branches_make_of_one_tensor_is_a_table() -> None:
    x, a, b, c = (tensor(name, SHAPE) for name in "xabc")
    out = tensor("out", SHAPE)
    nodes = [relu(x, a), node(Tanh(), (a,), b, 1), node(Mul(), (a, number("n")), c, 2)]
    nodes.append(node(Add(), (b, c), out, 3))
    after = fused(graph([x], nodes, [out]))
    assert [n.op.title for n in after.nodes] == ["relu+tanh+mul+add"]


def test_what_another_layer_reads_is_still_computed_and_is_where_the_table_begins() -> None:
    x, a, b, other = (tensor(name, SHAPE) for name in ("x", "a", "b", "other"))
    out = tensor("out", SHAPE)
    nodes = [
        node(Mul(), (x, number("n")), a, 0),
        node(Add(), (a, constant("c", SHAPE)), other, 1),
        node(Tanh(), (a,), b, 2),
        node(Mul(), (b, number("m")), out, 3),
    ]
    after = fused(graph([x], nodes, [out, other]))
    assert [n.op.title for n in after.nodes] == ["mul", "add", "tanh+mul"]


def test_what_the_user_reads_is_still_computed() -> None:
    x, a, out = tensor("x", SHAPE), tensor("a", SHAPE), tensor("out", SHAPE)
    before = graph([x], [relu(x, a), node(Tanh(), (a,), out, 1)], [out, a])
    assert fuse_tables(before) is before


def test_two_tensors_make_no_table() -> None:
    x, y, a, out = (tensor(name, SHAPE) for name in ("x", "y", "a", "out"))
    before = graph([x, y], [node(Tanh(), (x,), a, 0), node(Add(), (a, y), out, 1)], [out])
    assert fuse_tables(before) is before


def test_a_branch_of_another_tensor_is_joined_but_each_branch_is_one_table() -> None:
    x, y, a, b, c, out = (tensor(name, SHAPE) for name in ("x", "y", "a", "b", "c", "out"))
    nodes = [relu(x, a), relu(y, b), node(Tanh(), (a,), c, 2), node(Add(), (c, b), out, 3)]
    after = fused(graph([x, y], nodes, [out]))
    assert [n.op.title for n in after.nodes] == ["relu", "relu+tanh", "add"]


def test_what_spreads_over_more_elements_is_no_table() -> None:
    x, out = tensor("x", (1, 1, 64)), tensor("out", SHAPE)
    before = graph([x], [node(Add(), (x, number("c", SHAPE)), out, 0)], [out])
    assert fuse_tables(before) is before


def test_float_inputs_and_uint8_ends_stay_outside() -> None:
    x = tensor("x", SHAPE, DType.FLOAT32, None)
    a, b = tensor("a", SHAPE), tensor("b", SHAPE)
    out = tensor("out", SHAPE, DType.UINT8, Quant((0.1,), 128))
    nodes = [
        node(Quantize(), (x,), a, 0),
        node(Mul(), (a, number("n")), b, 1),
        node(Quantize(), (b,), out, 2),
    ]
    after = fused(graph([x], nodes, [out]))
    assert [n.op.title for n in after.nodes] == ["quantize", "mul", "quantize"]
    assert kinds(after) == ["quantize", "lookup", "quantize"]


def test_uint8_in_between_is_in_the_table() -> None:
    x, out = tensor("x", SHAPE), tensor("out", SHAPE)
    a = tensor("a", SHAPE, DType.UINT8, Quant((0.1,), 128))
    nodes = [node(Quantize(), (x,), a, 0), node(Quantize(), (a,), out, 1)]
    assert kinds(fused(graph([x], nodes, [out]))) == ["lookup"]


def test_a_number_that_constants_make_counts_once_they_are_folded() -> None:
    x, c, out = tensor("x", SHAPE), tensor("c", (1,)), tensor("out", SHAPE)
    nodes = [relu(number("n", (1,)), c), node(Mul(), (x, c), out, 1)]
    before = graph([x], nodes, [out])
    after = fuse_tables(fold_constants(before))
    assert_same_meaning(before, after)
    assert kinds(after) == ["lookup"]


def test_a_long_chain_is_one_table_and_the_pass_finds_no_more() -> None:
    tensors = [tensor(f"t{i}", SHAPE, quant=Quant((0.1 + i / 100,), i)) for i in range(12)]
    nodes = [
        Node(f"n{i}", Relu("relu"), (tensors[i],), tensors[i + 1], f"operator {i} RELU")
        for i in range(11)
    ]
    after = fused(graph(tensors[:1], nodes, tensors[-1:]))
    assert kinds(after) == ["lookup"]
    assert fuse_tables(after) is after
