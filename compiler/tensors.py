# SPDX-License-Identifier: Apache-2.0
"""Tensors: what a value of the graph is, run-time values and constants alike."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import cache
from math import inf, prod

import numpy as np
from numpy.typing import NDArray

from mcuforge.compiler.lazy import lazy

Array = NDArray[np.generic]
Arrays = Sequence[Array]
Index = NDArray[np.int64]


class DType(Enum):
    """Element types a tensor may have; the value is numpy's name of it."""

    INT8 = "int8"
    UINT8 = "uint8"
    INT32 = "int32"
    FLOAT32 = "float32"

    __hash__ = object.__hash__  # members are single: Enum would hash their names, which takes long

    @lazy
    def itemsize(self) -> int:
        """Bytes per element."""
        return np.dtype(self.value).itemsize

    @property
    def numpy(self) -> np.dtype[np.generic]:
        """The numpy dtype."""
        return np.dtype(self.value)

    @property
    def c_type(self) -> str:
        """The C99 type."""
        return "float" if self is DType.FLOAT32 else f"{self.value}_t"


@dataclass(frozen=True)
class Quant:
    """real = scale * (q - zero_point); one scale per slice of `axis`, or one for all.

    `nearest`: products are rounded to this scale once, to the nearest, as ONNX runtimes round what
    they compute in float; otherwise twice, as TFLite does.
    """

    scale: tuple[float, ...]
    zero_point: int = 0
    axis: int | None = None
    nearest: bool = False

    @lazy
    def bad_scale(self) -> float | None:
        """The first scale that is no finite number above 0, if there is one."""
        return next((s for s in self.scale if not 0.0 < s < inf), None)

    @lazy
    def ends(self) -> tuple[float, float]:
        """The least and the largest scale."""
        return min(self.scale), max(self.scale)


@dataclass(frozen=True, eq=False)
class Tensor:
    """A value of the graph; compared by identity: equal content is not the same tensor."""

    name: str
    shape: tuple[int, ...]  # NHWC, batch included
    dtype: DType
    quant: Quant | None = None
    data: Array | None = field(default=None, repr=False)  # None: computed at run time

    @lazy
    def elements(self) -> int:
        """Number of elements."""
        return prod(self.shape)

    @lazy
    def bytes(self) -> int:
        """Size in memory."""
        return self.elements * self.dtype.itemsize

    @lazy
    def rows(self) -> int:
        """Number of rows: image rows of (1, h, w, c), tokens of (1, t, c) or (t, c).

        Rows follow each other in memory; a vector is one row.
        """
        return prod(self.shape[: 2 if len(self.shape) > 2 else 1]) if len(self.shape) > 1 else 1

    @lazy
    def row_bytes(self) -> int:
        """Bytes from one row to the next."""
        return self.bytes // max(self.rows, 1)

    @property
    def is_constant(self) -> bool:
        """True when the value is in the model file."""
        return self.data is not None

    @property
    def scale(self) -> float:
        """The per-tensor scale; `verify` has made sure there is one where an op asks for it."""
        assert self.quant is not None
        return self.quant.scale[0]

    @property
    def zero_point(self) -> int:
        """The per-tensor zero point, 0 for a tensor without quantization."""
        return self.quant.zero_point if self.quant is not None else 0

    def values(self) -> Array:
        """Return the constant's data, in the tensor's shape and dtype.

        The op's check has made sure that the tensor is a constant.
        """
        assert self.data is not None, self.name
        return self.data


# one element stands for all of an array whose values are not known
_INT8, _INT32 = (np.zeros((), dtype.numpy) for dtype in (DType.INT8, DType.INT32))


@cache
def unknown(shape: tuple[int, ...], dtype: DType) -> Array:
    """Weights or biases of a network that is only costed: of any `shape`, int8 or int32.

    They read as zeros and take the memory of one element. A copy of such an array is one of zeros.
    """
    return np.broadcast_to(_INT8 if dtype is DType.INT8 else _INT32, shape)


def is_unknown(values: Array) -> bool:
    """True for what `unknown` made, and for views of it."""
    base = values.base
    return base is _INT8 or base is _INT32


def picked(values: Array, rows: Index) -> Array:
    """Copy `rows` of a constant: (rows, ..) in its dtype; what is unknown stays so."""
    if is_unknown(values):
        return unknown((len(rows), *values.shape[1:]), DType(values.dtype.name))
    return np.ascontiguousarray(values[rows])


Tensors = tuple[Tensor, ...]  # the inputs of an operator, constants included


def unique(tensors: Iterable[Tensor]) -> Tensors:
    """The distinct tensors, by identity, in the order met."""
    return tuple({id(t): t for t in tensors}.values())
