# SPDX-License-Identifier: Apache-2.0
"""Makes the graph's tensors from a file's: checks types, sizes, quantization and constants.

The shapes of inputs and constants are the file's. Those of computed tensors follow from what their
operators do, as in TFLite's interpreter: where a batch is open, converters leave placeholders.
"""

import math
from collections.abc import Iterable
from dataclasses import replace
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
from mcuforge.compiler.frontends.tflite.shifted import moved
from mcuforge.compiler.ops.common.checks import WrongShape
from mcuforge.compiler.ops.common.fixed_point import RANGE, Int64
from mcuforge.compiler.tensors import Array, DType, Quant, Tensor
from mcuforge.errors import Advice, Phase, Refusal

TYPES = {dtype.value: dtype for dtype in DType} | {"int64": DType.INT32}  # indices fit int32
INTEGER_TYPES: dict[str, np.dtype[np.generic]] = {
    "int32": np.dtype("<i4"),
    "int64": np.dtype("<i8"),
}
CONSTANT_TYPES = INTEGER_TYPES | {"bool": np.dtype("?"), "float32": np.dtype("<f4")}
STORED_TYPES = CONSTANT_TYPES | {"int8": np.dtype("i1")}  # what FILL fills with too

LARGEST_FLOAT32 = float(np.finfo(np.float32).max)
QUANTIZE = Advice(
    "convert to full int8: converter.optimizations = [tf.lite.Optimize.DEFAULT], "
    "representative_dataset set, "
    "target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]",
    Phase.QUANTIZE,
)
TYPE_HINTS = {
    "int16": Advice(
        "convert with int8 activations: "
        "target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]",
        Phase.QUANTIZE,
    ),
    "int4": Advice(
        "convert with int8 weights: "
        "target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]",
        Phase.QUANTIZE,
    ),
    "float16": Advice(
        "full-integer instead of float16 quantization: drop "
        "target_spec.supported_types = [tf.float16] and give a representative_dataset",
        Phase.QUANTIZE,
    ),
}
FIX_SHAPE = Advice(
    "convert with fixed shapes and batch 1: "
    "tf.keras.Input(shape=..., batch_size=1), or TFLiteConverter.from_concrete_functions",
    Phase.EXPORT,
)


class Values:
    """The tensors of one file, made at the first request. Its methods raise Refusal."""

    def __init__(self, model: RawModel, *, legacy: bool = False, whole: bool = False) -> None:
        self.model = model
        self.legacy = legacy  # all of uint8 is read as int8
        self.batch = 1 if whole else batch_of(model)  # samples that are read as one
        unique = Unique()
        self.names = tensor_names(model, unique)
        self.fresh = unique.take  # gives a name that is not taken yet
        self._raw = list(model.tensors)
        self._made: dict[int, Tensor] = {}
        self._known: dict[int, Array] = {}  # results computed while reading
        if self.batch > 1:
            for index in model.inputs:
                self.reshape(index, (1, *self._raw[index].shape[1:]))
        for operator in model.operators:
            for index in operator.outputs:
                shape = self._raw[index].shape
                if self._raw[index].span is None and min(shape, default=1) < 1:
                    self.reshape(index, tuple(max(n, 1) for n in shape))

    def raw(self, index: int) -> RawTensor:
        """Return the tensor as stored, with its corrected shape."""
        return self._raw[index]

    @property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """The shapes of all tensors, those of computed ones as far as they are known."""
        return tuple(raw.shape for raw in self._raw)

    def is_constant(self, index: int) -> bool:
        """True where the file holds the value, or it was computed from such values, or is empty."""
        raw = self.raw(index)
        return index in self._known or raw.span is not None or 0 in raw.shape

    def know(self, index: int, value: Array) -> None:
        """Record the value of a tensor computed while reading."""
        self._known[index] = value.astype(STORED_TYPES[self.raw(index).type_name])
        self.reshape(index, value.shape)

    def reshape(self, index: int, shape: tuple[int, ...]) -> None:
        """Give a computed tensor the shape that its operator computes."""
        self._raw[index] = replace(self._raw[index], shape=shape)
        self._made.pop(index, None)

    def corrected(self, indices: Iterable[int], wrong: WrongShape) -> bool:
        """Give one of these tensors the shape its operator computes; False if none is `wrong`."""
        for index in indices:
            if self._made.get(index) is wrong.tensor and min(wrong.shape, default=1) >= 1:
                self.reshape(index, wrong.shape)
                return True
        return False

    def tensor(self, index: int) -> Tensor:
        """Return the graph's tensor with this number: the same object each time."""
        if index not in self._made:
            self._made[index] = self._make(index)
        return self._made[index]

    def constant(self, index: int) -> Array:
        """Return a constant that the graph does not hold: integers, truth values, real numbers.

        It has the file's dtype and its own shape. It is small, except for what `know` recorded.
        """
        if index in self._known:
            return self._known[index]
        raw, name = self.raw(index), self.names[index]
        if raw.type_name not in STORED_TYPES:
            known = ", ".join(STORED_TYPES)
            raise contradiction(f"'{name}' is {raw.type_name}, expected one of {known}")
        check_shape(raw, name, DType.INT8)
        return self._data(raw, name, STORED_TYPES[raw.type_name])

    def integers(self, index: int) -> Int64:
        """Return a constant list of integers (axes, paddings, sizes) as int64, in its own shape."""
        raw, name = self.raw(index), self.names[index]
        if raw.type_name not in INTEGER_TYPES:
            raise contradiction(f"'{name}' is {raw.type_name}, expected a list of int32 or int64")
        if prod(raw.shape) > LARGEST_INTEGER_LIST or min(raw.shape, default=0) < 0:
            raise contradiction(
                f"'{name}' has shape {list(raw.shape)}, "
                f"expected a list of at most {LARGEST_INTEGER_LIST} integers"
            )
        if index in self._known:
            return self._known[index].astype(np.int64)
        if raw.span is None and prod(raw.shape) > 0:
            raise Refusal(f"'{name}' is computed at run time, expected a constant", FIX_SHAPE)
        return self._data(raw, name, INTEGER_TYPES[raw.type_name]).astype(np.int64)

    def unbatched(self, shape: tuple[int, ...], elements: int) -> tuple[int, ...]:
        """Take one sample's part of a shape that the file states for all samples of its batch."""
        of_all = self.batch > 1 and len(shape) > 0 and -1 not in shape
        if of_all and prod(shape) == self.batch * elements and shape[0] % self.batch == 0:
            return (shape[0] // self.batch, *shape[1:])
        return shape

    def want_unmixed(self, index: int) -> None:
        """Refuse a computed tensor that is not one of every sample, one after the other."""
        whole, mine = self.model.tensors[index].shape, self.raw(index).shape
        if self.batch > 1 and (not mine or whole != (self.batch * mine[0], *mine[1:])):
            raise Refusal(
                f"'{self.names[index]}' has shape {list(whole)} for {self.batch} samples and "
                f"{list(mine)} for one, supported: samples side by side in the first dimension",
                FIX_SHAPE,
            )

    def want_usual_scales(self, indices: Iterable[int]) -> None:
        """Refuse activations on scales so small or large that float32 products of them overflow."""
        low, high = SCALE_LIMITS
        for index in indices:
            stored = None if index < 0 or self.is_constant(index) else self.raw(index).quantization
            if stored is None or self.raw(index).type_name not in ("int8", "uint8"):
                continue
            odd = next((s for s in stored.scale if 0.0 < s < low or high < s < math.inf), None)
            if odd is not None:
                raise _scale_refusal(self.names[index], odd, low, high)

    def _make(self, index: int) -> Tensor:
        raw, name = self.raw(index), self.names[index]
        dtype = _dtype(raw, name)
        if index in self._known:
            value = self._known[index].astype(np.int32 if dtype is DType.INT32 else dtype.numpy)
            return Tensor(name, value.shape, dtype, _quant(raw, name, dtype), value)
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
        data = None if raw.span is None else self._constant_of(raw, name, dtype)
        tensor = Tensor(name, raw.shape, dtype, _quant(raw, name, dtype), data)
        return moved(tensor) if self.legacy and dtype is DType.UINT8 else tensor

    def _constant_of(self, raw: RawTensor, name: str, dtype: DType) -> Array:
        """Return a constant's values; int64 ones as int32. Raises Refusal where they do not fit."""
        if raw.type_name != "int64":
            return self._data(raw, name, dtype.numpy)
        values = self._data(raw, name, INTEGER_TYPES["int64"])
        low, high = RANGE[DType.INT32]
        if values.size and (values.min() < low or values.max() > high):
            raise Refusal(
                f"'{name}' holds {int(values.min())} to {int(values.max())}, "
                "expected numbers that fit int32",
                "use smaller constants: mcuforge computes int64 in int32",
            )
        return values.astype(dtype.numpy)

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


def batch_of(model: RawModel) -> int:
    """Find how many samples the model takes at once: the first dimension of all of its inputs."""
    shapes = [model.tensors[index].shape for index in model.inputs]
    firsts = {shape[0] if len(shape) > 1 else 1 for shape in shapes}
    return max(firsts.pop(), 1) if len(firsts) == 1 else 1


def check_shape(raw: RawTensor, name: str, dtype: DType) -> None:
    """Refuse dimensions below 1, and tensors too large for any microcontroller."""
    if min(raw.shape, default=1) < 1:
        raise Refusal(
            f"'{name}' has shape {list(raw.shape)}, expected 1 or more in each dimension", FIX_SHAPE
        )
    want_bytes(f"'{name}'", prod(raw.shape) * dtype.itemsize, FEWER)


def _scale_refusal(name: str, scale: float, low: float, high: float) -> Refusal:
    return Refusal(
        f"'{name}' has scale {scale:.6g}, expected above {low:g} and up to {high:g}",
        "quantize again with a representative dataset that exercises this tensor",
    )


def _dtype(raw: RawTensor, name: str) -> DType:
    if raw.type_name not in TYPES:
        raise Refusal(
            f"'{name}' is {raw.type_name}, supported: int8, uint8, int32, int64 and float32",
            TYPE_HINTS.get(raw.type_name, QUANTIZE),
        )
    return TYPES[raw.type_name]


def sound_quantization(raw: RawTensor) -> RawQuantization | None:
    """Return a tensor's quantization, a constant's with harmless contradictions put right.

    A bias keeps the axis of the weights that it belongs to (3, of a vector), or one zero point for
    many scales. Where just one dimension has as many elements as there are scales, they are its.
    """
    stored = raw.quantization
    if stored is None or raw.span is None or len(stored.scale) < 2:
        return stored
    fitting = [axis for axis, size in enumerate(raw.shape) if size == len(stored.scale)]
    axis = fitting[0] if len(fitting) == 1 else stored.axis
    zeros = stored.zero_point or (0,)
    zero_point = zeros * len(stored.scale) if len(zeros) == 1 else zeros
    return replace(stored, axis=axis, zero_point=zero_point)


def _quant(raw: RawTensor, name: str, dtype: DType) -> Quant | None:
    """Read a tensor's quantization; int32 may have odd scales: kernels do not read them."""
    stored = sound_quantization(raw)
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
    high = LARGEST_FLOAT32 if raw.span is None or prod(raw.shape) == 1 else SCALE_LIMITS[1]
    odd = next((s for s in stored.scale if not (math.isfinite(s) and 0.0 < s <= high)), None)
    if odd is not None:
        raise _scale_refusal(name, odd, 0.0, high)
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
