# SPDX-License-Identifier: Apache-2.0
"""Breaks picking along any axes of a tensor into images whose rows and columns are picked.

Repetition (TILE), mirrored and repeated borders are such picks: both front ends use them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod

from mcuforge.compiler.ops.resize_nearest import PickPixels

Shape = tuple[int, ...]
Picks = Mapping[int, tuple[int, ...]]  # by axis: the element that each one of the output copies


@dataclass(frozen=True)
class Step:
    """One node: the tensor's bytes seen as `before` become an image `after`, then `shape`."""

    op: PickPixels
    before: Shape
    after: Shape
    shape: Shape


def steps(shape: Shape, picks: Picks) -> Iterator[Step]:
    """Yield the nodes that pick along every axis of `picks`; axes that stay as they are need none.

    Two axes of an image are one node.
    """
    left = {a: p for a, p in sorted(picks.items()) if p != tuple(range(shape[a]))}
    while left:
        axis, chosen = left.popitem()  # the last axis first
        size, inner, outer = shape[axis], prod(shape[axis + 1 :]), prod(shape[:axis])
        shape = (*shape[:axis], len(chosen), *shape[axis + 1 :])
        rows, height = tuple(range(outer)), outer
        above = max(left, default=-1)
        if above >= 0 and outer == shape[above]:  # nothing else lies before this axis
            rows = left.pop(above)
            shape = (*shape[:above], len(rows), *shape[above + 1 :])
        elif outer == 1:  # whole rows are copied at once
            op = PickPixels(chosen, (0,))
            yield Step(op, (1, size, 1, inner), (1, len(chosen), 1, inner), shape)
            continue
        after = (1, len(rows), len(chosen), inner)
        yield Step(PickPixels(rows, chosen), (1, height, size, inner), after, shape)


def repeated(size: int, times: int) -> tuple[int, ...]:
    """List the elements of `size` again and again."""
    return tuple(range(size)) * times


def mirrored(size: int, before: int, after: int, *, edge_twice: bool) -> tuple[int, ...]:
    """List the elements with borders that mirror them; `edge_twice`: the edge itself first."""
    period = 2 * size if edge_twice else max(2 * (size - 1), 1)
    places = (i % period for i in range(-before, size + after))
    last = 2 * size - 1 if edge_twice else 2 * (size - 1)
    return tuple(i if i < size else last - i for i in places)


def clamped(size: int, before: int, after: int) -> tuple[int, ...]:
    """List the elements with borders that repeat the first and the last one."""
    return tuple(min(max(i, 0), size - 1) for i in range(-before, size + after))


def wrapped(size: int, before: int, after: int) -> tuple[int, ...]:
    """List the elements with borders that go on at the other end."""
    return tuple(i % size for i in range(-before, size + after))


def depth_to_space(shape: Shape, block: int) -> Step:
    """Spread channels over squares of `block` pixels: (1, h, w, block^2 * c) to (1, .., .., c).

    Channels of a square follow each other row by row, those of a pixel together.
    """
    _, height, width, channels = shape
    inner = channels // block**2
    chosen = (x * block**2 + i * block + j for i, x, j in _squares(width, block))
    before, after = (1, height, width * block**2, inner), (1, height, width * block**2, inner)
    op = PickPixels(tuple(range(height)), tuple(chosen))
    return Step(op, before, after, (1, height * block, width * block, inner))


def space_to_depth(shape: Shape, block: int) -> Step:
    """Gather squares of `block` pixels into channels: the inverse of `depth_to_space`."""
    _, height, width, channels = shape
    rows, columns = height // block, width // block
    places = [0] * (columns * block**2)
    for place, (i, x, j) in enumerate(_squares(columns, block)):
        places[x * block**2 + i * block + j] = place
    before = (1, rows, columns * block**2, channels)
    op = PickPixels(tuple(range(rows)), tuple(places))
    return Step(op, before, before, (1, rows, columns, channels * block**2))


def _squares(columns: int, block: int) -> Iterator[tuple[int, int, int]]:
    """Yield (row in its square, square, column in its square) of `block` rows of pixels."""
    return ((i, x, j) for i in range(block) for x in range(columns) for j in range(block))
