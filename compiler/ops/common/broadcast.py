# SPDX-License-Identifier: Apache-2.0
"""Broadcasting of two inputs to one output: checks, strides, reads, arguments."""

from abc import abstractmethod
from dataclasses import dataclass
from itertools import zip_longest

import numpy as np

from mcuforge.compiler.calls import Argument, Blank, Blob, Call, Fields, Reads, kernel_call
from mcuforge.compiler.graph import Activation
from mcuforge.compiler.ops.common.by_row import RowPartsOp, row_dims, same_row_reads
from mcuforge.compiler.ops.common.checks import shape_refusal, want_int8, want_shape
from mcuforge.compiler.ops.common.fixed_point import Multiplier, activation_range
from mcuforge.compiler.tensors import Tensor, Tensors
from mcuforge.compiler.work import Work, vector_counts
from mcuforge.errors import Refusal

MAX_DIMS = 5  # of the kernels, after merging: runtime_c/src/common/broadcast.h
Shape = tuple[int, ...]


@dataclass(frozen=True)
class Broadcast:
    """The output's dimensions, merged and padded with ones in front to five, the last a row.

    A stride is in elements, 0 along a dimension that its input repeats.
    """

    dims: Shape
    stride_a: Shape
    stride_b: Shape


@dataclass(frozen=True)
class BroadcastOp(RowPartsOp):
    """An operator on two int8 inputs: one element of each gives one element of the output."""

    def check(self, inputs: Tensors, output: Tensor) -> None:
        want_int8(*inputs, output)
        check_broadcast(inputs, output)

    @abstractmethod
    def fields(self, inputs: Tensors, output: Tensor) -> Fields:
        """Return the kernel's parameters after the walk over both inputs."""

    def call(self, inputs: Tensors, output: Tensor) -> Call:
        a, b = inputs
        fields = vars(broadcast(a.shape, b.shape)) | self.fields(inputs, output)
        return kernel_call(self.kernel_name, *operands(inputs), output, Blank.PARAMS, **fields)

    def reads(self, inputs: Tensors, output: Tensor) -> tuple[Reads | None, ...]:
        return tuple(_element_reads(x, output) for x in inputs)

    def own_rows(self, inputs: Tensors, output: Tensor) -> tuple[bool, ...] | None:
        """Find inputs with the output's rows; all rows may also read the same, but not in turn."""
        own = tuple(_has_own_rows(x, output) for x in inputs)
        dims = row_dims(len(output.shape))
        repeats = (set(aligned(x, output)[:dims]) <= {1} for x in inputs)
        known = (mine or same for mine, same in zip(own, repeats, strict=True))
        return own if all(known) else None

    def own_row_reads(self, x: Tensor, output: Tensor) -> Reads:
        return same_row_reads(x, output)

    def work(self, inputs: Tensors, output: Tensor) -> Work:
        counts = vector_counts(output)
        if len({x.elements for x in inputs} - {1}) <= 1:  # of one shape: they count as one vector
            counts = counts._replace(run=1)
        return Work(self.kernel_name, counts)


def check_broadcast(inputs: Tensors, output: Tensor) -> None:
    """Refuse shapes that do not broadcast to the output's, or need too many dimensions."""
    a, b = inputs
    want_shape(output, broadcast_shape(a, b))
    merged = len(_merge(a.shape, b.shape))
    if merged > MAX_DIMS:
        raise Refusal(
            f"shapes {list(a.shape)} and {list(b.shape)} alternate between repeated and full "
            f"dimensions: {merged} after merging, supported: up to {MAX_DIMS}",
            "reshape or tile one of the two before this operator",
        )


def broadcast_shape(a: Tensor, b: Tensor) -> Shape:
    """Compute the output's shape by TFLite's (and numpy's) rule: aligned at the last dimension."""
    pairs = _pairs(a.shape, b.shape)
    if any(m != n and 1 not in (m, n) for m, n in pairs):
        raise shape_refusal(
            f"shapes {list(a.shape)} and {list(b.shape)} of '{a.name}' and '{b.name}' differ in "
            "a dimension where neither is 1"
        )
    return tuple(max(m, n) for m, n in pairs)


def broadcast(a: Shape, b: Shape) -> Broadcast:
    """Compute the walk over two shapes that `check_broadcast` has accepted."""
    dims: list[int] = []
    strides: tuple[list[int], list[int]] = ([], [])
    steps = [1, 1]
    for size, full in reversed(_merge(a, b)):
        dims.insert(0, size)
        for i in (0, 1):
            strides[i].insert(0, steps[i] if full[i] else 0)
            steps[i] *= size if full[i] else 1
    return Broadcast(_padded(dims, 1), _padded(strides[0], 0), _padded(strides[1], 0))


def operands(inputs: Tensors) -> tuple[Argument, ...]:
    """Return the inputs as kernel arguments; constants lie in flash."""
    return tuple(Blob("operand", t.values()) if t.is_constant else t for t in inputs)


def centred_fields(inputs: Tensors, output: Tensor, factor: Multiplier, act: Activation) -> Fields:
    """Return the parameters of a kernel that combines centred values with one multiplier."""
    a, b = inputs
    low, high = activation_range(act, output)
    return {
        "zero_point_a": a.zero_point,
        "zero_point_b": b.zero_point,
        "output_zero_point": output.zero_point,
        "multiplier": factor.mantissa,
        "shift": factor.shift,
        "act_min": low,
        "act_max": high,
    }


def aligned(x: Tensor, output: Tensor) -> Shape:
    """Extend the shape of `x` to as many dimensions as the output's."""
    return (1,) * (len(output.shape) - len(x.shape)) + x.shape


def _element_reads(x: Tensor, output: Tensor) -> Reads:
    """Read one element of `x` for each element of the output, just before writing it."""
    numbers = np.arange(x.elements, dtype=np.int64).reshape(aligned(x, output))
    first = np.broadcast_to(numbers, output.shape).reshape(-1)
    return Reads(x.dtype.itemsize, output.dtype.itemsize, first, first + 1, before_write=True)


def _has_own_rows(x: Tensor, output: Tensor) -> bool:
    """Tell whether row y of `x` goes into row y of the output, and into no other row."""
    dims = row_dims(len(output.shape))
    return aligned(x, output)[:dims] == output.shape[:dims] and x.rows == output.rows


def _pairs(a: Shape, b: Shape) -> list[tuple[int, int]]:
    """Align the two shapes at the last dimension, outermost first."""
    return list(zip_longest(reversed(a), reversed(b), fillvalue=1))[::-1]


def _merge(a: Shape, b: Shape) -> list[tuple[int, tuple[bool, bool]]]:
    """List (size, which inputs are full along it); neighbours of the same kind are joined."""
    merged: list[tuple[int, tuple[bool, bool]]] = []
    for m, n in _pairs(a, b):
        size, full = max(m, n), (m != 1, n != 1)
        if size == 1:
            continue
        if merged and merged[-1][1] == full:
            merged[-1] = (merged[-1][0] * size, full)
        else:
            merged.append((size, full))
    return merged


def _padded(values: list[int], fill: int) -> Shape:
    return (fill,) * (MAX_DIMS - len(values)) + tuple(values)
