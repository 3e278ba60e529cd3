# SPDX-License-Identifier: Apache-2.0
"""LOG_SOFTMAX as TFLite fixes its output, and lengths and scales of every size."""

from tests.golden.case import Case, Operand


def case(name: str, shape: tuple[int, ...], scale: float = 0.1, zero_point: int = 4) -> Case:
    """The output has scale 1/16 and zero point 127."""
    inputs = (Operand(shape, scale, zero_point),)
    outputs = (Operand(shape, 1 / 16, 127),)
    return Case(name, "LOG_SOFTMAX", inputs, outputs, ("LogSoftmaxOptions", {}))


CASES = (
    case("ten classes", (1, 10)),
    case("one class", (1, 1)),
    case("two classes", (1, 2)),
    case("an image", (1, 3, 4, 5)),
    case("tokens", (1, 6, 12)),
    case("1,000 classes", (1, 1000), 0.03),
    case("4,000 classes", (1, 4000), 0.001),
    case("scale 1", (1, 16), 1.0),
    case("scale so small that all are equal", (1, 20), 1e-6),
    case("scale so large that only the largest counts", (1, 20), 40.0),
    case("lowest zero point", (1, 33), 0.2, -128),
)
