# SPDX-License-Identifier: Apache-2.0
"""LayerNorm: ranks, row lengths, scales, epsilons that count and that do not, large gammas."""

from math import prod

from mcuforge.compiler.ops.layer_norm import LayerNorm
from tests.golden.case import Data, Operand, OwnCase


def layer_norm(
    name: str,
    shape: tuple[int, ...],
    quant: tuple[float, int] = (0.05, 3),
    out: tuple[float, int] = (0.03, -7),
    epsilon: float = 1e-5,
    gamma: Data = "random",
    beta: Data = "random",
    about_zero: bool = False,
    block: int = 0,
) -> OwnCase:
    """Gamma and beta are drawn from a normal distribution, or given."""
    length = (prod(shape) // block,) if block else shape[-1:]
    constants = (
        Operand(length, dtype="float32", data=gamma),
        Operand(length, dtype="float32", data=beta),
    )
    inputs = (Operand(shape, *quant), *constants)
    op = LayerNorm(epsilon, about_zero, block)
    return OwnCase(name, op, inputs, Operand(shape, *out))


CASES = (
    layer_norm("tokens", (1, 7, 24)),
    layer_norm("an image", (1, 3, 4, 10)),
    layer_norm("one token of a transformer", (1, 1, 192)),
    layer_norm("odd width", (1, 3, 37)),
    layer_norm("a vector", (33,)),
    layer_norm("one value is its own mean", (1, 5, 1)),
    layer_norm("two values are one apart or equal", (1, 9, 2)),
    layer_norm("three values", (1, 9, 3)),
    layer_norm("width 4096", (1, 2, 4096)),
    layer_norm("zero points at the ends", (1, 4, 16), quant=(0.05, -128), out=(0.03, 127)),
    layer_norm("zero points at the other ends", (1, 4, 16), quant=(0.05, 127), out=(0.03, -128)),
    layer_norm("epsilon 0", (1, 4, 16), epsilon=0.0),
    layer_norm("epsilon beside the variance", (1, 4, 16), quant=(0.01, 0), epsilon=0.5),
    layer_norm("epsilon above any variance", (1, 4, 16), quant=(0.01, 0), epsilon=1e4),
    layer_norm("epsilon above all that counts", (1, 4, 16), quant=(1e-6, 0), epsilon=1e3),
    layer_norm("a tiny input scale", (1, 4, 16), quant=(1e-5, 5)),
    layer_norm("a large input scale", (1, 4, 16), quant=(1e3, 5)),
    layer_norm("a fine output saturates", (1, 4, 16), out=(0.001, 0)),
    layer_norm("a coarse output", (1, 4, 16), out=(2.0, 1)),
    layer_norm("gamma and beta of 10,000", (1, 4, 16), out=(9.0, 1), gamma="extremes",
               beta="extremes"),
    layer_norm("gamma 0", (1, 4, 3), gamma=(0.0, 0.0, 0.0)),
    layer_norm("gamma of several magnitudes", (1, 4, 4), gamma=(1e-3, 30.0, -1.0, 0.0)),
    layer_norm("beta against gamma", (1, 4, 4), gamma=(50.0, -50.0, 50.0, 20.0),
               beta=(-75.0, 75.0, -25.0, 30.0)),
    layer_norm("about zero", (1, 7, 24), about_zero=True),
    layer_norm("about zero, zero point -128", (1, 4, 16), quant=(0.05, -128), about_zero=True),
    layer_norm("about zero, zero point 127", (1, 4, 16), quant=(0.05, 127), about_zero=True),
    layer_norm("about zero, epsilon 0", (1, 4, 16), epsilon=0.0, about_zero=True),
    layer_norm("about zero, epsilon above all", (1, 4, 16), epsilon=1e4, about_zero=True),
    layer_norm("about zero, one value", (1, 5, 1), about_zero=True),
    layer_norm("about zero, width 4096", (1, 2, 4096), quant=(0.05, 127), about_zero=True),
    layer_norm("constants per row", (1, 7, 24), block=24),
    layer_norm("constants per row of a matrix", (9, 37), block=37),
    layer_norm("about zero, constants per row", (1, 5, 16), about_zero=True, block=16),
    layer_norm("constants per part of a row", (2, 30), block=6),
)  # fmt: skip

WHOLE_ONLY = (  # none of them runs row by row
    "constants per row",
    "constants per row of a matrix",
    "about zero, constants per row",
    "constants per part of a row",
)
