# SPDX-License-Identifier: Apache-2.0
"""Turns float arithmetic between DEQUANTIZE and QUANTIZE into tables while the file is read.

Converters leave there the operators that the interpreter has only float kernels for: SQRT, LOG,
POW, DIV. A result that depends on one int8 element and single numbers has 256 values. They are
computed here in float32, operation by operation, as the reference kernels do it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np

from mcuforge.compiler.frontends.tflite.ops.operator import NewNode, NewNodes, Operator
from mcuforge.compiler.frontends.tflite.tensors import Values
from mcuforge.compiler.graph import Activation
from mcuforge.compiler.ops.common import elementary
from mcuforge.compiler.ops.common.checks import want_int8
from mcuforge.compiler.ops.common.elementary import Float32
from mcuforge.compiler.ops.div import Div
from mcuforge.compiler.ops.quantize import rounded_quotient
from mcuforge.compiler.ops.tables.elu import elu
from mcuforge.compiler.ops.tables.lookup import HIGHEST, LOWEST, Lookup
from mcuforge.compiler.ops.tables.table import dequantized
from mcuforge.compiler.tensors import DType, Tensor
from mcuforge.errors import Refusal

STORED = np.arange(LOWEST, HIGHEST + 1, dtype=np.int64)
LONGEST_NAME = 3  # operators listed in a table's name
ZERO, ONE, SIX = (np.float32(v) for v in (0.0, 1.0, 6.0))
UPPER_CUTOFF, LOWER_CUTOFF = np.float32(16.619047164916992), np.float32(-9.0)  # of LOGISTIC
Function = Callable[[Operator, tuple[Float32, ...]], Float32]


@dataclass(frozen=True, eq=False)
class Real:
    """A float tensor computed from the int8 tensor `base`; `values` answer its -128 to 127."""

    base: Tensor
    values: Float32
    operators: tuple[str, ...] = ()  # those between; empty right after a DEQUANTIZE


@dataclass(frozen=True, eq=False)
class Quotient:
    """One dequantized int8 tensor divided by another."""

    a: Tensor
    b: Tensor
    act: Activation


@dataclass(frozen=True, eq=False)
class Islands:
    """The float tensors of one file that depend on int8 tensors in this way."""

    values: Values
    in_float: str  # what to do about an operator that computes in float
    _known: dict[int, Real | Quotient] = field(default_factory=dict)

    def new_nodes(self, operator: Operator) -> NewNodes | None:
        """Read an operator inside an island; None for DEQUANTIZE and for other operators.

        Raises Refusal for an operator that reads an island's float result and cannot extend it.
        """
        raw = operator.raw
        if raw.name == "DEQUANTIZE":
            self._enter(operator)
        if raw.name == "QUANTIZE" and any(self.computes(i) for i in raw.inputs):
            return self._leave(operator)
        if raw.name in FUNCTIONS and self._extend(operator):
            return ()
        if any(self.computes(i) for i in raw.inputs):
            raise Refusal(f"{raw.name} computes in float32, supported: int8", self.in_float)
        return None

    def computes(self, index: int) -> bool:
        """True for a tensor that exists only between the operators of an island."""
        known = self._known.get(index)
        return isinstance(known, Quotient) or (known is not None and bool(known.operators))

    def _enter(self, operator: Operator) -> None:
        x = operator.input(0)
        per_tensor = x.quant is not None and len(x.quant.scale) == 1
        if per_tensor and not x.is_constant and x.dtype is DType.INT8 and operator.raw.outputs:
            self._known[operator.raw.outputs[0]] = Real(x, dequantized(x, STORED))

    def _leave(self, operator: Operator) -> NewNodes:
        operator.arity(1)
        operator.options("QuantizeOptions")
        known, output = self._known[operator.index(0)], operator.output()
        if isinstance(known, Quotient):
            return (NewNode(Div(known.act), (known.a, known.b), output),)
        want_int8(output)
        steps = rounded_quotient(known.values, output.scale) + output.zero_point
        table = tuple(int(v) for v in np.clip(steps, LOWEST, HIGHEST))
        name = "_".join(known.operators[-LONGEST_NAME:])
        return (NewNode(Lookup(name, table), (known.base,), output),)

    def _extend(self, operator: Operator) -> bool:
        """Compute the operator's 256 values; return False where it cannot extend an island."""
        raw = operator.raw
        if not raw.outputs or self.values.raw(raw.outputs[0]).type_name != "float32":
            return False
        operands = [self._operand(operator, i) for i in range(len(raw.inputs))]
        reals = [x for x in operands if isinstance(x, Real)]
        if not reals or any(x is None for x in operands):
            return False
        if len({id(x.base) for x in reals}) > 1:
            return self._divide(operator, reals)
        if self.values.raw(raw.outputs[0]).shape != reals[0].base.shape:
            return False
        arity = 2 if raw.name in BINARY else 1
        operator.arity(arity)
        numbers = tuple(x.values if isinstance(x, Real) else x for x in operands if x is not None)
        with np.errstate(all="ignore"):  # NaN and infinity are clamped when they are quantized
            values = FUNCTIONS[raw.name](operator, numbers)
        names = dict.fromkeys((*(name for x in reals for name in x.operators), raw.name.lower()))
        self._known[raw.outputs[0]] = Real(reals[0].base, values, tuple(names))
        return True

    def _operand(self, operator: Operator, place: int) -> Real | Float32 | None:
        """Return an island's tensor or one constant number; None for anything else."""
        index = operator.raw.inputs[place]
        known = self._known.get(index)
        if isinstance(known, Real):
            return known
        if index < 0 or not self.values.is_constant(index):
            return None
        constant = operator.input(place)
        if constant.dtype is not DType.FLOAT32 or constant.elements != 1:
            return None
        return constant.values().astype(np.float32).reshape(1)

    def _divide(self, operator: Operator, reals: list[Real]) -> bool:
        """Note a quotient of two dequantized tensors: int8 has a kernel for it."""
        if operator.raw.name != "DIV" or any(x.operators for x in reals):
            return False
        operator.arity(2)
        act = operator.options("DivOptions").activation(0)
        a, b = (x.base for x in reals)
        self._known[operator.raw.outputs[0]] = Quotient(a, b, act)
        return True


def _function(
    function: Callable[..., Float32], options: str | None = None, *, fused: bool = False
) -> Function:
    """Compute `function`, and the activation after it where option 0 of its table fuses one."""

    def compute(operator: Operator, x: tuple[Float32, ...]) -> Float32:
        table = None if options is None else operator.options(options)
        return clamped(function(*x), table.activation(0) if table and fused else "none")

    return compute


def clamped(x: Float32, act: Activation) -> Float32:
    """Apply a fused activation to `x`; float32 of its shape."""
    if act == "relu":
        return np.maximum(x, ZERO)
    if act == "relu6":
        return np.minimum(np.maximum(x, ZERO), SIX)
    return np.minimum(np.maximum(x, -ONE), ONE) if act == "relu_n1_to_1" else x


def logistic(x: Float32) -> Float32:
    """Compute 1 / (1 + exp(-x)) as the float reference does; float32 of x's shape.

    Far from zero the reference takes exp(x) or 1.
    """
    near = ONE / (ONE + elementary.exp(-x))
    return np.where(x > UPPER_CUTOFF, ONE, np.where(x < LOWER_CUTOFF, elementary.exp(x), near))


BINARY: Mapping[str, Function] = MappingProxyType(
    {
        "ADD": _function(np.add, "AddOptions", fused=True),
        "DIV": _function(np.divide, "DivOptions", fused=True),
        "MAXIMUM": _function(np.maximum, "MaximumMinimumOptions"),
        "MINIMUM": _function(np.minimum, "MaximumMinimumOptions"),
        "MUL": _function(np.multiply, "MulOptions", fused=True),
        "POW": _function(elementary.power, "PowOptions"),
        "SUB": _function(np.subtract, "SubOptions", fused=True),
    }
)
FUNCTIONS: Mapping[str, Function] = MappingProxyType(
    {
        "ABS": _function(np.abs, "AbsOptions"),
        "ELU": _function(elu),
        "EXP": _function(elementary.exp, "ExpOptions"),
        "LOG": _function(elementary.log),
        "LOGISTIC": _function(logistic),
        "NEG": _function(np.negative, "NegOptions"),
        "RELU": _function(lambda x: clamped(x, "relu")),
        "RELU6": _function(lambda x: clamped(x, "relu6")),
        "RELU_N1_TO_1": _function(lambda x: clamped(x, "relu_n1_to_1")),
        "RSQRT": _function(lambda x: ONE / np.sqrt(x)),
        "SQRT": _function(np.sqrt),
        "SQUARE": _function(lambda x: x * x, "SquareOptions"),
        "TANH": _function(elementary.tanh),
        **BINARY,
    }
)
