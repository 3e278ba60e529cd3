# SPDX-License-Identifier: Apache-2.0
"""What a name of an ONNX file stands for while it is read.

Values
├── Constant   known now, perhaps quantized
├── Edge       an input of the model nobody has quantized yet
├── Stored     an 8-bit tensor of the graph, or what its DequantizeLinear makes of it
└── Deferred   a float result (work.py); a QuantizeLinear gives its scale and makes it integer
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from mcuforge.compiler.frontends.onnx.layout import Shape, View
from mcuforge.compiler.ir import Array, Quant

Real = NDArray[np.float64]
Float = NDArray[np.float32]
OFFSET = {"int8": 0, "uint8": 128}  # what is taken off to store it as int8


@dataclass(frozen=True)
class Scheme:
    """The quantization of an activation as the graph stores it: int8."""

    scale: float
    zero_point: int  # of the int8 form
    dtype: str = "int8"  # the file's: int8 or uint8, which is stored less 128

    @property
    def quant(self) -> Quant:
        """The graph's form of it."""
        return Quant((self.scale,), self.zero_point, nearest=True)

    @property
    def key(self) -> tuple[float, int]:
        """What makes two schemes the same in the graph."""
        return (self.scale, self.zero_point)

    def reals(self) -> Float:
        """Dequantize the stored values -128 to 127 as DequantizeLinear does: float32 (256,)."""
        steps = np.arange(-128, 128, dtype=np.float32) - np.float32(self.zero_point)
        return np.float32(self.scale) * steps

    def store(self, real: Float) -> NDArray[np.int8]:
        """Quantize as QuantizeLinear does: divide in float32, round halves to even, clamp.

        Returns int8 of real's shape; NaN is stored as zero.
        """
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            ratio = real / np.float32(self.scale)
            steps = np.rint(np.nan_to_num(ratio, nan=0.0, posinf=1e9, neginf=-1e9))
            return np.clip(steps + self.zero_point, -128, 127).astype(np.int8)


@dataclass(frozen=True, eq=False)
class ConstantQuant:
    """real = scale * (q - zero_point), both of one element or one per slice of `axis`."""

    scale: Real
    zero_point: NDArray[np.int64]
    axis: int | None


class Value:
    """Anything a name may stand for; `shape` is the file's."""

    shape: Shape


@dataclass(frozen=True, eq=False)
class Constant(Value):
    """Values known while reading; with `quant` they are what DequantizeLinear makes of `data`."""

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
            return self.data.astype(np.float64)
        scale, zero = self.quant.scale, self.quant.zero_point
        if self.quant.axis is not None:
            spread = [1] * self.data.ndim
            spread[self.quant.axis] = scale.size
            scale, zero = scale.reshape(spread), zero.reshape(spread)
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


@dataclass(frozen=True, eq=False)
class Edge(Value):
    """An input of the model: float32 until quantized, int8 or uint8 until dequantized."""

    name: str
    shape: Shape
    dtype: str


@dataclass(frozen=True, eq=False)
class Stored(Value):
    """A tensor of the graph under the file's shape; `real` once it is dequantized."""

    view: View
    scheme: Scheme
    real: bool

    @property
    def shape(self) -> Shape:  # type: ignore[override]
        return self.view.shape


@dataclass(frozen=True, eq=False)
class Broken(Value):
    """The result of a node that was refused: what reads it is not looked at."""

    shape: Shape = ()
