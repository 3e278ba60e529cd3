# SPDX-License-Identifier: Apache-2.0
"""DEQUANTIZE; 256 elements, so that the ramp feed meets every value."""

from tests.golden.case import Case, Operand


def case(
    name: str,
    scale: float,
    zero_point: int,
    dtype: str = "int8",
    shape: tuple[int, ...] = (1, 256),
) -> Case:
    """From an 8-bit quantization to float32."""
    x = Operand(shape, scale, zero_point, dtype)
    return Case(name, "DEQUANTIZE", (x,), (Operand(shape, dtype="float32"),))


CASES = (
    case("int8", 0.1, 0),
    case("int8 off centre", 0.0471, 31),
    case("int8 at the lowest zero point", 1 / 3, -128),
    case("int8 at the highest zero point", 1 / 3, 127),
    case("int8 on a power of two", 0.0078125, 0),
    case("int8 on a tiny scale", 3.3e-12, 17),
    case("int8 on a huge scale", 7.7e11, 17),
    case("int8 of one element", 0.1, 3, shape=(1, 1)),
    case("int8 image", 0.1, 3, shape=(1, 8, 4, 8)),
    case("uint8", 0.1, 128, "uint8"),
    case("uint8 off centre", 0.0471, 201, "uint8"),
    case("uint8 at zero point 0", 1 / 3, 0, "uint8"),
    case("uint8 at zero point 255", 1 / 3, 255, "uint8"),
    case("uint8 tokens", 0.0471, 201, "uint8", (1, 16, 16)),
)
