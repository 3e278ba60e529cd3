# SPDX-License-Identifier: Apache-2.0
"""What an arm gets (one operator of the file) and what it returns (nodes of the graph)."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from mcuforge.compiler.frontends.common import contradiction
from mcuforge.compiler.frontends.tflite.file import RawOperator
from mcuforge.compiler.frontends.tflite.flatbuffer import Table
from mcuforge.compiler.frontends.tflite.tensors import Values
from mcuforge.compiler.graph import Activation, Op
from mcuforge.compiler.ops.common.fixed_point import Int64
from mcuforge.compiler.tensors import Array, Tensor
from mcuforge.errors import Refusal

ACTIVATIONS: dict[int, Activation] = {0: "none", 1: "relu", 2: "relu_n1_to_1", 3: "relu6"}
OTHER_ACTIVATIONS = {4: "TANH", 5: "SIGN_BIT"}


@dataclass(frozen=True, eq=False)
class NewNode:
    """One node of the graph that an operator becomes."""

    op: Op
    inputs: tuple[Tensor, ...]
    output: Tensor


@dataclass(frozen=True, eq=False)
class Options:
    """An operator's option table; an absent one reads as the schema's defaults."""

    table: Table | None

    def integer(self, slot: int, default: int = 0) -> int:
        """Return a 32-bit option."""
        return default if self.table is None else self.table.integer(slot, "i32", default)

    def flag(self, slot: int) -> bool:
        """Return a boolean option."""
        return self.table is not None and self.table.integer(slot, "u8") != 0

    def code(self, slot: int) -> int:
        """Return an option of an 8-bit enumeration."""
        return 0 if self.table is None else self.table.integer(slot, "i8")

    def real(self, slot: int) -> float:
        """Return a float option, finite."""
        value = 0.0 if self.table is None else self.table.real(slot)
        if not math.isfinite(value):
            raise contradiction(f"option {slot} is {value}, expected a finite number")
        return value

    def integers(self, slot: int) -> tuple[int, ...]:
        """Return a list of integers."""
        return () if self.table is None else self.table.integers(slot)

    def activation(self, slot: int) -> Activation:
        """Return the activation fused into the operator."""
        code = self.code(slot)
        if code not in ACTIVATIONS:
            name = OTHER_ACTIVATIONS.get(code, f"activation {code}")
            raise Refusal(
                f"the fused activation is {name}, supported: RELU, RELU6, RELU_N1_TO_1 or none",
                "put the activation in a separate layer",
            )
        return ACTIVATIONS[code]


@dataclass(frozen=True, eq=False)
class Operator:
    """One operator of the file with access to the file's tensors; each failure is a Refusal."""

    raw: RawOperator
    values: Values

    def arity(self, least: int, most: int | None = None, outputs: int = 1) -> None:
        """Refuse another number of outputs, and fewer than `least` or more than `most` inputs."""
        most = least if most is None else most
        if not least <= len(self.raw.inputs) <= most or len(self.raw.outputs) != outputs:
            wanted = f"{least}" if most == least else f"{least} to {most}"
            raise contradiction(
                f"it has {len(self.raw.inputs)} inputs and {len(self.raw.outputs)} outputs, "
                f"expected {wanted} and {outputs}"
            )

    def has(self, place: int) -> bool:
        """True when the optional input is there."""
        return place < len(self.raw.inputs) and self.raw.inputs[place] >= 0

    def input(self, place: int) -> Tensor:
        """Return an input tensor."""
        return self.values.tensor(self.index(place))

    def integers(self, place: int) -> tuple[int, ...]:
        """Return an input that is a constant list of integers, flattened."""
        return tuple(int(v) for v in self.array(place).reshape(-1))

    def array(self, place: int) -> Int64:
        """Return an input that is a constant of integers, int64 in its own shape."""
        return self.values.integers(self.index(place))

    def constant(self, place: int) -> Array:
        """Return an input that is a constant of numbers or truth values, in its shape and dtype."""
        return self.values.constant(self.index(place))

    def integer(self, place: int) -> int:
        """Return an input that is one constant integer."""
        values = self.integers(place)
        if len(values) != 1:
            raise contradiction(f"input {place} holds {len(values)} values, expected one")
        return values[0]

    def output(self, place: int = 0) -> Tensor:
        """Return an output tensor."""
        return self.values.tensor(self.raw.outputs[place])

    def options(self, table: str, required: bool = False) -> Options:
        """Return the option table. Raises Refusal where it is not a `table`."""
        met = self.raw.options_name
        if met not in (table, "NONE") or (required and self.raw.options is None):
            raise contradiction(f"its options are {met}, expected {table}")
        return Options(self.raw.options)

    def index(self, place: int) -> int:
        """Return the number of an input tensor. Raises Refusal where it is missing."""
        if not self.has(place):
            raise contradiction(f"input {place} is missing, but this operator needs it")
        return self.raw.inputs[place]


NewNodes = tuple[NewNode, ...]
Read = Callable[[Operator], NewNodes]


@dataclass(frozen=True, eq=False)
class Arm:
    """How one kind of operator is read, what it becomes, and what the op table says of it.

    `unjudged`: what keeps tflite-runtime 2.14 from judging the first operator it becomes, with {}
    for the operator's place; empty where it does judge.
    """

    read: Read
    builds: tuple[type[Op], ...]
    note: str = ""
    unjudged: str = ""

    @property
    def dtypes(self) -> tuple[str, ...]:
        """The types that all operators it becomes accept at run time."""
        types = [set(op.input_types) for op in self.builds]
        return tuple(t.value for t in self.builds[0].input_types if t in set.intersection(*types))
