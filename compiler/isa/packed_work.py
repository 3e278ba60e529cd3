# SPDX-License-Identifier: Apache-2.0
"""What kernels with packed weights do for a layer, on each instruction set."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mcuforge.compiler.graph import Activation
from mcuforge.compiler.isa import find_instruction_set
from mcuforge.compiler.isa.channels import Int32
from mcuforge.compiler.isa.instruction_set import InstructionSet, rounded_up
from mcuforge.compiler.ops.common.fixed_point import Multiplier, activation_range
from mcuforge.compiler.ops.common.weighted import mantissas, shifts
from mcuforge.compiler.ops.common.window import Window
from mcuforge.compiler.tensors import Tensor
from mcuforge.compiler.work import CALLED, Counts, Work

FILTERS = 4  # of a block of packed weights
WORD = 4  # bytes
POINT = Window((1, 1))


@dataclass(frozen=True)
class PackedShape:
    """The shapes of a layer with packed weights; a fully connected one is a 1x1 convolution."""

    x: Tensor
    output: Tensor
    window: Window
    taps: int  # products per output
    act: Activation
    multipliers: tuple[Multiplier, ...]  # one per channel, or one for all

    @property
    def channels(self) -> int:
        """Of the output."""
        return self.output.shape[-1]

    @property
    def pixels(self) -> int:
        """Of the output."""
        return self.output.elements // self.channels

    @property
    def rows(self) -> int:
        """Of the output; vectors of tokens are rows of one pixel."""
        return self.output.rows if self.window is POINT else self.output.shape[1]

    @property
    def twice(self) -> int:
        """Outputs that are rounded twice, as TFLite does: their kernels shift each by its own."""
        quant = self.output.quant
        return 0 if quant is not None and quant.nearest else self.output.elements

    @property
    def own_shifts(self) -> int:
        """Those of `twice` that need their own shift: not if they are clamped at the zero point."""
        least, _ = activation_range(self.act, self.output)
        return self.twice if least < self.output.zero_point else 0

    @property
    def right(self) -> Int32:
        """The right shifts of the multipliers: int32 (multipliers,)."""
        return -shifts(self.multipliers).astype(np.int32)

    @property
    def multiplier(self) -> Int32:
        """Their mantissas: int32 (multipliers,)."""
        return mantissas(self.multipliers).astype(np.int32)

    @property
    def row_taps(self) -> tuple[list[int], list[int]]:
        """The taps on the image of each row and each column of the output."""
        if self.window is POINT:
            return [1], [1] * self.pixels
        rows, columns = (self.window.taps(axis, self.x, self.output) for axis in (0, 1))
        return rows, columns


def packed_work(kernel: str, shape: PackedShape, isa: str) -> Work:
    """Count the work of a packed `kernel` for a layer."""
    of = find_instruction_set(isa)
    if kernel == "depthwise_conv2d_packed_s8":
        return Work(kernel, _slid(shape, of) or _depthwise(shape, of), CALLED)
    if kernel == "conv2d_packed_s8":
        return _conv2d(kernel, shape, of)
    return Work(kernel, _vector(shape, of), CALLED)


def _conv2d(kernel: str, shape: PackedShape, isa: InstructionSet) -> Work:
    """Count windows gathered, then blocks of filters over the pixels that are computed together."""
    pixels, at_once = shape.pixels, isa.pixels
    blocks = -(-shape.channels // FILTERS)
    depth = rounded_up(shape.taps, isa.values)
    products = blocks * FILTERS * depth
    rows, columns = shape.row_taps
    height, width = shape.window.kernel
    channels = shape.taps // (height * width)
    on_image = sum(rows) * sum(columns) * channels
    whole = rows.count(height) * columns.count(width)
    partial = products // blocks if isa.in_vectors and shape.channels % FILTERS else 0
    gathered = on_image
    if isa.in_vectors:
        gathered = pixels * height * rounded_up(width * channels, isa.values)
    counts = Counts(
        row=shape.rows,
        position=pixels,
        output=shape.output.elements,
        run=pixels * blocks / at_once,
        tap=pixels * (products - partial),
        rest=pixels * partial,
        gathered=gathered,
        in_bytes=on_image if channels % WORD else 0,
        padding=pixels * shape.taps - on_image,
        edge=(pixels - whole) * height,
        piece=pixels * height if height > 1 else 0,
        carried=pixels if shape.channels % FILTERS else 0,
        twice=shape.twice,
    )
    alone = Counts(run=blocks - blocks / at_once, tap=-products, rest=products)
    if isa.rounds_mixed(shape.right, shape.multiplier):
        each = counts.plus(alone.times(pixels))._replace(twice=0, mixed=shape.output.elements)
        return Work(kernel, each, CALLED)
    left = tuple(alone.times(count) for count in range(1, at_once))
    if isa.fills_up:  # one pixel takes blocks of eight filters; three are computed as four
        pairs = -(-blocks // 2)
        single = Counts(
            run=pairs - blocks / at_once, tap=-products, rest=2 * pairs * FILTERS * depth
        )
        three = Counts(run=blocks / at_once, tap=products, output=shape.channels)
        left = (single, single.times(2), three)
    return Work(kernel, counts, CALLED, left)


def _depthwise(shape: PackedShape, isa: InstructionSet) -> Counts:
    """Count blocks of channels, window by window; windows beside the image are looked up anew."""
    pixels, taps, lanes = shape.pixels, shape.taps, isa.lanes
    blocks = -(-shape.channels // lanes)
    rows, columns = shape.row_taps
    height, width = shape.window.kernel
    inside = columns.count(width)
    whole = rows.count(height)
    listed = whole * (len(columns) - inside + (inside > 0)) + (len(rows) - whole) * len(columns)
    single = isa.taps > 2 and taps > 1 and taps % isa.taps == 1
    together = rounded_up(taps - single, isa.taps)
    copied = shape.channels < lanes and not isa.in_vectors and not isa.lists_all
    if isa.lists_all or copied:
        listed = pixels
    in_step = shape.window.stride[1] == 1 and (shape.channels % lanes == 0 or shape.channels == 8)
    if shape.channels == lanes // 2 == 8 and shape.window.stride[1] == 1:
        pixels -= whole * inside // 2  # eight channels of two pixels are one block
    return Counts(
        row=shape.rows,
        position=pixels,
        output=pixels * blocks * lanes,
        run=pixels * blocks,
        rest=pixels * blocks * lanes * together,
        carried=pixels * blocks * single,
        window=listed,
        edge=listed * height,
        gathered=listed * taps,
        in_bytes=listed * taps if copied else 0,
        piece=(shape.pixels - listed) * taps if isa.in_vectors and not in_step else 0,
        twice=shape.own_shifts,
    )


def _slid(shape: PackedShape, isa: InstructionSet) -> Counts | None:
    """Count 3x3 filters that slide along rows of the image; None if these cannot."""
    window = shape.window
    near = window.kernel == (3, 3) and window.dilation == (1, 1) and window.stride[1] <= 2
    if not isa.slides or not near or max(window.pad) > 1 or min(shape.x.shape[1:3]) < 2:
        return None
    return Counts(
        row=shape.rows,
        piece=shape.output.elements if window.stride[1] > 1 else 0,
        run=shape.channels * shape.output.shape[1],
        output=shape.output.elements,
        tap=shape.output.elements * shape.taps,
        twice=shape.own_shifts,
    )


def _vector(shape: PackedShape, isa: InstructionSet) -> Counts:
    """Count blocks of filters over one vector."""
    filters, depth = isa.vector_filters, shape.taps
    blocks, left = divmod(shape.channels, filters)
    if filters == FILTERS and left:
        blocks, left = blocks + 1, 0
    mixed = isa.rounds_mixed(shape.right, shape.multiplier)
    return Counts(
        output=shape.channels,
        run=blocks * filters / FILTERS,
        tap=blocks * filters * rounded_up(depth, isa.values),
        rest=left * depth,
        edge=left,
        twice=0 if mixed else shape.twice,
        mixed=shape.output.elements if mixed else 0,
    )
