# SPDX-License-Identifier: Apache-2.0
"""What an arm is given (one operator of the file) and what it gives back (steps of the graph)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from mcuforge.compiler.frontends.common import EXPORT_AGAIN
from mcuforge.compiler.frontends.tflite.file import RawOperator
from mcuforge.compiler.frontends.tflite.flatbuffer import Table
from mcuforge.compiler.frontends.tflite.tensors import Values
from mcuforge.compiler.ir import Tensor
from mcuforge.compiler.ops.base import Activation, Op
from mcuforge.compiler.ops.common.fixed_point import Int64
from mcuforge.errors import Refusal

ACTIVATIONS: dict[int, Activation] = {0: "none", 1: "relu", 2: "relu_n1_to_1", 3: "relu6"}
OTHER_ACTIVATIONS = {4: "TANH", 5: "SIGN_BIT"}


@dataclass(frozen=True, eq=False)
class Step:
    """One operation of the graph an operator becomes."""

    op: Op
    inputs: tuple[Tensor, ...]
    output: Tensor


@dataclass(frozen=True, eq=False)
class Options:
    """An operator's option table; an absent one reads as the schema's defaults."""

    table: Table | None

    def integer(self, slot: int, default: int = 0) -> int:
        """A 32-bit option."""
        return default if self.table is None else self.table.integer(slot, "i32", default)

    def flag(self, slot: int) -> bool:
        """A boolean option."""
        return self.table is not None and self.table.integer(slot, "u8") != 0

    def code(self, slot: int) -> int:
        """An option of an 8-bit enumeration."""
        return 0 if self.table is None else self.table.integer(slot, "i8")

    def real(self, slot: int) -> float:
        """A float option, finite."""
        value = 0.0 if self.table is None else self.table.real(slot)
        if not math.isfinite(value):
            raise Refusal(f"an option is {value}, wanted a finite number", EXPORT_AGAIN)
        return value

    def integers(self, slot: int) -> tuple[int, ...]:
        """A list of integers."""
        return () if self.table is None else self.table.integers(slot)

    def activation(self, slot: int) -> Activation:
        """The activation fused into the operator."""
        code = self.code(slot)
        if code not in ACTIVATIONS:
            name = OTHER_ACTIVATIONS.get(code, f"activation {code}")
            raise Refusal(
                f"the fused activation is {name}, supported: RELU, RELU6, RELU_N1_TO_1 or none",
                "put the activation in a layer of its own",
            )
        return ACTIVATIONS[code]


@dataclass(frozen=True, eq=False)
class Operator:
    """One operator of the file with access to the file's tensors; each failure is a Refusal."""

    raw: RawOperator
    values: Values

    def arity(self, least: int, most: int | None = None, outputs: int = 1) -> None:
        """Refuse other numbers of inputs (from `least` to `most`, else exactly) and outputs."""
        most = least if most is None else most
        if not least <= len(self.raw.inputs) <= most or len(self.raw.outputs) != outputs:
            wanted = f"{least}" if most == least else f"{least} to {most}"
            raise Refusal(
                f"it has {len(self.raw.inputs)} inputs and {len(self.raw.outputs)} outputs, "
                f"wanted {wanted} and {outputs}",
                EXPORT_AGAIN,
            )

    def has(self, place: int) -> bool:
        """True when the optional input is there."""
        return place < len(self.raw.inputs) and self.raw.inputs[place] >= 0

    def input(self, place: int) -> Tensor:
        """An input tensor."""
        return self.values.tensor(self.index(place))

    def integers(self, place: int) -> tuple[int, ...]:
        """An input that is a constant list of integers, flattened."""
        return tuple(int(v) for v in self.array(place).reshape(-1))

    def array(self, place: int) -> Int64:
        """An input that is a constant of integers, int64 in its own shape."""
        return self.values.integers(self.index(place))

    def integer(self, place: int) -> int:
        """An input that is one constant integer."""
        values = self.integers(place)
        if len(values) != 1:
            raise Refusal(f"input {place} holds {len(values)} values, wanted one", EXPORT_AGAIN)
        return values[0]

    def output(self, place: int = 0) -> Tensor:
        """An output tensor."""
        return self.values.tensor(self.raw.outputs[place])

    def options(self, table: str, required: bool = False) -> Options:
        """The option table, which must be of the kind this operator has."""
        met = self.raw.options_name
        if met not in (table, "NONE") or (required and self.raw.options is None):
            raise Refusal(f"its options are {met}, wanted {table}", EXPORT_AGAIN)
        return Options(self.raw.options)

    def index(self, place: int) -> int:
        """The number of an input tensor that has to be there."""
        if not self.has(place):
            raise Refusal(f"input {place} is absent, this operator needs it", EXPORT_AGAIN)
        return self.raw.inputs[place]


Steps = tuple[Step, ...]
Read = Callable[[Operator], Steps]


@dataclass(frozen=True, eq=False)
class Arm:
    """How one kind of operator is read, what it becomes, and what the op table says of it."""

    read: Read
    builds: tuple[type[Op], ...]
    note: str = ""

    @property
    def dtypes(self) -> tuple[str, ...]:
        """The run-time inputs every operator it becomes can take."""
        types = [set(op.input_types) for op in self.builds]
        return tuple(t.value for t in self.builds[0].input_types if t in set.intersection(*types))
