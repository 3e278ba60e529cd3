# SPDX-License-Identifier: Apache-2.0
"""SoftmaxQdq: ranks, lengths, input scales from flat to a hard maximum, outputs of any scale."""

from mcuforge.compiler.ops.softmax_qdq import SoftmaxQdq
from tests.golden.case import Operand, OwnCase

PROBABILITY = (1 / 255, -128)


def softmax(
    name: str,
    shape: tuple[int, ...],
    scale: float = 0.1,
    out: tuple[float, int] = PROBABILITY,
    beta: float = 1.0,
) -> OwnCase:
    """From an asymmetric input to the output given."""
    return OwnCase(name, SoftmaxQdq(beta), (Operand(shape, scale, 4),), Operand(shape, *out))


CASES = (
    softmax("ten classes", (1, 10)),
    softmax("one class", (1, 1)),
    softmax("two classes", (1, 2)),
    softmax("a vector", (10,)),
    softmax("rows of attention scores", (1, 9, 9)),
    softmax("heads of attention scores", (1, 3, 7, 7)),
    softmax("197 tokens", (1, 2, 197)),
    softmax("64 tokens, each about a 64th", (1, 3, 64), scale=1e-3, out=(1 / 2000, -128)),
    softmax("4096 values", (1, 2, 4096), scale=0.02, out=(1e-4, -128)),
    softmax("odd length", (1, 37)),
    softmax("scale 1", (1, 16), scale=1.0),
    softmax("scale so small that all are equal", (1, 20), scale=1e-9),
    softmax("scale so large that only the largest counts", (1, 20), scale=40.0),
    softmax("symmetric output, as static quantizers write", (1, 16), out=(1 / 127, 0)),
    softmax("output zero point 127", (1, 16), out=(1 / 255, 127)),
    softmax("output of scale 1", (1, 2), scale=1.0, out=(1.0, 0)),
    softmax("output so coarse that all is zero", (1, 16), out=(7.0, 5)),
    softmax("output so fine that most saturates", (1, 16), out=(2.0**-15, -128)),
    softmax("beta of one over the root of 64", (1, 32), beta=0.125),
    softmax("beta 0 makes them equal", (1, 32), beta=0.0),
)
