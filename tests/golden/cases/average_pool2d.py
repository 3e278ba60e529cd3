# SPDX-License-Identifier: Apache-2.0
"""AVERAGE_POOL_2D: windows over the edge, rounding away from zero, activations."""

from math import ceil

from tflite import ActivationFunctionType as Act
from tflite import Padding

from mcuforge.compiler.ops.average_pool2d import AveragePool2D
from tests.golden.case import Case, Operand, OwnCase


def pool(
    name: str,
    image: tuple[int, int, int],
    kernel: tuple[int, int],
    stride: tuple[int, int] = (1, 1),
    padding: int = Padding.VALID,
    act: int = Act.NONE,
    quant: tuple[float, int] = (0.05, -4),
) -> Case:
    """One (scale, zero point) for input and output."""
    size = []
    for axis in (0, 1):
        room = image[axis] if padding == Padding.SAME else image[axis] - kernel[axis] + 1
        size.append(ceil(room / stride[axis]))
    options = {
        "Padding": padding,
        "StrideH": stride[0],
        "StrideW": stride[1],
        "FilterHeight": kernel[0],
        "FilterWidth": kernel[1],
        "FusedActivationFunction": act,
    }
    inputs = (Operand((1, *image), *quant),)
    outputs = (Operand((1, *size, image[2]), *quant),)
    return Case(name, "AVERAGE_POOL_2D", inputs, outputs, ("Pool2DOptions", options))


def even(
    name: str,
    image: tuple[int, int, int],
    kernel: tuple[int, int],
    stride: tuple[int, int] = (1, 1),
    pad: tuple[int, int, int, int] = (0, 0, 0, 0),
    quant: tuple[float, int] = (0.05, -3),
) -> OwnCase:
    """Round halves to the even distance from the zero point, as ONNX does."""
    op = AveragePool2D(kernel, stride, pad, to_even=True)
    size = op.window.output_size(image[:2])
    return OwnCase(name, op, (Operand((1, *image), *quant),), Operand((1, *size, image[2]), *quant))


def upward(
    name: str,
    image: tuple[int, int, int],
    kernel: tuple[int, int],
    stride: tuple[int, int] = (1, 1),
    pad: tuple[int, int, int, int] = (0, 0, 0, 0),
) -> OwnCase:
    """Round halves up, as TFLite does in uint8."""
    op = AveragePool2D(kernel, stride, pad, upward=True)
    size = op.window.output_size(image[:2])
    quant = (0.05, -128)
    return OwnCase(name, op, (Operand((1, *image), *quant),), Operand((1, *size, image[2]), *quant))


CASES = (
    pool("2x2 halves an image", (6, 8, 3), (2, 2), (2, 2)),
    pool("3x3 slides by one", (5, 6, 3), (3, 3)),
    pool("3x3 over the edge", (5, 6, 3), (3, 3), padding=Padding.SAME),
    pool("3x3 with stride 2 over the edge", (6, 7, 2), (3, 3), (2, 2), Padding.SAME),
    pool("1x1 copies", (4, 3, 5), (1, 1)),
    pool("1x1 with stride 2", (5, 4, 3), (1, 1), (2, 2)),
    pool("global", (7, 7, 10), (7, 7)),
    pool("global over 25x5, as in keyword spotting", (25, 5, 4), (25, 5)),
    pool("one row windows", (3, 9, 2), (1, 4)),
    pool("one column windows", (9, 3, 2), (4, 1)),
    pool("kernel of even size over the edge", (5, 5, 3), (2, 4), padding=Padding.SAME),
    pool("kernel larger than the image", (2, 3, 3), (5, 7), padding=Padding.SAME),
    pool("stride over the edge", (7, 5, 2), (3, 2), (4, 3), Padding.SAME),
    pool("stride beyond the kernel", (9, 8, 2), (2, 2), (5, 4)),
    pool("one pixel", (1, 1, 9), (1, 1), padding=Padding.SAME),
    pool("one channel", (6, 5, 1), (3, 2)),
    pool("17 channels", (4, 4, 17), (3, 3), padding=Padding.SAME),
    pool("windows of 3 taps round thirds", (3, 8, 4), (1, 3)),
    pool("windows of 4 taps round halves", (8, 8, 4), (2, 2)),
    pool("windows of 6 taps round sixths and halves", (8, 8, 4), (2, 3)),
    pool("windows of 400 taps", (20, 21, 2), (20, 20)),
    pool("windows of 2500 taps", (50, 51, 1), (50, 50)),
    pool("relu", (5, 5, 3), (2, 2), act=Act.RELU),
    pool("relu6", (5, 5, 3), (2, 2), act=Act.RELU6, quant=(0.04, -20)),
    pool("relu_n1_to_1", (5, 5, 3), (2, 2), act=Act.RELU_N1_TO_1),
    pool("zero point -128", (5, 5, 3), (3, 3), padding=Padding.SAME, quant=(0.05, -128)),
    pool("zero point 127", (5, 5, 3), (3, 3), padding=Padding.SAME, quant=(0.05, 127)),
    even("halves to even, 2x2", (8, 8, 5), (2, 2), (2, 2)),
    even("halves to even, 2 taps", (3, 8, 4), (1, 2)),
    even("halves to even over the edge", (5, 7, 4), (2, 3), (2, 2), (1, 1, 0, 1)),
    even("halves to even, no halves", (6, 6, 17), (3, 3)),
    even("halves to even, global", (8, 8, 6), (8, 8)),
    even("halves to even, zero point -128", (6, 8, 3), (2, 2), (2, 2), quant=(0.05, -128)),
    even("halves to even, zero point 127", (6, 8, 3), (2, 2), (2, 2), quant=(0.05, 127)),
    even("halves to even, 2500 taps", (50, 51, 1), (50, 50), quant=(0.05, 126)),
    upward("halves up, 2x2", (8, 8, 5), (2, 2), (2, 2)),
    upward("halves up over the edge", (5, 7, 4), (2, 3), (2, 2), (1, 1, 0, 1)),
    upward("halves up, global", (4, 4, 6), (4, 4)),
    upward("halves up, 2500 taps", (50, 51, 1), (50, 50)),
)
