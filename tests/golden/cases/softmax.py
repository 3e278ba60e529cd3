# SPDX-License-Identifier: Apache-2.0
"""SOFTMAX: ranks, row lengths, scales and betas from flat to a hard maximum."""

from tests.golden.case import Case, Operand


def softmax(
    name: str,
    shape: tuple[int, ...],
    scale: float = 0.1,
    zero_point: int = 4,
    beta: float = 1.0,
) -> Case:
    """The output's quantization is TFLite's only one."""
    inputs = (Operand(shape, scale, zero_point),)
    outputs = (Operand(shape, 1.0 / 256.0, -128),)
    return Case(name, "SOFTMAX", inputs, outputs, ("SoftmaxOptions", {"Beta": beta}))


CASES = (
    softmax("ten classes", (1, 10)),
    softmax("twelve classes", (1, 12)),
    softmax("two classes", (1, 2)),
    softmax("one class", (1, 1)),
    softmax("three classes share thirds", (1, 3), scale=1e-4),
    softmax("a vector without batch", (10,)),
    softmax("rows of attention scores", (1, 9, 9)),
    softmax("heads of attention scores", (1, 3, 7, 7)),
    softmax("every pixel", (1, 4, 3, 5)),
    softmax("odd length", (1, 37)),
    softmax("256 values", (1, 256)),
    softmax("500 values", (1, 500)),
    softmax("250 values in four rows, most of them far below", (1, 4, 250), scale=1.0),
    softmax("zero point -128", (1, 16), zero_point=-128),
    softmax("zero point 127", (1, 16), zero_point=127),
    softmax("scale 1", (1, 16), scale=1.0),
    softmax("scale 1/16", (1, 64), scale=0.0625),
    softmax("scale 0.02", (1, 64), scale=0.02),
    softmax("scale 0.002", (1, 64), scale=0.002),
    softmax("scale so small that all are equal", (1, 20), scale=1e-6),
    softmax("scale at the lower limit", (1, 20), scale=2.0**-25.9),
    softmax("scale so large that only the largest counts", (1, 20), scale=40.0),
    softmax("scale beyond the fixed point range", (1, 20), scale=5000.0),
    softmax("scale just below a power of two", (1, 64), scale=0.12499999),
    softmax("scale just above a power of two", (1, 64), scale=0.12500001),
    softmax("beta 2", (1, 32), beta=2.0),
    softmax("beta 0.1", (1, 32), beta=0.1),
    softmax("beta of one over the root of 64", (1, 32), beta=0.125),
    softmax("large beta", (1, 32), beta=100.0),
)
