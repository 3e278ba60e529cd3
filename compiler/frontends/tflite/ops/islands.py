# SPDX-License-Identifier: Apache-2.0
"""Turns float arithmetic between DEQUANTIZE and QUANTIZE into tables while the file is read.

Converters leave there the operators that the interpreter has only float kernels for: SQRT, LOG,
POW, DIV. A result that depends on one int8 element and single numbers has 256 values. They are
computed here in float32, operation by operation, as the reference kernels do it. What only moves
values moves them as they are stored (`floats.py`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import numpy as np

from mcuforge.compiler.frontends.tflite.ops.floats import (
    MOVES,
    Moved,
    Real,
    Value,
    mapped,
    moved,
    placed,
    quantized,
)
from mcuforge.compiler.frontends.tflite.ops.operator import NewNode, NewNodes, Operator, Read
from mcuforge.compiler.frontends.tflite.tensors import Values
from mcuforge.compiler.graph import Activation
from mcuforge.compiler.ops.common import elementary
from mcuforge.compiler.ops.common.checks import want_int8, want_shape
from mcuforge.compiler.ops.common.elementary import Float32
from mcuforge.compiler.ops.div import Div
from mcuforge.compiler.ops.reshape import Reshape
from mcuforge.compiler.ops.tables.elu import elu
from mcuforge.compiler.ops.tables.lookup import HIGHEST, LOWEST
from mcuforge.compiler.ops.tables.table import dequantized
from mcuforge.compiler.tensors import DType, Tensor
from mcuforge.errors import Refusal

STORED = np.arange(LOWEST, HIGHEST + 1, dtype=np.int64)
ZERO, ONE, SIX = (np.float32(v) for v in (0.0, 1.0, 6.0))
UPPER_CUTOFF, LOWER_CUTOFF = np.float32(16.619047164916992), np.float32(-9.0)  # of LOGISTIC
Function = Callable[[Operator, tuple[Float32, ...]], Float32]


@dataclass(frozen=True, eq=False)
class Quotient:
    """One dequantized int8 tensor divided by another."""

    a: Tensor
    b: Tensor
    act: Activation


@dataclass(frozen=True, eq=False)
class Islands:
    """The float tensors of one file that depend on int8 tensors in this way.

    arms: who reads an operator that moves values.
    """

    values: Values
    arms: Callable[[str], Read]
    in_float: str  # what to do about an operator that computes in float
    _known: dict[int, Real | Moved | Quotient] = field(default_factory=dict)
    _constants: dict[int, Float32] = field(default_factory=dict)  # dequantized ones

    def new_nodes(self, operator: Operator) -> NewNodes | None:
        """Read an operator inside an island; None for DEQUANTIZE and for other operators.

        Raises Refusal for an operator that reads an island's float result and cannot extend it.
        """
        raw = operator.raw
        if raw.name == "DEQUANTIZE":
            self._enter(operator)
        if raw.name == "QUANTIZE" and raw.inputs and raw.inputs[0] in self._known:
            return self._leave(operator)
        found: NewNodes | None = None
        if raw.name in FUNCTIONS:
            found = self._extend(operator)
        if raw.name in MOVES:
            found = self._move(operator)
        if found is None and any(self.computes(i) for i in raw.inputs):
            raise Refusal(f"{raw.name} computes in float32, supported: int8", self.in_float)
        return found

    def computes(self, index: int) -> bool:
        """True for a tensor that exists only between the operators of an island."""
        known = self._known.get(index)
        return known is not None and not (isinstance(known, Real) and not known.operators)

    def _enter(self, operator: Operator) -> None:
        x = operator.input(0)
        per_tensor = x.quant is not None and len(x.quant.scale) == 1
        if not per_tensor or x.dtype is not DType.INT8 or not operator.raw.outputs:
            return
        output, values = operator.raw.outputs[0], dequantized(x, STORED)
        if x.is_constant:
            self._constants[output] = values[x.values().astype(np.int64) - LOWEST]
        else:
            self._known[output] = Real(x, values)

    def _leave(self, operator: Operator) -> NewNodes | None:
        operator.arity(1)
        operator.options("QuantizeOptions")
        known, output = self._known[operator.index(0)], operator.output()
        if output.dtype is not DType.INT8 and not self.computes(operator.index(0)):
            return None  # the arm has a kernel for it
        if isinstance(known, Quotient):
            return (NewNode(Div(known.act), (known.a, known.b), output),)
        want_int8(output)
        if isinstance(known, Moved):
            return placed(known, self.arms, output)
        want_shape(output, known.base.shape)
        return (quantized(known, output),)

    def _move(self, operator: Operator) -> NewNodes | None:
        """Move float values; None where none of them is of an island."""
        raw = operator.raw
        floats = {i for i in raw.inputs if i >= 0 and self.values.raw(i).type_name == "float32"}
        parts: dict[int, Value] = {}
        for index in sorted(floats):
            part = self._value(index)
            if part is None:
                return None
            parts[index] = part
        if not any(isinstance(part, (Real, Moved)) for part in parts.values()):
            return None
        nodes, outputs = moved(operator, self.arms(raw.name), parts)
        self._known.update(zip(raw.outputs, outputs, strict=True))
        return nodes

    def _value(self, index: int) -> Value | None:
        """Return an island's tensor or a constant; None for anything else."""
        known = self._known.get(index)
        if isinstance(known, Quotient):
            return None
        if known is not None:
            return known
        if index in self._constants:
            return self._constants[index]
        if not self.values.is_constant(index) or self.values.raw(index).type_name != "float32":
            return None
        return self.values.constant(index).astype(np.float32)

    def _extend(self, operator: Operator) -> NewNodes | None:
        """Compute the operator's 256 values; None where it cannot extend an island."""
        raw = operator.raw
        if not raw.outputs or self.values.raw(raw.outputs[0]).type_name != "float32":
            return None
        operands = [self._operand(operator, i) for i in range(len(raw.inputs))]
        varying = [x for x in operands if isinstance(x, (Real, Moved))]
        if not varying or any(x is None for x in operands):
            return None
        first = varying[0]
        if isinstance(first, Real) and all(isinstance(x, Real) for x in varying):
            reals = [x for x in varying if isinstance(x, Real)]
            if len({id(x.base) for x in reals}) > 1:
                return self._divide(operator, reals)
            return self._extend_real(operator, reals, operands)
        if len(varying) > 1 or isinstance(first, Real) or first.adds_zeros:
            return None
        one = [x for x in operands if isinstance(x, np.ndarray)]
        place = operands.index(first)

        def compute(x: Float32) -> Float32:
            return self._computed(operator, (*one[:place], x, *one[place:]))

        with np.errstate(all="ignore"):
            extended = mapped(first, compute, raw.name.lower())
        assert isinstance(extended, Moved)
        self._known[raw.outputs[0]] = extended
        return ()

    def _extend_real(
        self, operator: Operator, reals: list[Real], operands: Sequence[Value | None]
    ) -> NewNodes:
        """Compute the operator for each of the 256 values; constants may add dimensions of 1."""
        raw, base = operator.raw, reals[0].base
        either = (x.values if isinstance(x, Real) else x for x in operands)
        numbers = tuple(x for x in either if isinstance(x, np.ndarray))
        with np.errstate(all="ignore"):  # NaN and infinity are clamped when they are quantized
            values = self._computed(operator, numbers)
        names = dict.fromkeys((*(name for x in reals for name in x.operators), raw.name.lower()))
        shapes = [self.values.raw(i).shape for i in raw.inputs]
        rank = max(len(base.shape), *map(len, shapes))
        shape = (1,) * (rank - len(base.shape)) + base.shape
        self.values.reshape(raw.outputs[0], shape)
        nodes: NewNodes = ()
        if shape != base.shape:
            name = self.values.fresh(f"{self.values.names[raw.outputs[0]]}/stored")
            wide = replace(base, name=name, shape=shape)
            nodes = (NewNode(Reshape(), (base,), wide),)
            base = wide
        self._known[raw.outputs[0]] = Real(base, values, tuple(names))
        return nodes

    def _computed(self, operator: Operator, numbers: tuple[Float32, ...]) -> Float32:
        operator.arity(2 if operator.raw.name in BINARY else 1)
        return FUNCTIONS[operator.raw.name](operator, numbers)

    def _operand(self, operator: Operator, place: int) -> Value | None:
        """Return an island's tensor or one constant number; None for anything else."""
        index = operator.raw.inputs[place]
        value = self._value(index) if index >= 0 else None
        if value is None or isinstance(value, (Real, Moved)):
            return value
        return value.reshape(1) if value.size == 1 else None

    def _divide(self, operator: Operator, reals: list[Real]) -> NewNodes | None:
        """Note a quotient of two dequantized tensors: int8 has a kernel for it."""
        if operator.raw.name != "DIV" or any(x.operators for x in reals):
            return None
        operator.arity(2)
        act = operator.options("DivOptions").activation(0)
        a, b = (x.base for x in reals)
        self._known[operator.raw.outputs[0]] = Quotient(a, b, act)
        return ()


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
