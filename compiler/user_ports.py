# SPDX-License-Identifier: Apache-2.0
"""Inputs and outputs between the form a user's file has them in and the form the graph has."""

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from mcuforge.compiler.graph import Graph, Port
from mcuforge.compiler.ops.common.fixed_point import RANGE, Int64
from mcuforge.compiler.tensors import Array, DType, Tensor

FORWARD: Mapping[str, np.ufunc] = MappingProxyType(
    {"add": np.add, "subtract": np.subtract, "multiply": np.multiply, "divide": np.divide}
)
BACKWARD: Mapping[str, np.ufunc] = MappingProxyType(
    {"add": np.subtract, "subtract": np.add, "multiply": np.divide, "divide": np.multiply}
)
REACH = 2.0**20  # a quotient this far from zero saturates at every zero point


def port_of(graph: Graph, tensor: Tensor) -> Port:
    """How the user's file has an input or output; the tensor as it is where it says nothing."""
    plain = Port(tensor.dtype.value, tensor.shape, tuple(range(len(tensor.shape))))
    return graph.ports.get(tensor.name, plain)


def to_graph(x: Array, port: Port, tensor: Tensor) -> Array:
    """The file's values (samples, *port.shape) as the graph's (samples, *tensor.shape).

    Real values (float32) of a quantized tensor are quantized as ONNX QuantizeLinear does it:
    round(x / scale) + zero_point, halves to even, saturated, after the port's steps. uint8 values
    are moved by the port's shift.
    """
    if x.dtype == np.float32 and tensor.dtype is not DType.FLOAT32:
        stored = quantized(_prepared(x, port), tensor).astype(tensor.dtype.numpy)
    else:
        stored = (x.astype(np.int64) - port.shift).astype(tensor.dtype.numpy) if port.shift else x
        stored = stored.astype(tensor.dtype.numpy, copy=False)  # int64 as int32
    turned = stored.transpose(0, *(axis + 1 for axis in port.perm))
    return np.ascontiguousarray(turned).reshape(len(x), *tensor.shape)


def to_file(values: Array, port: Port, tensor: Tensor) -> Array:
    """The graph's values (samples, *tensor.shape) as the file has them (samples, *port.shape).

    Where the file has real values: scale * (q - zero_point) in float32, as DequantizeLinear, and
    what the port's steps turn into that.
    """
    turned = values.reshape(len(values), *(port.shape[axis] for axis in port.perm))
    stored = turned.transpose(0, *(int(axis) + 1 for axis in np.argsort(port.perm)))
    if port.dtype == DType.FLOAT32.value and tensor.dtype is not DType.FLOAT32:
        zeroed = (stored.astype(np.int64) - tensor.zero_point).astype(np.float32)
        return np.ascontiguousarray(_unprepared(zeroed * np.float32(tensor.scale), port))
    if port.shift:
        stored = stored.astype(np.int64) + port.shift
    return np.ascontiguousarray(stored.astype(port.dtype))


def _prepared(x: Array, port: Port) -> NDArray[np.float32]:
    """Take the port's steps with real values, each rounded to float32: of x's shape."""
    values = x.astype(np.float32)
    with np.errstate(over="ignore", under="ignore"):
        for step in port.steps:
            values = FORWARD[step.kind](values, step.operand.astype(np.float32))
    return values


def _unprepared(values: NDArray[np.float32], port: Port) -> NDArray[np.float32]:
    """Find what the port's steps turn into `values`: float32 of their shape."""
    found = values.astype(np.float64)
    for step in reversed(port.steps):
        found = BACKWARD[step.kind](found, step.operand.astype(np.float64))
    return found.astype(np.float32)


def quantized(x: Array, tensor: Tensor) -> Int64:
    """Compute round(x / scale) + zero_point in float32, halves to even, saturated.

    Returns int64 of x's shape; NaN becomes the smallest value.
    """
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        ratio = x.astype(np.float32) / np.float32(tensor.scale)
    held = np.clip(np.where(np.isnan(ratio), -REACH, ratio), -REACH, REACH)
    low, high = RANGE[tensor.dtype]
    shifted: Int64 = np.clip(np.rint(held).astype(np.int64) + tensor.zero_point, low, high)
    return shifted
