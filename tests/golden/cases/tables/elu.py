# SPDX-License-Identifier: Apache-2.0
"""Elu, which 2.14 has in float only; 256 elements, so that the ramp feed meets every value."""

from mcuforge.compiler.ops.tables.elu import Elu
from tests.golden.case import Operand, OwnCase

Quant = tuple[float, int]


def case(name: str, x: Quant, output: Quant, shape: tuple[int, ...] = (1, 4, 64)) -> OwnCase:
    """From one quantization to another."""
    return OwnCase(name, Elu(), (Operand(shape, *x),), Operand(shape, *output))


CASES = (
    case("usual scales", (0.05, 3), (0.03, -90)),
    case("an image", (0.0313, -100), (0.0131, 20), (1, 8, 4, 8)),
    case("fine", (0.001, 0), (0.001, 0)),
    case("coarse", (2.0, -128), (1.5, -128)),
    case("most saturate", (0.5, 3), (0.01, 20)),
)
