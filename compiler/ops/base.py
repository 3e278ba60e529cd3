# SPDX-License-Identifier: Apache-2.0
"""What the compiler asks of every operator, and the kernel call an operator answers with."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from mcuforge.compiler.ir import Array, DType, Tensor
from mcuforge.compiler.work import Counts, Work

Activation = Literal["none", "relu", "relu6", "relu_n1_to_1"]


@dataclass(frozen=True, eq=False)
class Reads:
    """What is read of one input while the output is written, in units both are walked by.

    A unit is an element, a pixel or a row: bytes [i * out_bytes, (i + 1) * out_bytes) of the output
    are computed from units [first[i], end[i]) of `in_bytes` of the input. Output units are written
    in rising order; once a byte of unit i is written, nothing is read but what units i and above
    need. `before_write`: all that unit i alone needs is read before its first byte is written.
    """

    in_bytes: int
    out_bytes: int
    first: NDArray[np.int64]
    end: NDArray[np.int64]
    before_write: bool = False


class Slot(Enum):
    """Kernel arguments that are no tensor and no constant."""

    PARAMS = "params"  # the address of the call's parameter struct
    SCRATCH = "scratch"  # the call's scratch buffer in the arena
    FIRST_ROW = "first_row"  # rows [first, end) are to be computed, or accumulated
    END_ROW = "end_row"


@dataclass(frozen=True, eq=False)
class Blob:
    """A constant array in flash. `role` names it in the C: "weights", "bias", "table"."""

    role: str
    data: Array


@dataclass(frozen=True, eq=False)
class RingRows:
    """A parameter: the rows of `tensor` its buffer holds at once, all of them where it is whole.

    Row y stands at row y modulo that number of the buffer. `rows`: how many the kernel takes the
    tensor for, where it counts others than the tensor's own.
    """

    tensor: Tensor
    rows: int | None = None


@dataclass(frozen=True, eq=False)
class RowOf:
    """An argument: the address of row `step * row + first`, for the output row `row` computed.

    A tensor's row is found in its ring; a Blob's rows are `row_bytes` apart.
    """

    source: Tensor | Blob
    step: int = 1
    first: int = 0
    row_bytes: int = 0  # of a Blob's row; a Tensor knows its own


Field = int | float | tuple[int, ...] | Blob | RingRows | None


@dataclass(frozen=True)
class Params:
    """The `static const struct mcuforge_<struct>` of a call: field names and values in C order.

    An int becomes an int32_t, a float a float literal, a tuple an array, a Blob a pointer, None a
    null pointer, RingRows an int32_t.
    """

    struct: str
    fields: tuple[tuple[str, Field], ...]


Argument = Tensor | Blob | Slot | RowOf


@dataclass(frozen=True, eq=False)
class Call:
    """One kernel call: file `<kernel>.c`, header `mcuforge/<kernel>.h`, symbol `mcuforge_<kernel>`.

    `args` follow the C prototype: inputs, weights, output, params, scratch, rows. Tensors become
    addresses of their buffers; a Blob becomes the name of a constant array. A call of a row form
    may be made for output rows [rows[0], rows[1]) only.
    """

    kernel: str
    args: tuple[Argument, ...]
    params: Params | None = None
    scratch_bytes: int = 0
    rows: tuple[int, int] | None = None


@dataclass(frozen=True)
class Op(ABC):
    """An operator: typed attributes, checks, integer meaning, what it reads when, kernel calls."""

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

    def reads(self, inputs: tuple[Tensor, ...], output: Tensor) -> tuple[Reads | None, ...]:
        """How `calls` read each input (constants included, their entry is ignored).

        None: any byte may be read after any byte of the output is written.
        """
        return (None,) * len(inputs)

    def row_reads(
        self, inputs: tuple[Tensor, ...], output: Tensor
    ) -> tuple[Reads | None, ...] | None:
        """How `row_calls` read each input, units being the tensors' rows (`Tensor.rows`).

        `first` and `end` never fall from one row to the next; the entry of a constant is None.
        None instead of the tuple: the operator cannot run row by row.
        """
        return None

    def row_calls(self, inputs: tuple[Tensor, ...], output: Tensor, isa: str) -> tuple[Call, ...]:
        """The calls that compute output rows [Slot.FIRST_ROW, Slot.END_ROW) from and into rings.

        Calls with RowOf arguments compute one row and are repeated for each. Only where
        `row_reads` is not None.
        """
        raise NotImplementedError(self.kind)

    def accumulate(
        self, inputs: tuple[Tensor, ...], output: Tensor, isa: str, rows: int
    ) -> tuple[Call, ...] | None:
        """The calls that add rows [Slot.FIRST_ROW, Slot.END_ROW) of the input's `rows` rows.

        For operators whose output, a single row, sums over every row of their only run-time input:
        row 0 starts the sums in the scratch buffer, the last row writes the output. The scratch
        lives through all of them. None: the operator needs its whole input at once.
        """
        return None

    def work(self, inputs: tuple[Tensor, ...], output: Tensor) -> Work:
        """What `calls` do with weights as they are: by default one loop per output vector."""
        return Work(f"{self.kind}_s8", vector_counts(output))

    def row_work(self, inputs: tuple[Tensor, ...], output: Tensor) -> Work:
        """What `row_calls` do: by default what `calls` do, called once for each row."""
        whole = self.work(inputs, output)
        return whole.in_calls(whole.fixed.call * output.rows)

    def accumulate_work(self, inputs: tuple[Tensor, ...], output: Tensor, rows: int) -> Work:
        """What the calls of `accumulate` do for `rows` rows. Only where those are not None."""
        raise NotImplementedError(self.kind)

    def macs(self, inputs: tuple[Tensor, ...], output: Tensor) -> int:
        """Multiply-accumulates of one inference, padding taps included as peers count them."""
        return 0

    @property
    def title(self) -> str:
        """What reports and comments call it."""
        return self.kind

    @property
    def is_view(self) -> bool:
        """True when the output is the input's bytes under another shape."""
        return False


def vector_counts(output: Tensor) -> Counts:
    """One call that computes the output vector by vector, along its last axis."""
    vectors = output.elements // max(output.shape[-1:] or (1,))
    return Counts(call=1, output=output.elements, run=vectors)
