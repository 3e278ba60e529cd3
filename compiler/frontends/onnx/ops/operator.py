# SPDX-License-Identifier: Apache-2.0
"""Defines what an arm gets: one node of an ONNX file, its inputs as values, its attributes."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import Never

import numpy as np

from mcuforge.compiler.frontends.common import (
    FEWER,
    LARGEST_INTEGER_LIST,
    contradiction,
    printable,
    want_elements,
)
from mcuforge.compiler.frontends.onnx.file import Attribute, OnnxNode
from mcuforge.compiler.frontends.onnx.layout import Shape
from mcuforge.compiler.frontends.onnx.values import Constant, Value
from mcuforge.compiler.frontends.onnx.work import GraphBuilder
from mcuforge.compiler.graph import Op
from mcuforge.compiler.tensors import Array
from mcuforge.errors import Advice, Phase, Refusal

FREEZE = Advice("export with fixed shapes and constant arguments, batch 1", Phase.EXPORT)
FOR_INFERENCE = Advice("export with model.eval(), for inference", Phase.EXPORT)
FOLD_CONSTANTS = Advice(
    "fold constants first: onnxruntime.quantization.shape_inference.quant_pre_process, then "
    "quantize",
    Phase.QUANTIZE,
)
ONE_IMAGE = "keep the first dimension 1: the model itself moves another one into it"


@dataclass(frozen=True, eq=False)
class Operator:
    """One node of the file. Its methods raise Refusal."""

    node: OnnxNode
    inputs: tuple[Value | None, ...]  # None: an optional input that is missing
    work: GraphBuilder
    opset: int

    def arity(self, least: int, most: int | None = None, outputs: int = 1) -> None:
        """Refuse fewer than `least` or more than `most` inputs, and more than `outputs` outputs."""
        most = least if most is None else most
        count = len(self.inputs)
        if not least <= count <= most or not 1 <= len(self.node.outputs) <= outputs:
            wanted = f"{least}" if most == least else f"{least} to {most}"
            raise contradiction(
                f"it has {count} inputs and {len(self.node.outputs)} outputs, "
                f"expected {wanted} and {'1' if outputs == 1 else f'up to {outputs}'}"
            )

    def has(self, place: int) -> bool:
        """True when the optional input is there."""
        return place < len(self.inputs) and self.inputs[place] is not None

    def value(self, place: int) -> Value:
        """Return an input. Raises Refusal where it is missing."""
        value = self.inputs[place] if place < len(self.inputs) else None
        if value is None:
            raise contradiction(f"input {place} is missing, but this operator needs it")
        return value

    def constant(self, place: int) -> Constant:
        """Return an input known while reading."""
        value = self.value(place)
        if not isinstance(value, Constant):
            raise Refusal(
                f"input {place} '{printable(self.node.inputs[place])}' is computed at run time, "
                "expected a constant",
                FREEZE,
            )
        return value

    def integers(self, place: int) -> tuple[int, ...]:
        """Return an input that is a constant list of integers, flattened."""
        data = self.constant(place).data
        if data.dtype.kind not in "iu" or data.size > LARGEST_INTEGER_LIST:
            raise contradiction(
                f"input {place} is {data.size} values of {data.dtype.name}, "
                f"expected at most {LARGEST_INTEGER_LIST} integers"
            )
        return tuple(int(v) for v in data.reshape(-1))

    def integer(self, place: int) -> int:
        """Return an input that is one constant integer."""
        values = self.integers(place)
        if len(values) != 1:
            raise contradiction(f"input {place} holds {len(values)} values, expected one")
        return values[0]

    def real(self, place: int) -> float:
        """Return an input that is one constant number."""
        values = self.constant(place).real.reshape(-1)
        if values.size != 1:
            raise contradiction(f"input {place} holds {values.size} values, expected one")
        return float(values[0])

    def int_of(self, name: str, default: int) -> int:
        """Return an integer attribute."""
        value = self._attribute(name, default)
        return value if isinstance(value, int) else self._odd(name, "an integer")

    def flag_of(self, name: str, default: bool = False) -> bool:
        """Return a boolean attribute."""
        return self.int_of(name, int(default)) != 0

    def float_of(self, name: str, default: float) -> float:
        """Return a float attribute, finite."""
        value = self._attribute(name, default)
        if isinstance(value, float) and math.isfinite(value):
            return value
        return self._odd(name, "a finite float")

    def ints_of(self, name: str, default: Shape = ()) -> Shape:
        """Return an attribute that lists integers."""
        value = self._attribute(name, default)
        if not isinstance(value, tuple):
            return self._odd(name, "a list of integers")
        if len(value) > LARGEST_INTEGER_LIST or not all(isinstance(v, int) for v in value):
            return self._odd(name, f"a list of at most {LARGEST_INTEGER_LIST} integers")
        return tuple(int(v) for v in value)

    def text_of(self, name: str, default: str) -> str:
        """Return an attribute that is a word."""
        value = self._attribute(name, default)
        return value if isinstance(value, str) else self._odd(name, "a text")

    def array_of(self, name: str) -> Array | None:
        """Return a tensor attribute in its own shape and dtype; None where it is absent."""
        value = self._attribute(name, np.zeros(0))
        if name not in self.node.attributes:
            return None
        return value if isinstance(value, np.ndarray) else self._odd(name, "a tensor")

    def listed(self, place: int, name: str, since: int) -> Shape:
        """Read integers: the attribute `name` before opset `since`, an input from then on."""
        return self.integers(place) if self.opset >= since else self.ints_of(name)

    def axes(self, place: int, default: Shape | None = None) -> Shape | None:
        """Read axes: an attribute in old opsets, an input in new ones."""
        if self.has(place):
            return self.integers(place)
        return self.ints_of("axes") if "axes" in self.node.attributes else default

    def _attribute(self, name: str, default: Attribute) -> Attribute:
        return self.node.attributes.get(name, default)

    def _odd(self, name: str, wanted: str) -> Never:
        raise contradiction(
            f"its attribute '{name}' has the wrong type or value, expected {wanted}"
        )


Read = Callable[[Operator], Value | tuple[Value, ...]]


@dataclass(frozen=True, eq=False)
class Arm:
    """How one kind of operator is read, what it may become, and a note for the operator table."""

    read: Read
    builds: tuple[type[Op], ...] = ()
    note: str = ""


def want_size(shape: Shape, *, constant: bool = False) -> None:
    """Refuse an output that is empty or too large for any microcontroller.

    A `constant` may be empty: it may be a list of shapes or axes.
    """
    if min(shape, default=1) < 1 and not constant:
        raise contradiction(
            f"its output has shape {list(shape)}, expected 1 or more in each dimension"
        )
    want_elements(f"its output {list(shape)}", prod(max(n, 1) for n in shape), FEWER)
