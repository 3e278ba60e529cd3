# SPDX-License-Identifier: Apache-2.0
"""RSQRT; 256 elements, so that the ramp feed meets every value.

The reference stops at values below the zero point, so that only -128 can be judged on all inputs.
"""

from tests.golden.case import Case, Operand

Quant = tuple[float, int]


def case(name: str, scale: float, output: Quant, shape: tuple[int, ...] = (1, 256, 1)) -> Case:
    """From nothing but positives to any quantization."""
    x = Operand(shape, scale, -128)
    return Case(name, "RSQRT", (x,), (Operand(shape, *output),))


CASES = (
    case("a layer's variances", 0.006207314319908619, (0.03251657634973526, -128)),
    case("another layer's variances", 0.020459158346056938, (0.005984146147966385, -128)),
    case("an image", 0.01, (0.04, -128), (1, 8, 8, 4)),
    case("a vector without batch", 0.01, (0.04, -128), (256,)),
    case("equal scales", 0.05, (0.05, -128)),
    case("scale one", 1.0, (1.0 / 255.0, -128)),
    case("an output zero point of zero", 0.01, (0.1, 0)),
    case("an output zero point of 127", 0.01, (0.04, 127)),
    case("an output so coarse that all but zero is zero", 4.0, (40.0, 3)),
    case("the least factor of scales", 4.0, (2048.0, 3)),
    case("an output so fine that all saturates", 0.01, (1e-5, -128)),
    case("the largest factor of scales that fits", 2.0**-30, (2.0**-14.5, -128)),
    case("a factor that shifts left", 1e-6, (0.0005, -100)),
    case("tiny scales", 1e-9, (1000.0, -128)),
    case("huge scales", 1e6, (1e-5, -128)),
)
