# SPDX-License-Identifier: Apache-2.0
"""What a layer's kernel does in one inference, counted in the things its instructions go to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import NamedTuple

from mcuforge.compiler.ir import Node, Tensor
from mcuforge.compiler.isa.isa import packing_of
from mcuforge.compiler.isa.layouts import PACKED_KERNELS
from mcuforge.compiler.ops.average_pool2d import AveragePool2D
from mcuforge.compiler.ops.base import Op
from mcuforge.compiler.ops.batch_matmul import BatchMatMul
from mcuforge.compiler.ops.common.broadcast import BroadcastOp
from mcuforge.compiler.ops.common.by_row import row_dims
from mcuforge.compiler.ops.common.window import Window
from mcuforge.compiler.ops.concatenation import Concatenation
from mcuforge.compiler.ops.conv2d import Conv2D
from mcuforge.compiler.ops.depthwise_conv2d import DepthwiseConv2D
from mcuforge.compiler.ops.div import Div
from mcuforge.compiler.ops.fully_connected import FullyConnected
from mcuforge.compiler.ops.gather import Gather
from mcuforge.compiler.ops.max_pool2d import MaxPool2D
from mcuforge.compiler.ops.mean import Mean
from mcuforge.compiler.ops.pad import Pad
from mcuforge.compiler.ops.quantize import Quantize
from mcuforge.compiler.ops.resize_nearest import ResizeNearest
from mcuforge.compiler.ops.strided_copy import Block, CopyOp, merged
from mcuforge.compiler.ops.tables.table import TableOp
from mcuforge.compiler.schedule.schedule import Execution

FILTERS = 4  # a block of packed weights
UNROLLED = 4  # products a turn of mcuforge_dot_s8
COLUMNS = 4  # of a product of activations computed at once


class Counts(NamedTuple):
    """How often a layer does something; or, as a price list, the instructions each time takes."""

    task: float = 0  # tasks of a pipeline, beside what each of their calls takes
    call: float = 0  # kernel calls, in a pipeline with the loop round them
    position: float = 0  # output pixels or vectors: where the window lies
    output: float = 0  # output elements: sums finished, scaled, clamped
    run: float = 0  # inner loops begun: over a row of taps, a vector, a row, a piece to copy
    tap: float = 0  # products, or elements read, or bytes copied
    rest: float = 0  # products left over where the inner loop takes several at once
    padding: float = 0  # taps on padding
    edge: float = 0  # rows of taps of windows that are partly on padding
    carried: float = 0  # sums taken up again by a task that adds rows up
    gathered: float = 0  # elements brought together before their products are summed
    in_bytes: float = 0  # of them, where channels fill no words


NONE = Counts()


@dataclass(frozen=True)
class Work:
    """`kernel`: its name less the type. In t tasks a layer does `fixed` + t * `per_task`.

    Kernels that take several pixels at once do `alone` more for each one that a task leaves over.
    """

    kernel: str
    fixed: Counts
    per_task: Counts
    alone: Counts = NONE
    at_once: int = 1


def layer_work(node: Node, form: Execution, rows: int, isa: str, kernel: str = "") -> Work:
    """What one inference of `node` in `form` does; run whole, it is one task.

    `rows` are those it is run by: of the output, or of the input where they are added up. `kernel`:
    the one it calls, where there are several for it.
    """
    if kernel in PACKED_KERNELS:
        return _packed(node, isa, kernel)
    op, x, out = node.op, node.inputs[0] if node.inputs else node.output, node.output
    called = Counts(call=1)
    summed = form is Execution.ACCUMULATE
    kernel = f"{_kernel(op)}_rows" if summed else _kernel(op)
    match op:
        case Conv2D():
            return Work(op.kind, _conv(op, node), called)
        case DepthwiseConv2D():
            fixed = _windows(op.window(node.inputs[1]), x, out)
            if summed:  # each task goes over all sums once more
                pixels = prod(out.shape[:3])
                called = called._replace(position=pixels, carried=out.elements)
            return Work(kernel, fixed, called)
        case AveragePool2D() | MaxPool2D():
            fixed = _windows(op.window, x, out)._replace(padding=0, edge=0)
            if summed:  # where the windows lie is found for each row
                fixed = fixed._replace(position=prod(out.shape[:3]) * rows)
            return Work(kernel, fixed, called)
        case ResizeNearest():
            pixels = prod(out.shape[:3])
            return Work(op.kind, Counts(run=pixels, tap=out.bytes), called)
    if summed:  # the mean and fully connected: their sums are taken up once a row
        return Work(kernel, _dots(node, out.elements * rows), called)
    if form is Execution.ARRIVE:
        return Work(op.kind, Counts(), called)
    kernel, fixed, count = _elements(node)
    if form is Execution.WHOLE:
        return Work(kernel, fixed._replace(call=count), Counts())
    if isinstance(op, Concatenation | Gather) and op.axis < row_dims(len(out.shape)):
        count = 1  # whichever has this row
    # kernels that know nothing of rows are called for each
    return Work(kernel, fixed._replace(call=count * rows), Counts(task=1))


def _packed(node: Node, isa: str, kernel: str) -> Work:
    """Kernels with packed weights: blocks of pixels by blocks of filters."""
    out = node.output
    channels = out.shape[-1]
    pixels, products = out.elements // channels, node.op.macs(node.inputs, out)
    blocks, left = divmod(channels, FILTERS)
    found = Counts(position=pixels, output=out.elements)
    alone, at_once = NONE, 1
    if kernel == "depthwise_conv2d_packed_s8":
        taps = products // out.elements
        found = found._replace(
            run=pixels * blocks, tap=pixels * taps * blocks * FILTERS, rest=pixels * taps * left
        )
    else:
        blocks += left > 0
        depth = -(-products // out.elements // FILTERS) * FILTERS
        at_once = packing_of(isa).pixels if kernel == "conv2d_packed_s8" else 1
        taps = blocks * FILTERS * depth
        found = found._replace(run=pixels * blocks / at_once, tap=pixels * taps)
        if kernel == "conv2d_packed_s8":
            elements, in_words = pixels * depth, node.inputs[1].shape[-1] % FILTERS == 0
            found = found._replace(gathered=elements, in_bytes=0 if in_words else elements)
        alone = Counts(run=blocks - blocks / at_once, tap=-taps, rest=taps)
    return Work(kernel.removesuffix("_s8"), found, Counts(call=1), alone, at_once)


def _kernel(op: Op) -> str:
    """The operator's own kernel; a sum is a mean with another multiplier."""
    return Mean.kind if isinstance(op, Mean) else op.kind


def _dots(node: Node, dots: int) -> Counts:
    """Sums over the input in `dots` pieces of equal size."""
    op, x, out = node.op, node.inputs[0], node.output
    if isinstance(op, FullyConnected):
        size = op.macs(node.inputs, out) // max(dots, 1)
        rest = size % UNROLLED
        return Counts(
            position=out.elements // out.shape[-1],
            output=out.elements,
            run=dots,
            tap=dots * (size - rest),
            rest=dots * rest,
        )
    return Counts(output=out.elements, run=dots, tap=x.elements)


def _conv(op: Conv2D, node: Node) -> Counts:
    x, weights, out = node.inputs[0], node.inputs[1], node.output
    window = op.window(weights)
    filters, channels = out.shape[3], weights.shape[3]
    found = _windows(window, x, out)
    columns = _on_image(window, x, out, 1)
    rows = sum(_on_image(window, x, out, 0))
    if window.dilation[1] * x.shape[3] == channels:  # the taps of a row touch: one run
        runs = len(columns)
        rest = sum(c * channels % UNROLLED for c in columns)
    else:
        runs = sum(max(c, 1) for c in columns)
        rest = sum(columns) * (channels % UNROLLED)
    products = filters * rows * sum(columns) * channels
    rest *= filters * rows
    return found._replace(
        run=filters * rows * runs,
        tap=products - rest,
        rest=rest,
        padding=found.padding * channels,
    )


def _windows(window: Window, x: Tensor, out: Tensor) -> Counts:
    """A window over each channel of the output by itself."""
    rows, columns = _on_image(window, x, out, 0), _on_image(window, x, out, 1)
    channels, positions = out.shape[3], len(rows) * len(columns)
    taps = sum(rows) * sum(columns)
    inside = rows.count(window.kernel[0]) * columns.count(window.kernel[1])
    # a padded window's weights are summed above, beside and below the image
    pieces = (sum(rows) + len(rows)) * len(columns) - inside * (window.kernel[0] + 1)
    return Counts(
        position=positions,
        output=out.elements,
        run=channels * sum(rows) * len(columns),
        tap=channels * taps,
        padding=channels * (positions * prod(window.kernel) - taps),
        edge=channels * pieces,
    )


def _on_image(window: Window, x: Tensor, out: Tensor, axis: int) -> list[int]:
    """For every output row (axis 0) or column (axis 1) the taps not on padding."""
    first, end = window.on_image(axis, x.shape[axis + 1], out.shape[axis + 1])
    counts: list[int] = (-(-(end - first) // window.dilation[axis])).tolist()
    return counts


def _elements(node: Node) -> tuple[str, Counts, int]:
    """Kernels without rows: their name, what they do, and how many calls a layer is."""
    op, out = node.op, node.output
    match op:
        case TableOp() if not (isinstance(op, Quantize) and node.inputs[0].dtype.itemsize > 1):
            return "table", Counts(output=out.elements), 1
        case BroadcastOp():
            rows = out.elements // max(out.shape[-1:] or (1,))
            sizes = {t.elements for t in node.inputs} - {1}
            runs = rows if len(sizes) > 1 else 1
            divisors = _divisors(node) if isinstance(op, Div) else 0
            return op.kind, Counts(position=divisors, output=out.elements, run=runs), 1
        case CopyOp():
            return "strided_copy", _copied(op.block(node.inputs[0], out)), 1
        case Concatenation():
            return "strided_copy", *_all_copied(op.blocks(node.inputs, out))
        case Gather():
            return "strided_copy", *_all_copied(op.blocks(node.inputs[0], out))
        case Pad():
            *outer, _ = op.borders(node.inputs[0])
            lines = prod(border.padded for border in outer)
            return op.kind, Counts(run=lines, tap=out.bytes), 1
        case FullyConnected():
            return op.kind, _dots(node, out.elements), 1
        case BatchMatMul():
            return op.kind, _product(op, node), 1
    rows = out.elements // max(out.shape[-1:] or (1,))
    taps = node.inputs[0].elements if isinstance(op, Mean) else 0
    return _kernel(op), Counts(output=out.elements, run=0 if taps else rows, tap=taps), 1


def _all_copied(blocks: Sequence[Block]) -> tuple[Counts, int]:
    """Several copies, a call each."""
    parts = [_copied(block) for block in blocks]
    return Counts(*(sum(column) for column in zip(*parts, strict=True))), len(parts)


def _divisors(node: Node) -> int:
    """How often a quotient's divisor is not the one before: its reciprocal is found anew."""
    b, out = node.inputs[1], node.output
    if b.elements == 1:
        return 1
    return out.elements if b.shape[-1] > 1 else out.elements // out.shape[-1]


def _product(op: BatchMatMul, node: Node) -> Counts:
    """Columns four at a time; what is left of them, and the sum of each row of a, one by one."""
    out = node.output
    columns = out.shape[-1]
    vectors = out.elements // columns
    depth = op.macs(node.inputs, out) // max(out.elements, 1)
    blocks = 0 if op.adj_x else columns // COLUMNS
    left = columns - blocks * COLUMNS
    return Counts(
        position=vectors,
        output=out.elements,
        run=vectors * (blocks + left + 1),
        tap=vectors * blocks * COLUMNS * depth,
        rest=vectors * (left + 1) * depth,
    )


def _copied(block: Block) -> Counts:
    """Bytes in pieces that lie together on both sides, or one by one."""
    axes = merged(block.axes)
    size = prod(axis.extent for axis in block.axes)
    if not axes or axes[-1].in_stride != 1 or axes[-1].out_stride != 1:
        return Counts(output=size, run=size // (axes[-1].extent if axes else 1))
    return Counts(run=size // axes[-1].extent, tap=size)
