# SPDX-License-Identifier: Apache-2.0
"""The windows of Conv and the pools: kernel, strides, dilations and padding resolved."""

from __future__ import annotations

from dataclasses import dataclass

from mcuforge.compiler.frontends.common import EXPORT_AGAIN, LARGEST_STEP, LARGEST_TENSOR_BYTES
from mcuforge.compiler.frontends.onnx.layout import Shape
from mcuforge.compiler.frontends.onnx.ops.operator import Operator
from mcuforge.compiler.ops.common.window import Pair, Window
from mcuforge.errors import Refusal

AUTO = ("NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER")


@dataclass(frozen=True)
class Slide:
    """A window over an image and the output's height and width; 1-D ones have height 1.

    `declared` is the padding the file asks for, less than the window's where a pool rounds up.
    """

    window: Window
    output: Pair
    declared: Shape


def read_slide(operator: Operator, x: Shape, kernel: Shape, ceil: bool) -> Slide:
    """The window of an operator over an image (1, c, [h,] w)."""
    size, dims = x[2:], len(x) - 2
    declared = operator.ints_of("kernel_shape", kernel)
    if declared != kernel:
        raise Refusal(
            f"kernel_shape is {list(declared)}, its weights say {list(kernel)}", EXPORT_AGAIN
        )
    stride = _steps(operator, "strides", dims)
    dilation = _steps(operator, "dilations", dims)
    for name, values in (("kernel", kernel), ("input", size)):
        if len(values) != dims or min(values) < 1 or max(values) > LARGEST_STEP:
            raise Refusal(
                f"the {name} is {list(values)}, wanted {dims} numbers of 1 to {LARGEST_STEP}",
                EXPORT_AGAIN,
            )
    span = tuple((k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True))
    pads = _pads(operator, size, span, stride)
    counts: list[int] = []
    ends: list[int] = []
    for axis in range(dims):
        room = size[axis] + pads[axis] + pads[dims + axis] - span[axis]
        count = -(-room // stride[axis]) if ceil else room // stride[axis]
        if ceil and count * stride[axis] >= size[axis] + pads[axis]:
            count -= 1  # a window may not begin in the padding behind
        counts.append(count + 1)
        overhang = count * stride[axis] + span[axis] - size[axis] - pads[axis]
        ends.append(max(overhang, 0) if ceil else pads[dims + axis])
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
    if padded > LARGEST_TENSOR_BYTES:
        raise Refusal(
            f"with its padding the image has {padded} elements, "
            f"at most {LARGEST_TENSOR_BYTES} are read",
            "use a smaller kernel or dilation",
        )
    window = Window(_pair(lead, kernel), _pair(lead, stride), _four(pad), _pair(lead, dilation))
    return Slide(window, _pair(lead, tuple(counts)), (*none, *pads[:dims], *none, *pads[dims:]))


def _steps(operator: Operator, name: str, dims: int) -> Shape:
    steps = operator.ints_of(name, (1,) * dims)
    if len(steps) != dims or min(steps) < 1 or max(steps) > LARGEST_STEP:
        raise Refusal(
            f"{name} {list(steps[:8])}, wanted {dims} numbers of 1 to {LARGEST_STEP}", EXPORT_AGAIN
        )
    return steps


def _pads(operator: Operator, size: Shape, span: Shape, stride: Shape) -> Shape:
    """Padding before each axis, then behind each."""
    auto = operator.text_of("auto_pad", "NOTSET")
    dims = len(size)
    if auto not in AUTO:
        raise Refusal(f"auto_pad is {auto[:20]}, wanted one of {', '.join(AUTO)}", EXPORT_AGAIN)
    if auto == "VALID":
        return (0,) * (2 * dims)
    if auto == "NOTSET":
        pads = operator.ints_of("pads", (0,) * (2 * dims))
        if len(pads) != 2 * dims or min(pads) < 0 or max(pads) > LARGEST_STEP:
            raise Refusal(
                f"pads {list(pads[:8])}, wanted {2 * dims} numbers of 0 to {LARGEST_STEP}",
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
