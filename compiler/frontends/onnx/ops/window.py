# SPDX-License-Identifier: Apache-2.0
"""Resolves the windows of convolutions and pools: kernel, strides, dilations and padding.

Kernels see images (1, h, w, c); a sequence (1, c, w) of the file has height 1.
"""

from dataclasses import dataclass

from mcuforge.compiler.frontends.common import LARGEST_STEP, contradiction, want_elements
from mcuforge.compiler.frontends.onnx.layout import Shape, View, channels_last
from mcuforge.compiler.frontends.onnx.ops.operator import Operator, want_size
from mcuforge.compiler.frontends.onnx.work import GraphBuilder
from mcuforge.compiler.ops.common.window import Pair, Window
from mcuforge.compiler.tensors import Tensor
from mcuforge.errors import Refusal

AUTO = ("NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER")


@dataclass(frozen=True)
class Slide:
    """A window over an image, and the output's height and width.

    `declared` is the file's padding; the window's is larger where a pool rounds its size up.
    """

    window: Window
    output: Pair
    declared: Shape

    def shape(self, channels: int, rank: int) -> Shape:
        """Return the output's shape in the file, whose input has `rank` dimensions."""
        shape = (1, channels, *self.output[4 - rank :])
        want_size(shape)
        return shape


def as_image(work: GraphBuilder, view: View) -> Tensor:
    """Store (1, c, [h,] w) as (1, h, w, c)."""
    rank = len(view.shape)
    image = work.ordered(view, channels_last(rank)).tensor
    return image if rank == 4 else work.reshaped(image, (1, *image.shape))


def from_image(work: GraphBuilder, output: Tensor, shape: Shape) -> View:
    """Give a result (1, h, w, c) the file's shape."""
    if len(shape) == 3:
        output = work.reshaped(output, output.shape[1:])
    return View(output, channels_last(len(shape)), shape)


def read_slide(operator: Operator, x: Shape, kernel: Shape, ceil: bool) -> Slide:
    """Read the window of an operator over an image (1, c, [h,] w). Raises Refusal."""
    size, dims = x[2:], len(x) - 2
    declared = operator.ints_of("kernel_shape", kernel)
    if declared != kernel:
        raise contradiction(f"kernel_shape is {list(declared)}, the weights have {list(kernel)}")
    stride = steps(operator, "strides", dims)
    dilation = steps(operator, "dilations", dims)
    for name, values in (("kernel", kernel), ("input", size)):
        if len(values) != dims or min(values) < 1 or max(values) > LARGEST_STEP:
            raise contradiction(
                f"the {name} is {list(values)}, expected {dims} numbers of 1 to {LARGEST_STEP}"
            )
    span = tuple((k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True))
    pads = _pads(operator, size, span, stride)
    sizes = zip(size, span, stride, pads[:dims], pads[dims:], strict=True)
    counts, ends = zip(*(_walk(*axis, ceil=ceil) for axis in sizes), strict=True)
    if min(counts) < 1:
        raise Refusal(
            f"a window of {list(span)} does not fit an input of {list(size)}",
            "use padding or a larger input",
        )
    lead = (1,) * (2 - dims)
    none = (0,) * (2 - dims)
    pad = (*none, *pads[:dims], *none, *ends)
    height, width = (*lead, *size)
    padded = (height + pad[0] + pad[2]) * (width + pad[1] + pad[3]) * x[1]
    want_elements("with its padding the image", padded, "use a smaller kernel or dilation")
    window = Window(_pair(lead, kernel), _pair(lead, stride), _four(pad), _pair(lead, dilation))
    return Slide(window, _pair(lead, counts), (*none, *pads[:dims], *none, *pads[dims:]))


def _walk(
    size: int, span: int, stride: int, before: int, after: int, *, ceil: bool
) -> tuple[int, int]:
    """Count the windows that fit along an axis, and the padding after it that they need."""
    room = size + before + after - span
    if not ceil:
        return room // stride + 1, after
    steps = -(-room // stride)
    if steps * stride >= size + before:
        steps -= 1  # a window may not begin in the padding after the input
    return steps + 1, max(steps * stride + span - size - before, 0)


def steps(operator: Operator, name: str, dims: int) -> Shape:
    """Read strides or dilations, by default 1 each."""
    found = operator.ints_of(name, (1,) * dims)
    if len(found) != dims or min(found) < 1 or max(found) > LARGEST_STEP:
        raise contradiction(
            f"{name} is {list(found[:8])}, expected {dims} numbers of 1 to {LARGEST_STEP}"
        )
    return found


def _pads(operator: Operator, size: Shape, span: Shape, stride: Shape) -> Shape:
    """Read the padding before each axis, then after each."""
    auto = operator.text_of("auto_pad", "NOTSET")
    dims = len(size)
    if auto not in AUTO:
        raise contradiction(f"auto_pad is {auto[:20]}, expected one of {', '.join(AUTO)}")
    if auto == "VALID":
        return (0,) * (2 * dims)
    if auto == "NOTSET":
        pads = operator.ints_of("pads", (0,) * (2 * dims))
        if len(pads) != 2 * dims or min(pads) < 0 or max(pads) > LARGEST_STEP:
            raise Refusal(
                f"pads is {list(pads[:8])}, expected {2 * dims} numbers of 0 to {LARGEST_STEP}",
                "crop with a Slice instead of negative padding",
            )
        return pads
    whole = [
        max((-(-n // s) - 1) * s + k - n, 0) for n, k, s in zip(size, span, stride, strict=True)
    ]
    less, more = [w // 2 for w in whole], [w - w // 2 for w in whole]
    return (*less, *more) if auto == "SAME_UPPER" else (*more, *less)


def _pair(lead: Shape, values: Shape) -> Pair:
    first, second = (*lead, *values)
    return first, second


def _four(values: Shape) -> tuple[int, int, int, int]:
    top, left, bottom, right = values
    return top, left, bottom, right
