# SPDX-License-Identifier: Apache-2.0
"""Rings of flattened images: counted in the rows their reader adds up."""

from __future__ import annotations

import re

import numpy as np

from mcuforge.compiler.compile import PlanOptions, compile_graph
from mcuforge.compiler.graph import Graph, Node
from mcuforge.compiler.ops.conv2d import Conv2D
from mcuforge.compiler.ops.fully_connected import FullyConnected
from mcuforge.compiler.tensors import Quant
from tests.unit.compiler.graphs import QUANT, graph, tensor, view

RINGS = re.compile(r"\.(?:in|out)put_ring = (\d+),")


def flattened() -> Graph:
    """A convolution whose image a dense layer reads as one vector."""
    x, y = tensor("x", (1, 12, 12, 3)), tensor("y", (1, 12, 12, 8))
    flat, out = tensor("flat", (1, 12 * 12 * 8)), tensor("out", (1, 16))
    rng = np.random.default_rng(0)
    small = rng.integers(-127, 128, (8, 3, 3, 3), dtype=np.int8)
    large = rng.integers(-127, 128, (16, flat.elements), dtype=np.int8)
    weights = tensor("w", small.shape, quant=Quant((0.02,)), data=small)
    dense = tensor("d", large.shape, quant=Quant((0.002,)), data=large)
    conv = Node("conv", Conv2D(pad=(1, 1, 1, 1)), (x, weights), y, "operator 0 CONV_2D")
    last = Node("dense", FullyConnected(), (flat, dense), out, "operator 2 FULLY_CONNECTED")
    return graph([x], [conv, view(y, flat), last], [out])


def test_a_ring_of_a_flattened_image_is_counted_in_the_images_rows() -> None:
    compiled = compile_graph(flattened(), "portable", 1 << 20, options=PlanOptions("ram"))
    dense = compiled.model.files["model.c"].partition("fully_connected_rows_params p1")[2]
    assert "rows added up" in compiled.model.layers[1].about
    assert [int(n) for n in RINGS.findall(dense)] == [1]
    held = compiled.schedule
    flat = held.layers[1].node.inputs[0]
    assert held.rows_held(flat, 12) == 1
    assert flat.quant == QUANT
