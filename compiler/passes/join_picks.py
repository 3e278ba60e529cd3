# SPDX-License-Identifier: Apache-2.0
"""Joins reshapes and repetitions that together scale an image into one pick of rows and columns.

Keras writes nearest up-sampling as RESHAPE, TILE, RESHAPE, TILE, RESHAPE. Only the one node that
they become keeps the image's rows, so only it can run row by row.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from mcuforge.compiler.graph import Graph, Node
from mcuforge.compiler.ops.reshape import Reshape
from mcuforge.compiler.ops.resize_nearest import MAX_SIZE, PickPixels
from mcuforge.compiler.tensors import Tensor

LARGEST = 2**20  # elements of an image that are followed one by one


def join_picks(graph: Graph) -> Graph:
    """Replace chains of Reshape and PickPixels from image to image; exact: they only copy."""
    joined: dict[int, Node] = {}
    inside: set[int] = set()
    for node in graph.nodes:
        if isinstance(node.op, PickPixels) and id(node) not in inside:
            chain = _chain(graph, node)
            inside.update(map(id, chain))
            found = _image_part(chain)
            if found is not None:
                first, last, op = found
                inside.update(map(id, chain))
                whole = replace(chain[last], op=op, inputs=chain[first].inputs)
                joined |= {id(n): whole for n in chain[first : last + 1]}
    if not joined:
        return graph
    nodes = []
    for node in graph.nodes:
        whole = joined.get(id(node), node)
        if whole is node or whole.output is node.output:
            nodes.append(whole)
    return replace(graph, nodes=tuple(nodes))


def _chain(graph: Graph, node: Node) -> list[Node]:
    """List the copies around `node` that are read by the next one only, in order."""
    chain = [node]
    while (before := graph.writer(chain[0].inputs[0])) is not None and _copies(before):
        if graph.only_reader(before.output) is None:
            break
        chain.insert(0, before)
    while (after := graph.only_reader(chain[-1].output)) is not None and _copies(after):
        chain.append(after)
    return chain


def _copies(node: Node) -> bool:
    return isinstance(node.op, Reshape | PickPixels) and not node.inputs[0].is_constant


def _image_part(chain: Sequence[Node]) -> tuple[int, int, PickPixels] | None:
    """Find the longest part of a chain that picks rows and columns of an image: its ends, its op.

    None where no part of two nodes or more does.
    """
    parts = [(i, j) for i in range(len(chain)) for j in range(i + 1, len(chain))]
    for first, last in sorted(parts, key=lambda part: part[0] - part[1]):
        part = chain[first : last + 1]
        if not any(isinstance(node.op, PickPixels) for node in part):
            continue
        op = _as_pick(part)
        if op is not None:
            return first, last, op
    return None


def _as_pick(part: Sequence[Node]) -> PickPixels | None:
    """Return the single pick that copies what `part` copies; None where there is none."""
    x, output = part[0].inputs[0], part[-1].output
    if not all(_is_image(t) for t in (x, output)) or x.shape[3] != output.shape[3]:
        return None
    places = np.arange(x.elements, dtype=np.int64).reshape(x.shape)
    for node in part:
        places = np.asarray(node.op.evaluate(node.inputs, node.output, (places,)), np.int64)
    width, channels = x.shape[2:]
    rows = places[0, :, 0, 0] // (width * channels)
    columns = places[0, 0, :, 0] % (width * channels) // channels
    pixels = np.add.outer(rows * width, columns)[..., None] * channels + np.arange(channels)
    if not np.array_equal(places[0], pixels):
        return None
    return PickPixels(tuple(rows.tolist()), tuple(columns.tolist()))


def _is_image(tensor: Tensor) -> bool:
    sides = tensor.shape[1:3]
    one = len(tensor.shape) == 4 and tensor.shape[0] == 1
    return one and max(sides) <= MAX_SIZE and tensor.elements <= LARGEST
