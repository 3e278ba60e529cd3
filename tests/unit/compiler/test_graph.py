# SPDX-License-Identifier: Apache-2.0
"""Graphs: who reads, who writes, what is counted; and the meaning of a graph."""

from __future__ import annotations

import numpy as np
import pytest

from mcuforge.compiler import reference
from mcuforge.compiler.graph import Node
from mcuforge.compiler.ops.add import Add
from mcuforge.compiler.tensors import DType, unique
from tests.unit.compiler.graphs import chain, constant, graph, padded_conv, relu, tensor


def test_readers_and_writers_are_found_by_identity() -> None:
    x, twin, a, b = tensor("x"), tensor("x"), tensor("a"), tensor("b")
    g = graph([x], [relu(x, a), relu(x, b)], [a, b])
    assert g.readers(x) == g.nodes
    assert g.readers(twin) == ()
    assert g.writer(a) is g.nodes[0]
    assert g.writer(x) is None


def test_a_constant_read_twice_counts_once() -> None:
    x, c, a, out = tensor("x"), constant("c"), tensor("a"), tensor("out")
    g = graph([x], [Node("a", Add(), (x, c), a), Node("b", Add(), (a, c), out)], [out])
    assert g.constants() == (c,)
    assert g.parameters == 6
    assert g.nodes[0].activations == (x,)


def test_macs_are_those_of_the_convolution() -> None:
    # 6 x 5 positions of 3 filters, each 3 x 3 taps of 2 channels
    assert padded_conv().macs == 6 * 5 * 3 * 3 * 3 * 2


@pytest.mark.parametrize(
    ("dtype", "size", "c_type"),
    [
        (DType.INT8, 1, "int8_t"),
        (DType.UINT8, 1, "uint8_t"),
        (DType.INT32, 4, "int32_t"),
        (DType.FLOAT32, 4, "float"),
    ],
)
def test_types_know_their_size_and_their_name_in_c(dtype: DType, size: int, c_type: str) -> None:
    t = tensor("t", (2, 3), dtype)
    assert (t.bytes, dtype.itemsize, dtype.c_type) == (6 * size, size, c_type)
    assert t.dtype.numpy.itemsize == size


def test_unique_keeps_the_order_and_the_first() -> None:
    a, b = tensor("a"), tensor("a")
    assert unique([a, b, a, b]) == (a, b)


def test_the_reference_gives_every_tensor_and_the_outputs_in_order() -> None:
    g = chain(2)
    x = np.array([[-128, -5, -4, 0, 5, 127]], np.int8)
    values = reference.run_all(g, [x])
    assert list(values) == ["x", "t0", "t1"]
    np.testing.assert_array_equal(values["t1"], [[-5, -5, -4, 0, 5, 127]])
    np.testing.assert_array_equal(reference.run(g, [x])[0], values["t1"])


def test_the_reference_wants_every_input() -> None:
    with pytest.raises(ValueError, match="zip"):
        reference.run(chain(1), [])
