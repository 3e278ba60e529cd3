# SPDX-License-Identifier: Apache-2.0
"""The interface of an instruction set: packed weights, and prices of kernels."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import ClassVar, TypeVar

import numpy as np
from numpy.typing import NDArray

from mcuforge.compiler.isa.channels import Channels, Int32
from mcuforge.compiler.tensors import Array
from mcuforge.compiler.work import Counts
from mcuforge.errors import InternalError
from mcuforge.runtime_c.sources import PORTABLE, kernel_names

FOLDER = Path(__file__).resolve().parent

Number = TypeVar("Number", np.int8, np.int32)

MAX_TAPS = 50  # of a depthwise filter, MCUFORGE_DEPTHWISE_PACKED_TAPS: their addresses are kept


@dataclass(frozen=True, eq=False)
class Packed:
    """Weights and channel constants as one int32 array, in the order the kernel reads them.

    depth: values of a filter as packed, zeros at its end included. most_words: of the array, where
    no weight is -128, as quantizers see to. scratch_bytes: what the kernel needs in the arena while
    it runs; odd_bytes: what it needs besides if the number of channels is not a multiple of four.
    """

    pack: Callable[[], Int32]  # the array, int32 (words,); not called before it is written out
    depth: int
    most_words: int
    scratch_bytes: int = 0
    odd_bytes: int = 0


class InstructionSet:
    """The kernels of one instruction set, their prices, and the weight layouts they read.

    `name`: its folder here and in runtime_c/src. The base class packs nothing. A layout method
    returns None to leave the layer to the portable kernel.
    """

    name: ClassVar[str] = PORTABLE
    pixels: ClassVar[int] = 1  # that conv2d_packed_s8 computes together
    fills_up: ClassVar[bool] = False  # three pixels left over are computed as four, others alone
    values: ClassVar[int] = 4  # of a filter that kernels read at a time
    in_vectors: ClassVar[bool] = False  # rows of taps are copied so many at a time, too
    vector_filters: ClassVar[int] = 4  # of a block of fully_connected_packed_s8
    lanes: ClassVar[int] = 4  # channels of a block of depthwise_conv2d_packed_s8
    taps: ClassVar[int] = 1  # of a channel that it reads at a time
    slides: ClassVar[bool] = False  # along rows of the image, if filters are 3x3
    lists_all: ClassVar[bool] = False  # it looks up the taps of every window by themselves

    @property
    def packed_kernels(self) -> frozenset[str]:
        """The kernels that read packed weights: those of its folder without a portable twin."""
        return _packed_kernels(self.name)

    def price(self, kernel: str) -> Counts:
        """Return the instructions of each thing `kernel` does; InternalError without a price."""
        found = prices(self.name).get(kernel)
        if found is None:
            raise InternalError(
                f"kernel '{kernel}' has no price on {self.name}: fit it on a board of that "
                f"instruction set with python -m scripts.calibrate_cost fit BOARD, which writes "
                f"compiler/isa/{self.name}/prices.toml"
            )
        return found

    def rounds_mixed(self, right: Int32, multiplier: Int32) -> bool:
        """Whether kernels have an ending of their own, and take pixels alone, for such channels.

        right, multiplier: as in `Channels`, one per channel, or one for all.
        """
        return False

    def words_of_large_weights(self, filters: int, taps: int) -> int:
        """Words that packed filters take besides if their weights are large; 0: no more."""
        return 0

    def conv2d(self, filters: Array, channels: Channels) -> Packed | None:
        """Pack for conv2d_packed_s8. filters: int8 (co, kh * kw * ci), one group."""
        return None

    def fully_connected(self, filters: Array, channels: Channels) -> Packed | None:
        """Pack for fully_connected_packed_s8, one vector. filters: int8 (co, ci)."""
        return None

    def depthwise_conv2d(self, filters: Array, channels: Channels) -> Packed | None:
        """Pack for depthwise_conv2d_packed_s8. filters: int8 (kh, kw, c), one per channel."""
        return None


def rounded_up(count: int, step: int) -> int:
    """Round `count` up to a multiple of `step`."""
    return -(-count // step) * step


def padded(values: NDArray[Number], shape: tuple[int, ...]) -> NDArray[Number]:
    """Pad `values` with zeros at the end of every axis to `shape`; the dtype stays."""
    result: NDArray[Number] = np.zeros(shape, values.dtype)
    result[tuple(slice(size) for size in values.shape)] = values
    return result


def in_groups(values: NDArray[Number], size: int) -> NDArray[Number]:
    """Cut values into (groups, size), filled up with zeros; the dtype stays."""
    return padded(values, (rounded_up(len(values), size),)).reshape(-1, size)


def words(rows: NDArray[np.int8]) -> Int32:
    """Read int8 rows (n, ..), whole words each, as little-endian words: int32 (n, bytes / 4)."""
    return np.ascontiguousarray(rows).reshape(len(rows), -1).view("<i4").astype(np.int32)


def stream(*columns: Int32) -> Int32:
    """Put the parts (n, ..) of each of n groups side by side, group after group: int32 (words,)."""
    return np.concatenate(columns, axis=1).reshape(-1).astype(np.int32)


def price_file(name: str) -> Path:
    """Return the file of an instruction set's prices."""
    return FOLDER / name / "prices.toml"


@cache
def prices(name: str) -> Mapping[str, Counts]:
    """Read the price of each kernel of an instruction set from <name>/prices.toml.

    `like` names the set whose prices hold for the kernels that the file does not list.
    """
    table = tomllib.loads(price_file(name).read_text(encoding="utf-8"))
    like = table.pop("like", None)
    known = dict(prices(like)) if like else {}
    known |= {kernel: Counts(**of_kernel) for kernel, of_kernel in table.items()}
    return {kernel: known[kernel] for kernel in kernel_names(name) if kernel in known}


@cache
def _packed_kernels(name: str) -> frozenset[str]:
    return frozenset(kernel_names(name)) - frozenset(kernel_names())
