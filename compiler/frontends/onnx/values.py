# SPDX-License-Identifier: Apache-2.0
"""Defines what a name of an ONNX file stands for while the file is read.

Values
├── Constant   a value known while reading, perhaps quantized
├── Edge       an input of the model that is not quantized yet
├── Stored     an 8-bit tensor of the graph, or the reals its DequantizeLinear gives
└── Deferred   a float result (work.py); a QuantizeLinear gives its scale and makes it integer
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from mcuforge.compiler.frontends.common import SCALE_LIMITS
from mcuforge.compiler.frontends.onnx.layout import Shape, View
from mcuforge.compiler.tensors import Array, Quant
from mcuforge.errors import Refusal

Real = NDArray[np.float64]
Interval = tuple[float, float]  # the least and the largest real value
Float = NDArray[np.float32]
OFFSET = {"int8": 0, "uint8": 128}  # subtracted from a value to store it as int8


@dataclass(frozen=True)
class Scheme:
    """The quantization of an activation in the graph, which stores int8."""

    scale: float
    zero_point: int  # of the int8 form
    dtype: str = "int8"  # in the file: int8, or uint8, which the graph stores less 128

    @property
    def quant(self) -> Quant:
        """The same quantization in the graph's form."""
        return Quant((self.scale,), self.zero_point, nearest=True)

    @property
    def key(self) -> tuple[float, int]:
        """Equal for two schemes that are the same in the graph."""
        return (self.scale, self.zero_point)

    @classmethod
    def covering(cls, low: float, high: float) -> "Scheme":
        """Return the finest int8 scheme that holds 0 and all values from `low` to `high`.

        Raises Refusal for a range that no scale fits.
        """
        low, high = min(low, 0.0), max(high, 0.0)
        scale = float(np.float32((high - low) / 255.0)) if high > low else 1.0
        if not SCALE_LIMITS[0] <= scale <= SCALE_LIMITS[1]:
            raise Refusal(
                f"its values span {low:g} to {high:g}, expected a range that fits a scale",
                "quantize it too, with calibration data that exercises it",
            )
        return cls(scale, int(np.clip(-128 - round(low / scale), -128, 127)))

    def reals(self) -> Float:
        """Dequantize the stored values -128 to 127 as DequantizeLinear does: float32 (256,)."""
        steps = np.arange(-128, 128, dtype=np.float32) - np.float32(self.zero_point)
        with np.errstate(over="ignore"):
            return np.float32(self.scale) * steps

    def holds(self, value: float) -> bool:
        """True where a stored value stands for `value` exactly, in float32."""
        return bool((self.reals() == np.float32(value)).any())

    def store(self, real: Float) -> NDArray[np.int8]:
        """Quantize as QuantizeLinear does: divide in float32, round halves to even, clamp.

        Returns int8 of real's shape; NaN is stored as the lowest value, as onnxruntime does.
        """
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            ratio = real / np.float32(self.scale)
            steps = np.rint(np.nan_to_num(ratio, nan=-1e9, posinf=1e9, neginf=-1e9))
            return np.clip(steps + self.zero_point, -128, 127).astype(np.int8)


@dataclass(frozen=True, eq=False)
class ConstantQuant:
    """real = scale * (q - zero_point); both have one element, or one per slice of `axis`."""

    scale: Real
    zero_point: NDArray[np.int64]
    axis: int | None

    def shape(self, rank: int) -> Shape:
        """Return the shape in which both broadcast to data of `rank` dimensions."""
        if self.axis is None:
            return (1,)
        return tuple(self.scale.size if place == self.axis else 1 for place in range(rank))


class Value:
    """Anything that a name may stand for; `shape` is the file's."""

    shape: Shape


@dataclass(frozen=True, eq=False)
class Constant(Value):
    """Values known while reading; with `quant` they are the dequantized `data`."""

    name: str
    data: Array
    quant: ConstantQuant | None = None

    @property
    def shape(self) -> Shape:  # type: ignore[override]
        return self.data.shape

    @cached_property
    def real(self) -> Real:
        """The real numbers, float64 of the data's shape: not rounded to float32."""
        if self.quant is None:
            with np.errstate(invalid="ignore"):
                return self.data.astype(np.float64)
        shape = self.quant.shape(self.data.ndim)
        zero, scale = self.quant.zero_point.reshape(shape), self.quant.scale.reshape(shape)
        result: Real = (self.data.astype(np.float64) - zero) * scale
        return result

    @property
    def float(self) -> Float:
        """The real numbers as onnxruntime computes with them: float32 of the data's shape."""
        with np.errstate(over="ignore", under="ignore"):
            return self.real.astype(np.float32)

    @property
    def is_real(self) -> bool:
        """True for floats, stored or dequantized."""
        return self.quant is not None or self.data.dtype.kind == "f"

    @property
    def scheme(self) -> Scheme | None:
        """The scheme of 8-bit data with one scale; None for any other constant."""
        name = self.data.dtype.name
        if self.quant is None or self.quant.axis is not None or name not in OFFSET:
            return None
        return Scheme(float(self.quant.scale[0]), int(self.quant.zero_point[0]) - OFFSET[name])


@dataclass(frozen=True, eq=False)
class Edge(Value):
    """An input of the model: float32 before QuantizeLinear, 8-bit before DequantizeLinear."""

    name: str
    shape: Shape
    dtype: str


@dataclass(frozen=True, eq=False)
class Stored(Value):
    """A tensor of the graph under the file's shape; `real` after its DequantizeLinear."""

    view: View
    scheme: Scheme
    real: bool

    @property
    def shape(self) -> Shape:  # type: ignore[override]
        return self.view.shape


@dataclass(frozen=True, eq=False)
class Broken(Value):
    """The result of a refused node: nodes that read it are not checked."""

    shape: Shape = ()
