# SPDX-License-Identifier: Apache-2.0
"""A golden case: one operator with its operands, as data; the reference gives the answers."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from mcuforge.compiler.builders.tflite_writer import Field
from mcuforge.compiler.graph import Op
from mcuforge.compiler.tensors import Array

Number = int | float
Data = None | Literal["random", "extremes"] | tuple[Number, ...]

BIAS_EXTREME = 2**30  # an int32 bias this large still leaves room for the sum of products


@dataclass(frozen=True)
class Operand:
    """One input or output of a case; real = scale * (q - zero_point).

    `data` None is a run-time tensor; "random" a constant over the whole range (weights without
    -128), "extremes" a constant of range ends only; a tuple holds the values in row-major order.
    """

    shape: tuple[int, ...]
    scale: float | tuple[float, ...] | None = None
    zero_point: int = 0
    dtype: str = "int8"
    axis: int = 0  # the quantized dimension when there are several scales
    data: Data = None


@dataclass(frozen=True, eq=False)  # known by identity: a dict of options has no hash
class Case:
    """One operator as TFLite names it: op "CONV_2D", options ("Conv2DOptions", {"StrideH": 2}).

    The option fields are the tflite package's: <Table>Add<Field>. Padding and activations are
    the schema's integers (tflite.Padding.SAME).
    """

    name: str
    op: str
    inputs: tuple[Operand, ...]
    outputs: tuple[Operand, ...]
    options: tuple[str, Mapping[str, Field]] | None = None


@dataclass(frozen=True, eq=False)
class OwnCase:
    """One operator of our own meaning, which no TFLite file can state."""

    name: str
    op: Op
    inputs: tuple[Operand, ...]
    output: Operand


AnyCase = Case | OwnCase


def constant(case: str, index: int, operand: Operand) -> Array | None:
    """The data of a constant operand, seeded by the case's name and its place; None at run time."""
    if operand.data is None:
        return None
    dtype = np.dtype(operand.dtype)
    if isinstance(operand.data, tuple):
        return np.array(operand.data, dtype).reshape(operand.shape)
    rng = np.random.default_rng(zlib.crc32(f"{case}/{index}".encode()))
    if dtype.kind == "f":
        spread = rng.standard_normal(operand.shape)
        return (np.sign(spread) * 1e4 if operand.data == "extremes" else spread).astype(dtype)
    low, high = range_ends(operand)
    if operand.data == "extremes":
        return rng.choice(np.array([low, high], np.int64), operand.shape).astype(dtype)
    if dtype == np.int8:
        low = -127
    if dtype == np.int32:
        low, high = -(2**15), 2**15
    return rng.integers(low, high, operand.shape, endpoint=True).astype(dtype)


def range_ends(operand: Operand) -> tuple[int, int]:
    """The smallest and largest value "extremes" and all-min or all-max feeds use."""
    dtype = np.dtype(operand.dtype)
    if dtype == np.int32:
        return (-BIAS_EXTREME, BIAS_EXTREME)
    if dtype == np.bool_:
        return (0, 1)
    limits = np.iinfo(dtype)
    return (int(limits.min), int(limits.max))
