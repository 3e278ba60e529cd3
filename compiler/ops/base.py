# SPDX-License-Identifier: Apache-2.0
"""What the compiler asks of every operator, and the kernel call an operator answers with."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import ClassVar, Literal

from mcuforge.compiler.ir import Array, DType, Tensor

Activation = Literal["none", "relu", "relu6", "relu_n1_to_1"]


class Access(Enum):
    """How the kernel's reads of one input interleave with its writes of the output.

    ELEMENTWISE: element i of the input is read for the last time before element i of the output is
    written, in rising order, so the output may lie exactly over the input.
    WHOLE: any input element may be read after any output element is written.
    """

    ELEMENTWISE = "elementwise"
    WHOLE = "whole"


class Slot(Enum):
    """Kernel arguments that are no tensor and no constant."""

    PARAMS = "params"  # the address of the call's parameter struct
    SCRATCH = "scratch"  # the call's scratch buffer in the arena


@dataclass(frozen=True, eq=False)
class Blob:
    """A constant array in flash. `role` names it in the C: "weights", "bias", "table"."""

    role: str
    data: Array


@dataclass(frozen=True)
class Params:
    """The `static const struct mcuforge_<struct>` of a call: field names and values in C order.

    An int becomes an int32_t, a float a float literal, a tuple an array, a Blob a pointer, None a
    null pointer.
    """

    struct: str
    fields: tuple[tuple[str, int | float | tuple[int, ...] | Blob | None], ...]


Argument = Tensor | Blob | Slot


@dataclass(frozen=True, eq=False)
class Call:
    """One kernel call: file `<kernel>.c`, header `mcuforge/<kernel>.h`, symbol `mcuforge_<kernel>`.

    `args` follow the C prototype: inputs, weights, output, params, scratch. Tensors become arena
    addresses; a Blob becomes the name of a constant array.
    """

    kernel: str
    args: tuple[Argument, ...]
    params: Params | None = None
    scratch_bytes: int = 0


@dataclass(frozen=True)
class Op(ABC):
    """An operator: typed attributes, checks, integer meaning, access pattern, cost, kernel call."""

    kind: ClassVar[str]  # "conv2d": the module's name
    input_types: ClassVar[tuple[DType, ...]] = (DType.INT8,)  # of what is computed at run time

    @abstractmethod
    def check(self, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        """Refuse (raise Refusal) shapes, dtypes or quantisation the kernels do not define."""

    @abstractmethod
    def evaluate(
        self, inputs: tuple[Tensor, ...], output: Tensor, values: Sequence[Array]
    ) -> Array:
        """The operator's meaning: `values` match `inputs` in shape and dtype, constants included.

        Returns an array of the output's shape and dtype, bit-exact with the TFLite reference.
        """

    @abstractmethod
    def calls(self, inputs: tuple[Tensor, ...], output: Tensor, isa: str) -> tuple[Call, ...]:
        """The kernel calls that compute `output` on `isa`; empty when memory is merely renamed."""

    def access(self, inputs: tuple[Tensor, ...], output: Tensor) -> tuple[Access, ...]:
        """One entry per input (constants included, their entry is ignored)."""
        return (Access.WHOLE,) * len(inputs)

    def macs(self, inputs: tuple[Tensor, ...], output: Tensor) -> int:
        """Multiply-accumulates of one inference, padding taps included as peers count them."""
        return 0

    @property
    def is_view(self) -> bool:
        """True when the output is the input's bytes under another shape."""
        return False
