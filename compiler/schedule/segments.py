# SPDX-License-Identifier: Apache-2.0
"""Cuts a network where one tensor alone is alive, and says which parts and layers cost the same."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import replace
from math import frexp

from mcuforge.compiler.attention.read_needed_rows import read_needed_rows
from mcuforge.compiler.graph import Graph, Node
from mcuforge.compiler.isa.channels import MAX_RIGHT
from mcuforge.compiler.ops.batch_matmul import BatchMatMul
from mcuforge.compiler.ops.common.fixed_point import LEAST_ROUNDED_ONCE
from mcuforge.compiler.ops.conv2d import Conv2D
from mcuforge.compiler.ops.fully_connected import FullyConnected
from mcuforge.compiler.ops.slice import Slice
from mcuforge.compiler.tensors import Tensor, is_unknown

SUMMING = (Conv2D, FullyConnected)  # of their factors' exponents only the range matters
# The least exponent of a factor that a packed kernel shifts to the right, that a layer rounded once
# need not shift, that no layer shifts, and that is shifted to the left: `rounded_multiplier` and
# `channels.packable` tell no others apart.
RANGES = (-MAX_RIGHT, frexp(LEAST_ROUNDED_ONCE)[1], 0, 1)
LONG = 4096  # bytes of a known constant; longer ones are told apart by identity


def segments(graph: Graph) -> list[Graph]:
    """Cut a network where one tensor alone is alive: a graph of each segment, in their order.

    Behind a class token's slice only one token is read. The slice moves up to the last attention,
    as the planner moves it, and what lies between is cut with one token alone.
    """
    parts = list(_cut(graph))
    for number, part in enumerate(parts):
        if Slice in [type(node.op) for node in part.nodes]:  # isinstance takes long
            attends = [i for i in range(number + 1) if _attends(parts[i].nodes)]
            if attends and attends[-1] < number:
                first = attends[-1]
                behind = _joined(parts[first + 1 : number + 1])
                parts[first : number + 1] = _with_needed_rows(parts[first], behind)
                return parts
    return parts


def _cut(graph: Graph) -> Iterator[Graph]:
    """The parts between places where one tensor alone is alive."""
    last_read = {id(t): i for i, node in enumerate(graph.nodes) for t in node.activations}
    last_read |= {id(tensor): len(graph.nodes) for tensor in graph.outputs}
    for begin, end in _narrow(graph, last_read):
        nodes = graph.nodes[begin:end]
        written = {id(node.output) for node in nodes}
        inputs = {id(t): t for n in nodes for t in n.activations if id(t) not in written}
        kept = tuple([n.output for n in nodes if last_read.get(id(n.output), -1) >= end])
        yield Graph(graph.name, tuple(inputs.values()), kept, nodes, graph.source)


def _joined(parts: Sequence[Graph]) -> Graph:
    """Neighbouring parts as one."""
    nodes = tuple(node for part in parts for node in part.nodes)
    return replace(parts[0], nodes=nodes, outputs=parts[-1].outputs)


def _with_needed_rows(attention: Graph, behind: Graph) -> list[Graph]:
    """Cut what lies behind an attention's block once its slice is as high as it gets there."""
    needed = read_needed_rows(behind)
    cut, *rest = needed.nodes
    (tensor,) = attention.outputs
    if not isinstance(cut.op, Slice) or any(tensor in node.inputs for node in rest):
        return [_joined((attention, behind))]
    first = replace(attention, nodes=(*attention.nodes, cut), outputs=(cut.output,))
    return [first, *_cut(replace(needed, inputs=(cut.output,), nodes=tuple(rest)))]


def _attends(nodes: Sequence[Node]) -> bool:
    return BatchMatMul in [type(node.op) for node in nodes]


def _narrow(graph: Graph, last_read: Mapping[int, int]) -> Iterator[tuple[int, int]]:
    """The nodes [begin, end) between places where one tensor alone is alive."""
    alive = {id(t) for t in graph.inputs if id(t) in last_read}
    begin = 0
    for i, node in enumerate(graph.nodes):
        alive.add(id(node.output))
        for tensor in node.activations:
            if last_read[id(tensor)] == i:
                alive.discard(id(tensor))
        if len(alive) == 1 and i + 1 < len(graph.nodes):
            yield begin, i + 1
            begin = i + 1
    yield begin, len(graph.nodes)


def segment_key(part: Graph) -> tuple[object, ...]:
    """What the cost of a segment depends on: operators, shapes, quantization, who reads what."""
    numbers: dict[int, int] = {}
    key: list[object] = []
    for node in part.nodes:
        _extend(key, node, numbers)
    key.append(tuple([numbers[id(tensor)] for tensor in part.outputs]))
    return tuple(key)


def layer_cost_key(node: Node) -> Hashable:
    """What the cost of a layer by itself depends on."""
    key: list[object] = []
    _extend(key, node, {})
    return tuple(key)


def _extend(key: list[object], node: Node, numbers: dict[int, int]) -> None:
    """Add what the cost of a layer depends on; `numbers`: of tensors met, extended here.

    A tensor is described where it is met first, and is a number from then on.
    """
    key.append(node.op)
    for tensor in (*node.inputs, node.output):
        if tensor.data is not None:
            key.append(_constant_key(tensor))
        elif id(tensor) in numbers:
            key.append(numbers[id(tensor)])
        else:
            numbers[id(tensor)] = len(numbers)
            quant = tensor.quant
            rounding = (quant.zero_point, quant.nearest) if quant is not None else None
            key.append((tensor.shape, tensor.dtype, rounding))
    key += _factors(node)


def _constant_key(tensor: Tensor) -> object:
    """A constant by its shape; where its values are known and may matter, by these."""
    data = tensor.data
    assert data is not None
    if is_unknown(data):
        return (tensor.shape, tensor.dtype)
    known = data.tobytes() if data.nbytes <= LONG else tensor
    return (tensor.shape, tensor.dtype, known)


def _factors(node: Node) -> tuple[int, ...]:
    """The sizes of a layer's factors, by which kernels are chosen: the least and the largest.

    They are exponents. Layers that sum products over channels ask for no more than a range.
    """
    weights = node.inputs[1] if len(node.inputs) > 1 else None
    if weights is None or weights.data is None or weights.quant is None:
        return ()
    scale = node.inputs[0].scale / node.output.scale
    least, largest = [frexp(scale * of_channel)[1] for of_channel in weights.quant.ends]
    if type(node.op) in SUMMING:
        return bisect(RANGES, least), bisect(RANGES, largest)
    lowest, highest = RANGES[0] - 1, RANGES[-1]
    return min(max(least, lowest), highest), min(max(largest, lowest), highest)
