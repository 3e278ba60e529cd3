# SPDX-License-Identifier: Apache-2.0
"""Reads Einsum of two operands: a matrix product between transposes and reshapes."""

from dataclasses import dataclass, replace
from math import prod

from mcuforge.compiler.frontends.common import contradiction
from mcuforge.compiler.frontends.onnx.layout import Shape, permuted
from mcuforge.compiler.frontends.onnx.ops.joining import matmul
from mcuforge.compiler.frontends.onnx.ops.moving import moved, shaped, transposed
from mcuforge.compiler.frontends.onnx.ops.operator import Operator
from mcuforge.compiler.frontends.onnx.values import Value
from mcuforge.errors import Refusal

AS_MATMUL = "write it as MatMul, with Transpose and Reshape around it"


@dataclass(frozen=True)
class Equation:
    """The labels of two operands and of the result, and what each label is."""

    left: str
    right: str
    result: str

    @property
    def batch(self) -> str:
        """The labels of all three."""
        return "".join(c for c in self.result if c in self.left and c in self.right)

    @property
    def summed(self) -> str:
        """The labels of both operands that the result does not have."""
        return "".join(c for c in self.left if c in self.right and c not in self.result)

    def free(self, term: str, other: str) -> str:
        """The labels of the result that only one operand has."""
        return "".join(c for c in self.result if c in term and c not in other)


def einsum(operator: Operator) -> Value:
    """Read the equation: a product of matrices where every label is kept or summed over both."""
    operator.arity(1, 2)
    text = operator.text_of("equation", "").replace(" ", "")
    equation = _parsed(text)
    a, b = operator.value(0), operator.value(1)
    sizes: dict[str, int] = {}
    for term, value in ((equation.left, a), (equation.right, b)):
        if len(term) != len(value.shape):
            raise contradiction(
                f"its equation '{text[:40]}' has {len(term)} labels for {list(value.shape)}"
            )
        for label, size in zip(term, value.shape, strict=True):
            if sizes.setdefault(label, size) != size:
                raise Refusal(
                    f"label '{label}' of '{text[:40]}' is {sizes[label]} and {size}, "
                    "supported: one size",
                    AS_MATMUL,
                )
    batch, summed = equation.batch, equation.summed
    rows, columns = (
        equation.free(equation.left, equation.right),
        equation.free(equation.right, equation.left),
    )

    def of(labels: str) -> Shape:
        return tuple(sizes[c] for c in labels)

    m, k, n = prod(of(rows)), prod(of(summed)), prod(of(columns))
    a = _ordered(operator, a, equation.left, batch + rows + summed)
    b = _ordered(operator, b, equation.right, batch + summed + columns)
    a = shaped(operator, a, (*of(batch), m, k))
    b = shaped(operator, b, (*of(batch), k, n))
    product = matmul(replace(operator, inputs=(a, b)))
    whole = shaped(operator, product, of(batch + rows + columns))
    return _ordered(operator, whole, batch + rows + columns, equation.result)


def _ordered(operator: Operator, x: Value, labels: str, wanted: str) -> Value:
    """Put the axes of `x` in another order."""
    if labels == wanted:
        return x
    perm = tuple(labels.index(c) for c in wanted)
    shape = permuted(x.shape, perm)
    return moved(operator, x, lambda v: v.transpose(perm), transposed(perm, shape), shape)


def _parsed(text: str) -> Equation:
    """Read 'ab,bc->ac'; without an arrow the result has the labels that occur once, sorted."""
    terms, arrow, result = text.partition("->")
    operands = terms.split(",")
    if len(operands) != 2 or not all(c.isalpha() for c in "".join((*operands, result))):
        raise Refusal(
            f"its equation is '{text[:40]}', supported: two operands of letters", AS_MATMUL
        )
    left, right = operands
    if not arrow:
        result = "".join(sorted(c for c in set(left + right) if (left + right).count(c) == 1))
    once = all(len(set(term)) == len(term) for term in (left, right, result))
    lost = (set(left) ^ set(right)) - set(result)
    if not once or lost or not set(result) <= set(left + right):
        raise Refusal(
            f"its equation is '{text[:40]}', supported: each label once in a term, and summed "
            "over both operands or kept",
            AS_MATMUL,
        )
    return Equation(left, right, result)
