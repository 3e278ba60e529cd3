# SPDX-License-Identifier: Apache-2.0
"""Reads pools and resizing; resolves the windows of pools and convolutions."""

from dataclasses import replace

from mcuforge.compiler.frontends.common import LARGEST_STEP, LARGEST_TENSOR_BYTES, contradiction
from mcuforge.compiler.frontends.tflite.ops.operator import NewNode, NewNodes, Operator, Read
from mcuforge.compiler.ops.average_pool2d import AveragePool2D
from mcuforge.compiler.ops.common.checks import want_one_image, want_shape
from mcuforge.compiler.ops.common.window import Padding, Pair, Window, resolve_padding
from mcuforge.compiler.ops.max_pool2d import MaxPool2D
from mcuforge.compiler.ops.resize_bilinear import ResizeBilinear, tflite_taps
from mcuforge.compiler.ops.resize_nearest import ResizeNearest
from mcuforge.compiler.tensors import Tensor
from mcuforge.errors import Refusal

PADDINGS: dict[int, Padding] = {0: "same", 1: "valid"}


def pool(make: type[AveragePool2D | MaxPool2D]) -> Read:
    """Make an arm for a pool. An average does not count the padding.

    Pool2DOptions: padding 0, stride_w 1, stride_h 2, filter_w 3, filter_h 4, activation 5.
    """

    def read(operator: Operator) -> NewNodes:
        operator.arity(1)
        options = operator.options("Pool2DOptions", required=True)
        x = operator.input(0)
        kernel, stride = (
            (options.integer(height), options.integer(width)) for height, width in ((4, 3), (2, 1))
        )
        window = read_window(x, kernel, stride, (1, 1), options.code(0))
        op = make(window.kernel, window.stride, window.pad, options.activation(5))
        if operator.values.legacy and isinstance(op, AveragePool2D):
            op = replace(op, upward=True)
        return (NewNode(op, (x,), operator.output()),)

    return read


def resize_nearest(operator: Operator) -> NewNodes:
    """Read inputs image and size; options align_corners 0, half_pixel_centers 1."""
    options = operator.options("ResizeNearestNeighborOptions")
    op = ResizeNearest(options.flag(0), options.flag(1))
    return (NewNode(op, (_resized(operator),), operator.output()),)


def resize_bilinear(operator: Operator) -> NewNodes:
    """Read inputs image and size; options align_corners 2, half_pixel_centers 3."""
    options = operator.options("ResizeBilinearOptions")
    corners, half = options.flag(2), options.flag(3)
    x, output = _resized(operator), operator.output()
    if corners and half:
        raise contradiction("align_corners and half_pixel_centers are both set, expected one")
    rows, columns = (
        tflite_taps(n, count, align_corners=corners, half_pixel_centers=half)
        for n, count in zip(x.shape[1:3], output.shape[1:3], strict=True)
    )
    return (NewNode(ResizeBilinear(rows, columns), (x,), output),)


def _resized(operator: Operator) -> Tensor:
    """Return the image to resize. Raises Refusal where the output has another size than asked."""
    operator.arity(2)
    x = operator.input(0)
    want_one_image(x)
    want_shape(operator.output(), (1, *operator.integers(1), x.shape[3]))
    return x


def read_window(x: Tensor, kernel: Pair, stride: Pair, dilation: Pair, padding: int) -> Window:
    """Resolve a window's padding. Raises Refusal for sizes that are out of range."""
    want_one_image(x)
    for name, pair in (("kernel", kernel), ("stride", stride), ("dilation", dilation)):
        if min(pair) < 1 or max(pair) > LARGEST_STEP:
            raise contradiction(f"the {name} is {pair}, expected 1 to {LARGEST_STEP} each")
    if max(x.shape[1:3]) > LARGEST_STEP:
        raise Refusal(
            f"the image is {x.shape[1]}x{x.shape[2]}, expected at most {LARGEST_STEP} per side",
            "use a smaller input resolution",
        )
    if padding not in PADDINGS:
        raise contradiction(f"padding is {padding}, expected 0 (SAME) or 1 (VALID)")
    pad = resolve_padding(PADDINGS[padding], x.shape[1:3], kernel, stride, dilation)
    height, width = x.shape[1] + pad[0] + pad[2], x.shape[2] + pad[1] + pad[3]
    if height * width * x.shape[3] > LARGEST_TENSOR_BYTES:
        raise Refusal(
            f"with its padding the image is {height}x{width}, "
            f"expected at most {LARGEST_TENSOR_BYTES >> 20} MiB",
            "use a smaller kernel or dilation",
        )
    return Window(kernel, stride, pad, dilation)
