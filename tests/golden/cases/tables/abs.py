# SPDX-License-Identifier: Apache-2.0
"""ABS; 256 elements, so that the ramp feed meets every value."""

from tests.golden.case import Case, Operand

Quant = tuple[float, int]


def case(name: str, x: Quant, output: Quant, shape: tuple[int, ...] = (1, 4, 64)) -> Case:
    """From one quantization to another."""
    options: tuple[str, dict[str, int]] = ("AbsOptions", {})
    return Case(name, "ABS", (Operand(shape, *x),), (Operand(shape, *output),), options)


CASES = (
    case("equal quantization", (0.05, 0), (0.05, 0)),
    case("all of the output used", (0.05, 0), (0.025, -128)),
    case("an image", (0.07, 11), (0.04, -60), (1, 8, 4, 8)),
    case("a vector without batch", (0.07, 11), (0.04, -60), (256,)),
    case("a coarser output", (0.04, -11), (0.07, 60)),
    case("products that are halves", (0.05, 0), (0.1, 0)),
    case("nothing but positives", (0.05, -128), (0.05, -128)),
    case("nothing but negatives", (0.05, 127), (0.05, 127)),
    case("zero points at opposite ends", (0.05, 127), (0.01, -128)),
    case("tiny scales", (2e-10, 5), (3e-10, 6)),
    case("huge scales", (2e9, 5), (3e9, 6)),
    case("a scale a million times finer", (1.0, 5), (1e-6, 6)),
    case("a scale a million times coarser", (1e-6, 5), (1.0, 6)),
)
