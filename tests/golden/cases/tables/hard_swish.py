# SPDX-License-Identifier: Apache-2.0
"""HARD_SWISH; 256 elements, so that the ramp feed meets every value."""

from tests.golden.case import Case, Operand

Quant = tuple[float, int]


def case(name: str, x: Quant, output: Quant) -> Case:
    """From one quantization to another."""
    shape = (1, 4, 8, 8)
    return Case(name, "HARD_SWISH", (Operand(shape, *x),), (Operand(shape, *output),))


CASES = (
    case("the ramp across the whole range", (6 / 255, 0), (3 / 255, -120)),
    case("a usual layer", (0.0471, -8), (0.0255, -113)),
    case("a usual layer of another", (0.0718, 19), (0.0394, -119)),
    case("three lies on a value", (3 / 64, 0), (3 / 128, -112)),
    case("inside the ramp only", (0.01, 0), (0.008, -50)),
    case("far outside the ramp", (2.0, 0), (1.9, -128)),
    case("nothing but positives", (0.03, -128), (0.03, -128)),
    case("nothing but negatives", (0.03, 127), (0.003, 0)),
    case("an output that saturates", (0.1, 0), (0.02, -100)),
    case("an output barely coarse enough", (0.1, 0), (0.00079, 0)),
    case("an output four times coarser", (0.05, 5), (0.2, 5)),
    case("an output a hundred times coarser", (0.05, 5), (5.0, 5)),
    case("an output beyond int16 shifts", (0.05, 5), (400.0, 5)),
    case("an output beyond every shift", (1e-4, 5), (1e6, 5)),
    case("an input shifted right on the ramp", (1e-3, 3), (1e-3, -4)),
    case("an input far right on the ramp", (1e-6, 3), (1e-6, -4)),
    case("an input shifted left on the ramp", (1.0, 3), (1.0, -4)),
    case("an input far left on the ramp", (1e5, 3), (1e5, -4)),
    case("zero points at the floor", (0.05, -128), (0.05, -128)),
    case("zero points at the ceiling", (0.05, 127), (0.05, 127)),
    case("zero points at opposite ends", (0.05, 127), (0.05, -128)),
)
