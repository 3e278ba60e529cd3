# SPDX-License-Identifier: Apache-2.0
"""Blocks of bytes walked by strides: what padding, joining, slicing and transposing come to."""

from __future__ import annotations

from dataclasses import dataclass

from mcuforge.compiler.ir import DType, Tensor
from mcuforge.compiler.ops.base import Call, Params, Slot
from mcuforge.compiler.ops.checks import want_dtype, want_same_quant, want_shape
from mcuforge.errors import Refusal

KERNEL_RANK = 5
BYTES = (DType.INT8, DType.UINT8)  # what the byte-moving operators take


@dataclass(frozen=True)
class Axis:
    """One dimension of a block: its extent and the step from one index to the next, in elements."""

    extent: int
    in_stride: int
    out_stride: int


@dataclass(frozen=True)
class Block:
    """Where a copy reads and writes; `axes` are outermost first."""

    axes: tuple[Axis, ...]
    in_offset: int = 0
    out_offset: int = 0


def row_major(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Elements from one index to the next, for each dimension of a dense tensor."""
    strides = [1]
    for extent in reversed(shape[1:]):
        strides.append(strides[-1] * extent)
    return tuple(reversed(strides)) if shape else ()


def merged(axes: tuple[Axis, ...]) -> tuple[Axis, ...]:
    """The same walk in as few dimensions as it takes: neighbours that form one run are joined."""
    result: list[Axis] = []
    for axis in axes:
        if axis.extent == 1:
            continue
        if result and _continues(result[-1], axis):
            outer = result.pop()
            axis = Axis(outer.extent * axis.extent, axis.in_stride, axis.out_stride)
        result.append(axis)
    return tuple(result)


def _continues(outer: Axis, inner: Axis) -> bool:
    """True when stepping `outer` once is stepping `inner` through its whole extent."""
    return (
        outer.in_stride == inner.extent * inner.in_stride
        and outer.out_stride == inner.extent * inner.out_stride
    )


def want_walkable(block: Block) -> None:
    """Refuse a block that needs more dimensions than the kernel has loops."""
    rank = len(merged(block.axes))
    if rank > KERNEL_RANK:
        raise Refusal(
            f"this copy walks {rank} dimensions, supported: {KERNEL_RANK}",
            "join neighbouring dimensions with a reshape before this operator",
        )


def want_same_bytes(x: Tensor, output: Tensor, shape: tuple[int, ...]) -> None:
    """Refuse what is no move of 8-bit values: another dtype, scale, zero point or shape."""
    want_dtype(x, *BYTES)
    want_dtype(output, x.dtype)
    want_same_quant(x, output)
    want_shape(output, shape)


def copy_call(x: Tensor, output: Tensor, block: Block) -> Call:
    """The kernel call that copies `block` from `x` to `output`."""
    axes = merged(block.axes)
    axes = (Axis(1, 0, 0),) * (KERNEL_RANK - len(axes)) + axes
    if axes[-1].extent == 1:
        axes = (*axes[:-1], Axis(1, 1, 1))
    params = Params(
        "strided_copy_params",
        (
            ("dims", tuple(a.extent for a in axes)),
            ("in_stride", tuple(a.in_stride for a in axes)),
            ("out_stride", tuple(a.out_stride for a in axes)),
            ("in_offset", block.in_offset),
            ("out_offset", block.out_offset),
        ),
    )
    return Call("strided_copy_s8", (x, output, Slot.PARAMS), params)
