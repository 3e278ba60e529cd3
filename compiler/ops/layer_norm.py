# SPDX-License-Identifier: Apache-2.0
"""Layer normalization over the last axis, int8 to int8, in integers.

Meaning: (x - mean) / sqrt(variance + epsilon) * gamma + beta, as ONNX's LayerNormalization has it.
With n elements per row, s their sum and q the sum of their squares, both exact in int32, the stored
values give n * x - s over sqrt(n * q - s * s + n * n * epsilon / scale**2). Zero points cancel out,
and nothing is rounded before the square root. With `about_zero` the mean is 0: n times the zero
point stands for s, and the root mean square for the deviation.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mcuforge.compiler.calls import Blank, Blob, Call, Reads, kernel_call
from mcuforge.compiler.ops.common.by_row import LastAxisOp
from mcuforge.compiler.ops.common.checks import (
    scale_refusal,
    shape_refusal,
    want_constant,
    want_dtype,
    want_int8,
    want_shape,
)
from mcuforge.compiler.ops.common.fixed_point import Int64, wrap_int32
from mcuforge.compiler.ops.tables.inverse_sqrt import inverse_sqrt
from mcuforge.compiler.tensors import Array, Arrays, DType, Tensor, Tensors
from mcuforge.errors import Refusal

MAX_DEPTH = 2**16  # an int32 holds the sum of so many squares of int8, and 64 bits hold n * q
MAX_REACH = 2.0**18  # steps of the output's scale; a larger gamma or beta needs finer constants
MAX_EPSILON = 2.0**60  # of n * n * epsilon / scale**2
LARGEST_VARIANCE = 16257  # of int8 values, 127.5**2
LARGEST_SQUARE = 65025  # of int8 values less a zero point
SUM_BITS = 62  # of variance and epsilon in fixed point
INT32_MAX = 2**31 - 1


@dataclass(frozen=True, eq=False)
class Constants:
    """The kernel's constants, from epsilon, scales, gamma and beta, for rows of one length.

    Normalized values have `fraction` fraction bits, their products with gamma `output_shift`; the
    variance has `variance_shift`; epsilon is `epsilon` * 2**epsilon_shift on the variance's scale.
    """

    fraction: int
    variance_shift: int
    epsilon: int
    epsilon_shift: int
    output_shift: int
    gamma: Int64
    beta: Int64


@dataclass(frozen=True)
class LayerNorm(LastAxisOp):
    """Normalizes x int8 [.., D] with constants gamma float32 [D] and beta float32 [D].

    With a `block`, which divides D, each element of gamma and beta belongs to so many elements of x
    that follow each other in memory, through all rows.

    For every input the answer lies within 0.5 + 2**-25 * r steps of the exact one, never more than
    0.51; r is sqrt(D) * max|gamma| + max|beta| in steps of the output, plus 128. A row of equal
    values gives beta, with epsilon 0 too.
    """

    epsilon: float = 1e-5
    about_zero: bool = False
    block: int = 0

    def check(self, inputs: Tensors, output: Tensor) -> None:
        x, gamma, beta = inputs
        want_int8(x, output)
        want_shape(output, x.shape)
        depth = x.shape[-1] if x.shape else 0
        if not 0 < depth <= MAX_DEPTH:
            raise Refusal(
                f"layer normalization over {depth} values, supported: 1 to {MAX_DEPTH}",
                "normalize over fewer channels",
            )
        if self.block and depth % self.block:
            raise shape_refusal(f"rows of {depth} in blocks of {self.block}, expected whole blocks")
        for tensor in (gamma, beta):
            want_constant(tensor)
            want_dtype(tensor, DType.FLOAT32)
            want_shape(tensor, (x.elements // self.block if self.block else depth,))
            if not np.isfinite(tensor.values()).all():
                raise Refusal(
                    f"tensor '{tensor.name}' holds values that are not finite",
                    "train again: the model has diverged",
                )
        relative = math.inf if self.epsilon < 0 else _epsilon(self.epsilon, x)
        if not relative < MAX_EPSILON:
            raise scale_refusal(
                f"epsilon {self.epsilon:g} over rows of {depth} of scale {x.scale:g}, expected 0 "
                "or more, but less than the largest variance that the values can have"
            )
        if not _reach(inputs, output) < MAX_REACH:
            raise scale_refusal(
                f"gamma and beta of '{output.name}' reach {_reach(inputs, output):g} steps of its "
                f"scale {output.scale:g}, expected below {MAX_REACH:g}: int8 has 256"
            )

    def evaluate(self, inputs: Tensors, output: Tensor, values: Arrays) -> Array:
        known = self.constants(inputs, output)
        x = values[0].astype(np.int64)
        depth = x.shape[-1]
        if self.about_zero:
            zero = inputs[0].zero_point
            total = np.full((*x.shape[:-1], 1), depth * zero, np.int64)
            variance = depth * ((x - zero) ** 2).sum(axis=-1, keepdims=True)
        else:
            total = x.sum(axis=-1, keepdims=True)
            variance = depth * (x * x).sum(axis=-1, keepdims=True) - total * total
        factor, shift = row_scale(variance, known)
        centred = wrap_int32((depth * x - total) << shift)
        normal = (centred * factor) >> 32
        gamma, beta = known.gamma, known.beta
        if self.block:
            gamma, beta = (np.repeat(c, self.block).reshape(x.shape) for c in (gamma, beta))
        steps = (((normal * gamma) >> 32) + beta) >> known.output_shift
        return np.clip(steps, -128, 127).astype(np.int8)

    def call(self, inputs: Tensors, output: Tensor) -> Call:
        x = inputs[0]
        known = self.constants(inputs, output)
        gamma = Blob("gamma", known.gamma.astype(np.int32))
        beta = Blob("beta", known.beta.astype(np.int32))
        return kernel_call(
            self.kernel_name,
            *(x, gamma, beta, output, Blank.PARAMS),
            rows=x.elements // x.shape[-1],
            depth=x.shape[-1],
            fraction=known.fraction,
            variance_shift=known.variance_shift,
            epsilon=known.epsilon,
            epsilon_shift=known.epsilon_shift,
            output_shift=known.output_shift,
            about_zero=int(self.about_zero),
            zero_point=x.zero_point,
            block=self.block,
        )

    def row_reads(self, inputs: Tensors, output: Tensor) -> tuple[Reads | None, ...] | None:
        return None if self.block else super().row_reads(inputs, output)

    def constants(self, inputs: Tensors, output: Tensor) -> Constants:
        """Compute the finest shifts that int32 products allow, and the constants in these units."""
        x, gamma, beta = inputs
        depth = x.shape[-1]
        root_bits = math.ceil(math.log2(depth) / 2)  # no normalized value reaches sqrt(depth)
        fraction = 29 - root_bits
        epsilon = _epsilon(self.epsilon, x)
        most = LARGEST_SQUARE if self.about_zero else LARGEST_VARIANCE
        largest = depth * depth * most + epsilon
        variance_shift = (SUM_BITS - math.frexp(largest)[1]) // 2 * 2
        scaled = math.ldexp(epsilon, variance_shift)
        epsilon_shift = max(math.frexp(scaled)[1] - 30, 0)
        factors = gamma.values().astype(np.float64) / output.scale
        offsets = beta.values().astype(np.float64) / output.scale + output.zero_point
        largest_factor = float(np.abs(factors).max())
        output_shift = min(
            31 - math.frexp(_reach(inputs, output))[1],
            fraction - 1 - math.frexp(largest_factor)[1],  # gamma as an int32
        )
        return Constants(
            fraction=fraction,
            variance_shift=variance_shift,
            epsilon=round(math.ldexp(scaled, -epsilon_shift)),
            epsilon_shift=epsilon_shift,
            output_shift=output_shift,
            gamma=_rounded(np.ldexp(factors, output_shift + 32 - fraction)),
            # half a step rounds the result, half a unit compensates the product's lost bits
            beta=_rounded(np.ldexp(offsets + 0.5, output_shift) + 0.5),
        )


def row_scale(variance: Int64, known: Constants) -> tuple[Int64, Int64]:
    """Find each row's factor and shift, int64 of variance's shape.

    A row's values are (n * x - s) * 2**shift * factor / 2**32. `variance` is n * q - s * s; if it
    is 0, all values are 0, and factor and shift are 0 too.
    """
    total = (variance << known.variance_shift) + (known.epsilon << known.epsilon_shift)
    bits = np.frexp(total.astype(np.float64))[1].astype(np.int64)
    bits -= total < np.left_shift(np.int64(1), np.maximum(bits - 1, 0))  # rounded up to a power
    pairs = np.maximum(64 - bits, 0) >> 1  # steps of two bits until one of the two highest is set
    top = (total.astype(np.uint64) << (2 * pairs).astype(np.uint64)) >> np.uint64(32)
    factor = inverse_sqrt(np.where(variance == 0, 2**31, top))
    shift = known.fraction + known.variance_shift // 2 + pairs - 30
    factor >>= np.maximum(-shift, 0)
    constant = variance == 0
    return np.where(constant, 0, factor), np.where(constant, 0, np.maximum(shift, 0))


def _epsilon(epsilon: float, x: Tensor) -> float:
    """Scale epsilon to the variance of stored values, times n squared."""
    return epsilon * (x.shape[-1] / x.scale) ** 2


def _reach(inputs: Tensors, output: Tensor) -> float:
    """Bound how far from 0 a result can be before it is clamped, in steps, plus one."""
    x, gamma, beta = inputs
    root = math.sqrt(x.shape[-1])
    farthest = root * float(np.abs(gamma.values()).max()) + float(np.abs(beta.values()).max())
    return farthest / output.scale + 128 + 1


def _rounded(values: NDArray[np.float64]) -> Int64:
    """Round to the nearest int32."""
    limited: Int64 = np.clip(np.floor(values + 0.5), -INT32_MAX, INT32_MAX).astype(np.int64)
    return limited
