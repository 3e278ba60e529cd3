# SPDX-License-Identifier: Apache-2.0
"""GELU, exact and by tanh; 256 elements, so that the ramp feed meets every value."""

from tests.golden.case import Case, Operand

Quant = tuple[float, int]


def case(
    name: str, approximate: bool, x: Quant, output: Quant, shape: tuple[int, ...] = (1, 4, 64)
) -> Case:
    """From one quantization to another; the form is part of the name."""
    form = "by tanh" if approximate else "exact"
    options = ("GeluOptions", {"Approximate": approximate})
    inputs, outputs = (Operand(shape, *x),), (Operand(shape, *output),)
    return Case(f"{form}: {name}", "GELU", inputs, outputs, options)


def both(name: str, x: Quant, output: Quant, shape: tuple[int, ...] = (1, 4, 64)) -> list[Case]:
    """The same in either form."""
    return [case(name, approximate, x, output, shape) for approximate in (False, True)]


CASES = (
    *both("a transformer's hidden layer", (0.04757978, 0), (0.024335131, -121)),
    *both("the usual range of four", (0.03125, 0), (0.015625, -117)),
    *both("an odd scale and a negative zero point", (0.0613, -77), (0.051, -124)),
    *both("an image", (0.0478, 13), (0.0231, -119), (1, 8, 4, 8)),
    *both("a vector without batch", (0.0478, 13), (0.0231, -119), (256,)),
    *both("nothing but positives", (0.02, -128), (0.02, -128)),
    *both("nothing but negatives: the dip below zero", (0.02, 127), (0.0008, 127)),
    *both("the dip at full resolution", (0.01, 60), (0.0013, 3)),
    *both("a line near a half", (1e-4, 2), (5e-5, 2)),
    *both("a rectifier", (1.0, -3), (1.0, -128)),
    *both("a scale at which erfc reaches denormals", (0.11, 100), (1e-4, 127)),
    *both("a cube beyond float32", (1e12, 0), (1e12, -1)),
    *both("an output so coarse that all is zero", (0.05, 0), (100.0, 9)),
    *both("an output so fine that most saturate", (0.05, 0), (1e-5, 0)),
    *both("zero points at opposite ends", (0.05, 127), (0.01, -128)),
    *both("tiny scales", (2e-10, 5), (3e-10, 6)),
)
