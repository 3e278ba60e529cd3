# SPDX-License-Identifier: Apache-2.0
"""Tracks where the axes of a file's tensors (NCHW) are stored in the graph's (NHWC)."""

from dataclasses import dataclass

from mcuforge.compiler.tensors import Tensor

Shape = tuple[int, ...]


@dataclass(frozen=True, eq=False)
class View:
    """A logical value that `tensor` holds, with its axes in the order `perm` and under `shape`.

    logical = tensor.transpose(perm).reshape(shape)
    """

    tensor: Tensor
    perm: Shape
    shape: Shape

    @property
    def aligned(self) -> bool:
        """True where each logical axis is a stored axis."""
        return permuted(self.tensor.shape, self.perm) == self.shape

    @property
    def in_order(self) -> bool:
        """True where elements follow each other in memory as they do in the logical value."""
        kept = [p for p in self.perm if self.tensor.shape[p] != 1]
        return kept == sorted(kept)


@dataclass(frozen=True)
class Group:
    """Axes of one shape that hold the same elements as axes of another; axes of 1 are left out."""

    source: Shape
    target: Shape


def inverse(perm: Shape) -> Shape:
    """Return the permutation that undoes `perm`."""
    return tuple(sorted(range(len(perm)), key=perm.__getitem__))


def channels_last(rank: int) -> Shape:
    """Return the stored places of (batch, channel, ...) when channels are stored last."""
    return (0, rank - 1, *range(1, rank - 1))


def permuted(values: Shape, perm: Shape) -> Shape:
    """Put `values` in the order of `perm`."""
    return tuple(values[p] for p in perm)


def groups(source: Shape, target: Shape) -> tuple[Group, ...]:
    """Split two shapes with the same number of elements into the smallest parts that match."""
    found: list[Group] = []
    left = [i for i, n in enumerate(source) if n != 1]
    right = [i for i, n in enumerate(target) if n != 1]
    while left and right:
        a, b = [left.pop(0)], [right.pop(0)]
        m, n = source[a[0]], target[b[0]]
        while m != n:
            if m < n:
                a.append(left.pop(0))
                m *= source[a[-1]]
            else:
                b.append(right.pop(0))
                n *= target[b[-1]]
        found.append(Group(tuple(a), tuple(b)))
    return tuple(found)


def renamed(view: View) -> tuple[Shape, Shape] | None:
    """Find the stored shape and permutation that align `view` without moving a byte.

    None where its reshape joins axes that are not adjacent in memory.
    """
    logical = permuted(view.tensor.shape, view.perm)
    place = dict(enumerate(view.perm))  # of each logical axis in memory
    full = [i for i, n in enumerate(view.tensor.shape) if n != 1]
    rank = {stored: order for order, stored in enumerate(full)}
    starts: list[tuple[int, Group]] = []
    for group in groups(logical, view.shape):
        order = [rank[place[axis]] for axis in group.source]
        if order != list(range(order[0], order[0] + len(order))):
            return None
        starts.append((order[0], group))
    memory = [axis for _, group in sorted(starts, key=lambda s: s[0]) for axis in group.target]
    stored = _with_ones(memory, view.shape)
    return permuted(view.shape, stored), inverse(stored)


def _with_ones(memory: list[int], shape: Shape) -> Shape:
    """Insert the axes of 1 into `memory`, which lists logical axes in stored order.

    Leading ones come first, the others before the axis that follows them in the file, else last.
    """
    ones = [i for i, n in enumerate(shape) if n == 1]
    first_full = min(memory, default=len(shape))
    stored = [i for i in ones if i < first_full]
    for axis in memory:
        before = [i for i in ones if first_full < i < axis and i not in stored]
        nearest = [i for i in before if not any(i < m < axis for m in memory)]
        stored += [*nearest, axis]
    return (*stored, *(i for i in ones if i not in stored))


def same_memory(view: View, perm: Shape) -> bool:
    """True where an aligned view already has the order of axes `perm`, apart from axes of 1."""
    full = [i for i, n in enumerate(view.shape) if n != 1]
    return sorted(full, key=lambda i: view.perm[i]) == sorted(full, key=lambda i: perm[i])
