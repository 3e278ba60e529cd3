# SPDX-License-Identifier: Apache-2.0
"""Reads SLICE and STRIDED_SLICE: resolves the masks into plain starts and steps."""

from dataclasses import dataclass, replace
from typing import NamedTuple

from mcuforge.compiler.frontends.common import MOST_DIMENSIONS, contradiction
from mcuforge.compiler.frontends.tflite.ops.operator import NewNode, NewNodes, Operator
from mcuforge.compiler.ops.common.checks import want_shape
from mcuforge.compiler.ops.gather import Gather
from mcuforge.compiler.ops.reshape import Reshape
from mcuforge.compiler.ops.slice import Slice
from mcuforge.compiler.tensors import Tensor
from mcuforge.errors import Refusal

WHOLE = -1  # stands for a dimension without an entry: it is taken whole


@dataclass(frozen=True)
class Cut:
    """The part taken of each input dimension, and the output's shape with axes added or dropped."""

    begin: tuple[int, ...]
    stride: tuple[int, ...]
    extent: tuple[int, ...]
    shape: tuple[int, ...]


class Masks(NamedTuple):
    """StridedSliceOptions 0 to 4; bit i is about entry i of begin, end and strides."""

    begin: int
    end: int
    ellipsis: int
    new_axis: int
    shrink_axis: int


def slice_(operator: Operator) -> NewNodes:
    """Read inputs x, constant begin and size; size -1 takes the rest."""
    operator.arity(3)
    operator.options("SliceOptions")
    x, output = operator.input(0), operator.output()
    begin, size = operator.integers(1), operator.integers(2)
    if not len(begin) == len(size) == len(x.shape):
        raise contradiction(
            f"it has {len(begin)} begins and {len(size)} sizes, "
            f"expected {len(x.shape)}: one of each per dimension"
        )
    if operator.values.batch > 1 and (begin[:1], size[:1]) == ((0,), (operator.values.batch,)):
        size = (x.shape[0], *size[1:])  # of every sample
    extents = tuple(n - b if s == -1 else s for n, b, s in zip(x.shape, begin, size, strict=True))
    want_shape(output, extents)
    return (NewNode(Slice(begin, (1,) * len(begin)), (x,), output),)


def strided_slice(operator: Operator) -> NewNodes:
    """Read inputs x, constant begin, end and strides; becomes a Slice, a Reshape, or both."""
    x, output = operator.input(0), operator.output()
    cut = strided_cut(operator, x.shape)
    want_shape(output, cut.shape)
    return cut_and_shaped(operator, Slice(cut.begin, cut.stride), x, cut.extent, output)


def cut_and_shaped(
    operator: Operator, op: Slice | Gather, x: Tensor, extent: tuple[int, ...], output: Tensor
) -> NewNodes:
    """Let `op` take `extent` of `x`, and a Reshape give it the output's shape if that differs."""
    if extent == output.shape:
        return (NewNode(op, (x,), output),)
    if extent == x.shape and isinstance(op, Slice) and all(s == 1 for s in op.stride):
        return (NewNode(Reshape(), (x,), output),)
    name = operator.values.fresh(f"{output.name}/{op.kind}")
    between = replace(output, name=name, shape=extent)
    return (NewNode(op, (x,), between), NewNode(Reshape(), (between,), output))


def strided_cut(operator: Operator, shape: tuple[int, ...]) -> Cut:
    """Return the part that STRIDED_SLICE takes of a tensor of `shape`, by TFLite's rules."""
    operator.arity(4)
    options = operator.options("StridedSliceOptions", required=True)
    if options.flag(5):  # offset: the reference reads such ends from memory that it never set
        raise Refusal(
            "its ends are offsets from its begins, supported: ends as indices",
            "slice with plain begin and end indices",
        )
    masks = Masks(*(options.integer(i) for i in range(5)))
    begin, end, stride = (operator.integers(i) for i in (1, 2, 3))
    if not len(begin) == len(end) == len(stride) <= 2 * MOST_DIMENSIONS:
        raise contradiction(
            f"it has {len(begin)} begins, {len(end)} ends and {len(stride)} strides, "
            "expected the same number of each"
        )
    dense = _dense(masks, len(begin), len(shape))
    ranges: list[range] = []
    kept: list[int] = []
    for entry in dense:
        if entry is None:
            kept.append(1)
            continue
        size = shape[len(ranges)]
        if entry == WHOLE:
            ranges.append(range(size))
        else:
            ranges.append(_range(masks, entry, size, (begin[entry], end[entry], stride[entry])))
        if entry == WHOLE or not masks.shrink_axis >> entry & 1:
            kept.append(len(ranges[-1]))
    return Cut(
        tuple(r.start for r in ranges),
        tuple(r.step for r in ranges),
        tuple(len(r) for r in ranges),
        tuple(kept),
    )


def _dense(masks: Masks, count: int, rank: int) -> tuple[int | None, ...]:
    """Find each dimension's entry: WHOLE where it has none, None for a new axis."""
    is_ellipsis = [bool(masks.ellipsis >> i & 1) for i in range(count)]
    is_new = [bool(masks.new_axis >> i & 1) and not is_ellipsis[i] for i in range(count)]
    left = rank - (count - sum(is_ellipsis) - sum(is_new))
    if left < sum(is_ellipsis) or sum(is_ellipsis) > 1:  # TFLite miscounts an empty ellipsis
        raise contradiction(
            f"it has {count} entries with {sum(is_ellipsis)} ellipses for {rank} dimensions, "
            "expected at most one ellipsis, for one dimension or more"
        )
    dense: list[int | None] = []
    for i in range(count):
        if is_ellipsis[i]:
            dense.extend([WHOLE] * left)
            left = 0
        else:
            dense.append(None if is_new[i] else i)
    return (*dense, *([WHOLE] * left))


def _range(masks: Masks, entry: int, size: int, cut: tuple[int, int, int]) -> range:
    """Return the indices that one entry takes of a dimension of `size`."""
    begin, end, step = cut
    shrinks = bool(masks.shrink_axis >> entry & 1)
    if step == 0 or (shrinks and step < 0):
        raise contradiction(
            f"entry {entry} has stride {step}, expected {'above' if shrinks else 'other than'} 0"
        )
    low, high = (0, size) if step > 0 else (-1, size - 1)
    first = min(max(begin + size if begin < 0 else begin, low), high)
    if masks.begin >> entry & 1:
        first = low if step > 0 else high
    last = min(max(end + size if end < 0 else end, low), high)
    if masks.end >> entry & 1:
        last = high if step > 0 else low
    if shrinks:
        last = first + 1
    taken = range(first, last, step)
    if len(taken) == 0 or max(taken[0], taken[-1]) >= size:
        raise Refusal(
            f"entry {entry} takes no elements: {begin} to {cut[1]} in steps of {step} of {size}",
            "remove this operator: its output is empty",
        )
    return taken
