# SPDX-License-Identifier: Apache-2.0
"""Makes the graph's tensors from a file's: checks types, sizes, quantization and constants."""

import math
from math import prod

import numpy as np

from mcuforge.compiler.frontends.common import (
    FEWER,
    LARGEST_INTEGER_LIST,
    SCALE_LIMITS,
    Unique,
    contradiction,
    want_bytes,
)
from mcuforge.compiler.frontends.tflite.file import RawModel, RawQuantization, RawTensor
from mcuforge.compiler.frontends.tflite.names import tensor_names
from mcuforge.compiler.ops.common.fixed_point import RANGE, Int64
from mcuforge.compiler.tensors import Array, DType, Quant, Tensor
from mcuforge.errors import Advice, Refusal, Step

TYPES = {dtype.value: dtype for dtype in DType}
INTEGER_TYPES: dict[str, np.dtype[np.generic]] = {
    "int32": np.dtype("<i4"),
    "int64": np.dtype("<i8"),
}

QUANTIZE = Advice(
    "convert to full int8: converter.optimizations = [tf.lite.Optimize.DEFAULT], "
    "representative_dataset set, "
    "target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]",
    Step.QUANTIZE,
)
TYPE_HINTS = {
    "int16": Advice(
        "convert with int8 activations: "
        "target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]",
        Step.QUANTIZE,
    ),
    "int4": Advice(
        "convert with int8 weights: "
        "target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]",
        Step.QUANTIZE,
    ),
    "float16": Advice(
        "full-integer instead of float16 quantization: drop "
        "target_spec.supported_types = [tf.float16] and give a representative_dataset",
        Step.QUANTIZE,
    ),
}
FIX_SHAPE = Advice(
    "convert with fixed shapes and batch 1: "
    "tf.keras.Input(shape=..., batch_size=1), or TFLiteConverter.from_concrete_functions",
    Step.EXPORT,
)


class Values:
    """The tensors of one file, made at the first request. Its methods raise Refusal."""

    def __init__(self, model: RawModel) -> None:
        self.model = model
        unique = Unique()
        self.names = tensor_names(model, unique)
        self.fresh = unique.take  # gives a name that is not taken yet
        self._made: dict[int, Tensor] = {}
        self._known: dict[int, Int64] = {}  # results of shape arithmetic

    def raw(self, index: int) -> RawTensor:
        """Return the tensor as stored."""
        return self.model.tensors[index]

    def is_constant(self, index: int) -> bool:
        """True where the file holds the value, or it was computed from such values, or is empty."""
        raw = self.raw(index)
        return index in self._known or raw.span is not None or 0 in raw.shape

    def know(self, index: int, value: Int64) -> None:
        """Record the value of a tensor computed while reading."""
        self._known[index] = value

    def tensor(self, index: int) -> Tensor:
        """Return the graph's tensor with this number: the same object each time."""
        if index not in self._made:
            self._made[index] = self._make(index)
        return self._made[index]

    def integers(self, index: int) -> Int64:
        """Return a constant list of integers (axes, paddings, sizes) as int64, in its own shape."""
        if index in self._known:
            return self._known[index]
        raw, name = self.raw(index), self.names[index]
        if raw.type_name not in INTEGER_TYPES:
            raise contradiction(f"'{name}' is {raw.type_name}, expected a list of int32 or int64")
        if prod(raw.shape) > LARGEST_INTEGER_LIST or min(raw.shape, default=0) < 0:
            raise contradiction(
                f"'{name}' has shape {list(raw.shape)}, "
                f"expected a list of at most {LARGEST_INTEGER_LIST} integers"
            )
        if raw.span is None and prod(raw.shape) > 0:
            raise Refusal(f"'{name}' is computed at run time, expected a constant", FIX_SHAPE)
        return self._data(raw, name, INTEGER_TYPES[raw.type_name]).astype(np.int64)

    def _make(self, index: int) -> Tensor:
        raw, name = self.raw(index), self.names[index]
        dtype = _dtype(raw, name)
        if index in self._known:
            value = self._known[index]
            return Tensor(name, value.shape, DType.INT32, None, value.astype(np.int32))
        if raw.variable:
            raise Refusal(
                f"'{name}' is a variable that keeps its value between inferences, "
                "supported: models without state",
                "unroll the recurrent layer (unroll=True), or pass the state in and out",
            )
        if raw.sparse:
            raise Refusal(
                f"'{name}' is stored as a sparse tensor, supported: dense",
                "convert without tf.lite.Optimize.EXPERIMENTAL_SPARSITY",
            )
        check_shape(raw, name, dtype)
        data = None if raw.span is None else self._data(raw, name, dtype.numpy)
        return Tensor(name, raw.shape, dtype, _quant(raw, name, dtype), data)

    def _data(self, raw: RawTensor, name: str, dtype: np.dtype[np.generic]) -> Array:
        """Return a constant's values: a view of the file, never a copy."""
        offset, size = raw.span or (0, 0)
        wanted = prod(raw.shape) * dtype.itemsize
        if size != wanted:
            raise Refusal(
                f"'{name}' has {size} bytes of data, its shape {list(raw.shape)} needs {wanted}",
                "export or copy the file again: it contradicts itself",
            )
        values = np.frombuffer(self.model.data, dtype, prod(raw.shape), offset if size else 0)
        return values.reshape(raw.shape)


def check_shape(raw: RawTensor, name: str, dtype: DType) -> None:
    """Refuse dimensions below 1, and tensors too large for any microcontroller."""
    if min(raw.shape, default=1) < 1:
        raise Refusal(
            f"'{name}' has shape {list(raw.shape)}, expected 1 or more in each dimension", FIX_SHAPE
        )
    want_bytes(f"'{name}'", prod(raw.shape) * dtype.itemsize, FEWER)


def _dtype(raw: RawTensor, name: str) -> DType:
    if raw.type_name not in TYPES:
        raise Refusal(
            f"'{name}' is {raw.type_name}, supported: int8, uint8, int32 and float32",
            TYPE_HINTS.get(raw.type_name, QUANTIZE),
        )
    return TYPES[raw.type_name]


def _quant(raw: RawTensor, name: str, dtype: DType) -> Quant | None:
    """Read a tensor's quantization; int32 may have odd scales: kernels do not read them."""
    stored = raw.quantization
    if stored is None or dtype is DType.FLOAT32:
        return None
    if dtype is DType.INT32:
        return None if _bias_is_odd(stored, raw.shape) else _made_quant(stored, 0)
    if stored.custom:
        raise Refusal(
            f"'{name}' is quantized by a custom scheme, supported: scales and zero points", QUANTIZE
        )
    count = len(stored.scale)
    if count > 1 and not 0 <= stored.axis < len(raw.shape):
        raise contradiction(
            f"'{name}' has scales along axis {stored.axis}, but {len(raw.shape)} dimensions"
        )
    if count > 1 and raw.shape[stored.axis] != count:
        raise contradiction(
            f"'{name}' has {count} scales for {raw.shape[stored.axis]} slices of axis "
            f"{stored.axis}, expected one per slice"
        )
    low, high = SCALE_LIMITS if raw.span is None else (0.0, SCALE_LIMITS[1])
    for scale in stored.scale:
        if not (math.isfinite(scale) and low <= scale <= high and scale > 0.0):
            raise Refusal(
                f"'{name}' has scale {scale:.6g}, expected above {low:g} and up to {high:g}",
                "quantize again with a representative dataset that exercises this tensor",
            )
    return _made_quant(stored, _zero_point(stored, name, dtype))


def _zero_point(stored: RawQuantization, name: str, dtype: DType) -> int:
    zeros = stored.zero_point or (0,)
    if len(zeros) not in (1, len(stored.scale)):
        raise contradiction(
            f"'{name}' has {len(zeros)} zero points for {len(stored.scale)} scales, "
            "expected one, or one per scale"
        )
    if any(zero != zeros[0] for zero in zeros):
        raise Refusal(
            f"'{name}' has zero points from {min(zeros)} to {max(zeros)}, supported: one for all",
            "quantize per-channel weights symmetrically",
        )
    low, high = RANGE[dtype]
    if not low <= zeros[0] <= high:
        raise contradiction(
            f"'{name}' has zero point {zeros[0]}, expected {low} to {high} for {dtype.value}"
        )
    return zeros[0]


def _bias_is_odd(stored: RawQuantization, shape: tuple[int, ...]) -> bool:
    if len(stored.scale) > 1 and shape != (len(stored.scale),):
        return True
    return stored.custom or not all(math.isfinite(s) and s > 0.0 for s in stored.scale)


def _made_quant(stored: RawQuantization, zero_point: int) -> Quant:
    return Quant(stored.scale, zero_point, stored.axis if len(stored.scale) > 1 else None)
