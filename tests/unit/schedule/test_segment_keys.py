# SPDX-License-Identifier: Apache-2.0
"""Layers with one key cost the same, whatever their scales."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace

import pytest

from mcuforge.compiler.builders.graph_builder import GraphBuilder
from mcuforge.compiler.graph import Node
from mcuforge.compiler.schedule.kernels import Calls, Form
from mcuforge.compiler.schedule.schedule import Execution
from mcuforge.compiler.schedule.segments import layer_cost_key, segment_key, segments
from mcuforge.compiler.segment_cost import Sizes
from mcuforge.compiler.tensors import Quant

EXPONENTS = range(-26, 3)  # of a factor: from too small to shift to too large


def layer(kind: str, exponent: int, *, nearest: bool) -> Node:
    """A layer whose products are multiplied by 0.75 * 2**exponent."""
    build = GraphBuilder("one")
    x = build.input((1, 6, 8, 8)) if kind != "linear" else build.input((1, 6, 32))
    if kind == "linear":
        build.linear(x, 20)
    elif kind == "conv":
        build.conv(x, 12)
    else:
        build.depthwise(x)
    (node,) = build.graph().nodes
    weights, output = node.inputs[1], node.output
    assert weights.quant is not None
    assert output.quant is not None
    scale = 0.75 * 2.0**exponent * output.scale / x.scale
    quant = Quant((scale,) * len(weights.quant.scale), 0, weights.quant.axis)
    inputs = (x, replace(weights, quant=quant), *node.inputs[2:])
    return replace(
        node, inputs=inputs, output=replace(output, quant=replace(output.quant, nearest=nearest))
    )


def facts(node: Node, isa: str) -> Hashable:
    """What the node costs on an instruction set, whole and by rows."""
    calls = Calls(isa)
    found: list[Hashable] = []
    forms: tuple[Form, ...] = tuple((form, 6) for form in (Execution.WHOLE, Execution.ROWS))
    for form in forms:
        sizes = Sizes.of(calls.of(node, *form))
        bytes_of_tables = sum(size for _, size in sizes.tables)
        found.append((sizes.kernels, sizes.trained, bytes_of_tables, sizes.words))
        found.append((calls.cost(node, *form), calls.saving(node, *form)))
        found.append(calls.scratch_bytes(node, *form))
    return tuple(found)


@pytest.mark.parametrize("isa", ["armv7em", "helium", "rv32", "portable"])
@pytest.mark.parametrize("kind", ["linear", "conv", "depthwise"])
def test_layers_with_one_key_cost_the_same(kind: str, isa: str) -> None:
    for nearest in (False, True):
        by_key: dict[Hashable, set[Hashable]] = {}
        for exponent in EXPONENTS:
            node = layer(kind, exponent, nearest=nearest)
            by_key.setdefault(layer_cost_key(node), set()).add(facts(node, isa))
        assert all(len(found) == 1 for found in by_key.values())
        assert len(by_key) > 3
        if kind != "depthwise":
            assert len(by_key) == 5


def test_heads_of_a_quarter_of_a_power_of_two_are_one_segment() -> None:
    """The factor of 256 products is 2**-9, a little less or more by the place in the network."""
    keys = set()
    for before in range(8):
        build = GraphBuilder("place")
        x = build.input((1, 6, 256))
        for _ in range(before):
            x = build.gelu(x)
        graph = build.graph(build.linear(x, 192))
        keys.add(segment_key(segments(graph)[-1]))
    assert len(keys) == 1
