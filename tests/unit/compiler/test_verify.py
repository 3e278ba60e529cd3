# SPDX-License-Identifier: Apache-2.0
"""Every invariant of a graph, broken once, is named with the tensor and the stage."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mcuforge.compiler.graph import Graph, Node
from mcuforge.compiler.ops.add import Add
from mcuforge.compiler.ops.tables.relu import Relu
from mcuforge.compiler.verify import verify
from mcuforge.errors import InternalError
from tests.unit.compiler.graphs import chain, constant, graph, relu, tensor


def broken(wrong: Graph) -> str:
    with pytest.raises(InternalError) as caught:
        verify(wrong, "a_pass")
    message = str(caught.value)
    assert message.startswith("after a_pass: ")
    return message.removeprefix("after a_pass: ")


def test_a_sound_graph_passes() -> None:
    verify(chain(3), "a_pass")


def test_a_node_reads_what_is_written_later() -> None:
    sound = chain(3)
    nodes = (sound.nodes[1], sound.nodes[0], sound.nodes[2])
    assert broken(replace(sound, nodes=nodes)) == "'to_t1' reads 't0' before it is written"


def test_a_node_reads_what_nobody_writes() -> None:
    stray, out = tensor("stray"), tensor("out")
    wrong = graph([tensor("x")], [relu(stray, out)], [out])
    assert broken(wrong) == "'to_out' reads 'stray' before it is written"


def test_a_tensor_of_equal_content_is_not_the_same_tensor() -> None:
    x, twin, out = tensor("x"), tensor("x"), tensor("out")
    assert broken(graph([x], [relu(twin, out)], [out])) == "two tensors are called 'x'"


def test_a_tensor_is_written_twice() -> None:
    x, out = tensor("x"), tensor("out")
    wrong = graph([x], [relu(x, out, "one"), relu(x, out, "two")], [out])
    assert broken(wrong) == "'out' is written twice"


def test_a_node_writes_an_input() -> None:
    x, out = tensor("x"), tensor("out")
    assert broken(graph([x], [relu(x, out), relu(out, x)], [out])) == "'x' is written twice"


def test_a_node_writes_a_constant() -> None:
    x, c = tensor("x"), constant("c")
    assert broken(graph([x], [relu(x, c)], [c])) == "'c' is written twice"


def test_a_constant_is_not_what_it_is_declared_as() -> None:
    x, out = tensor("x"), tensor("out")
    c = tensor("c", data=np.zeros((6, 1), np.int8))
    add = Node("sum", Add(), (x, c), out)
    wanted = "constant 'c' holds (6, 1), is declared (1, 6)"
    assert broken(graph([x], [add], [out])) == wanted


def test_an_output_is_never_written() -> None:
    x, out = tensor("x"), tensor("out")
    wrong = graph([x], [relu(x, out)], [out, tensor("nowhere")])
    assert broken(wrong) == "output 'nowhere' is never written"


def test_a_constant_is_no_output() -> None:
    x, out, c = tensor("x"), tensor("out"), constant("c")
    assert broken(graph([x], [relu(x, out)], [out, c])) == "output 'c' is never written"


def test_an_input_is_listed_twice() -> None:
    x, out = tensor("x"), tensor("out")
    wrong = graph([x, x], [relu(x, out)], [out])
    assert broken(wrong) == "input 'x' has a value already"


def test_an_input_is_a_constant() -> None:
    c, out = constant("c"), tensor("out")
    assert broken(graph([c], [relu(c, out)], [out])) == "input 'c' has a value already"


def test_two_tensors_share_a_name() -> None:
    x, first, second = tensor("x"), tensor("t"), tensor("t")
    wrong = graph([x], [relu(x, first, "a"), relu(first, second, "b")], [second])
    assert broken(wrong) == "two tensors are called 't'"


def test_two_nodes_share_a_name() -> None:
    x, first, second = tensor("x"), tensor("t"), tensor("u")
    wrong = graph([x], [relu(x, first, "same"), relu(first, second, "same")], [second])
    assert broken(wrong) == "two nodes are called 'same'"


def test_an_operators_own_check_is_asked() -> None:
    x, out = tensor("x"), tensor("out", (1, 7))
    wrong = graph([x], [Node("relu1", Relu("relu"), (x,), out)], [out])
    assert broken(wrong).startswith("'relu1': tensor 'out' has shape [1, 7]")
