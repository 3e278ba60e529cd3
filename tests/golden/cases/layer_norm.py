# SPDX-License-Identifier: Apache-2.0
"""LayerNorm: ranks, row lengths, scales, epsilons that count and that do not, large gammas."""

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
) -> OwnCase:
    """Gamma and beta are drawn from a normal distribution, or given."""
    constants = (
        Operand(shape[-1:], dtype="float32", data=gamma),
        Operand(shape[-1:], dtype="float32", data=beta),
    )
    inputs = (Operand(shape, *quant), *constants)
    return OwnCase(name, LayerNorm(epsilon), inputs, Operand(shape, *out))


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
)  # fmt: skip
