# SPDX-License-Identifier: Apache-2.0
"""Kernel calls, their arguments and parameters, and what a kernel reads while it writes."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from mcuforge.compiler.tensors import Array, Tensor

LAST = np.iinfo(np.int64).max // 2  # no row and no byte is as far


@dataclass(frozen=True, eq=False)
class Reads:
    """The reads of one input while the output is written, in units of both.

    A unit is an element, a pixel or a row: bytes [i * out_bytes, (i + 1) * out_bytes) of the output
    are computed from units [first[i], end[i]) of `in_bytes` of the input. Output units are written
    in rising order; once a byte of unit i is written, only bytes that units i and above need are
    read. `before_write`: bytes that only unit i needs are read before its first byte is written.
    """

    in_bytes: int
    out_bytes: int
    first: NDArray[np.int64]
    end: NDArray[np.int64]
    before_write: bool = False

    @cached_property
    def distance(self) -> int:
        """The least d such that the output may begin d bytes below the input's first byte.

        For every output unit i, its last byte must lie below the first input byte that may still be
        read while unit i is written or later:

            (i + 1) * out_bytes - d <= in_bytes * min(first[j] for j >= i)

        With `before_write` unit i has done its own reading by then, so only j > i count. A negative
        d means that the output may begin that far above the input's first byte. Any greater d is
        safe too. It is the output's size when nothing less is safe: the two then lie apart.
        """
        first, end = self.first, self.end
        units = len(first)
        size = units * self.out_bytes
        never = LAST // max(self.in_bytes, 1)
        still = first if (first < end).all() else np.where(first < end, first, never)
        if (still[1:] < still[:-1]).any():
            still = np.minimum.accumulate(still[::-1])[::-1]  # the lowest unit read from i on
        written = np.arange(1, units + 1, dtype=np.int64) * self.out_bytes
        if self.before_write:  # after the last unit nothing is read
            still, written = still[1:], written[:-1]
        return int(min(size, (written - still * self.in_bytes).max(initial=-size)))


class Blank(Enum):
    """Kernel arguments that the code generator fills in: neither tensors nor constants."""

    PARAMS = "params"  # the address of the call's parameter struct
    SCRATCH = "scratch"  # the call's scratch buffer in the arena
    FIRST_ROW = "first_row"  # rows [first, end) are to be computed, or accumulated
    END_ROW = "end_row"


ROWS = (Blank.FIRST_ROW, Blank.END_ROW)


@dataclass(frozen=True, eq=False)
class Blob:
    """A constant array in flash. `role` names it in the C: "weights", "bias", "table".

    `source` may be a function: what nobody writes out is then never computed. `most_bytes`: what
    the array of a function may take.
    """

    role: str
    source: Array | Callable[[], Array]
    most_bytes: int = 0

    @cached_property
    def data(self) -> Array:
        """The values as they lie in flash, of any shape and dtype."""
        return self.source() if callable(self.source) else self.source


def as_blob(data: Array) -> Blob:
    """A constant tensor of the model that a kernel reads as it is."""
    return Blob("constant", data)


@dataclass(frozen=True, eq=False)
class RingRows:
    """A parameter: how many rows of `tensor` its buffer holds at once; all of them if it is whole.

    Row y lies at row y modulo that number of the buffer. `rows`: the tensor's rows as the kernel
    counts them, if that differs from the tensor's own number.
    """

    tensor: Tensor
    rows: int | None = None


@dataclass(frozen=True, eq=False)
class RowOf:
    """An argument: the address of row `step * row + first` for output row `row`.

    A tensor's row is found in its ring; a Blob's rows are `row_bytes` apart.
    """

    source: Tensor | Blob
    step: int = 1
    first: int = 0
    row_bytes: int = 0  # of a Blob's row; a Tensor knows its own


Field = int | float | tuple[int, ...] | Blob | RingRows | None
Fields = dict[str, Field]  # of a parameter struct, in C order


@dataclass(frozen=True)
class Params:
    """The `static const struct mcuforge_<struct>` of a call: field names and values in C order.

    An int becomes an int32_t, a float a float literal, a tuple an array, a Blob a pointer, None a
    null pointer, RingRows an int32_t.
    """

    struct: str
    fields: tuple[tuple[str, Field], ...]


Argument = Tensor | Blob | Blank | RowOf


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

    @property
    def words(self) -> int:
        """Words of 32 bits that its parameter struct takes in flash."""
        fields = self.params.fields if self.params is not None else ()
        return sum(len(value) if isinstance(value, tuple) else 1 for _, value in fields)

    def blobs(self) -> Iterator[Blob]:
        """The constants it reads: those in its parameters, then those among its arguments."""
        fields = self.params.fields if self.params is not None else ()
        yield from (value for _, value in fields if isinstance(value, Blob))
        for argument in self.args:
            source = argument.source if isinstance(argument, RowOf) else argument
            if isinstance(source, Blob):
                yield source
            elif isinstance(source, Tensor) and source.data is not None:
                yield as_blob(source.data)


def kernel_call(kernel: str, /, *args: Argument, **fields: Field) -> Call:
    """Call `kernel` with a struct named after it: softmax_s8 takes mcuforge_softmax_params."""
    stem = kernel.rpartition("_")[0]
    return Call(kernel, args, Params(f"{stem}_params", tuple(fields.items())))
