# SPDX-License-Identifier: Apache-2.0
"""Elementwise maximum or minimum of two int8 tensors of one quantization, with broadcasting."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from mcuforge.compiler.calls import Fields
from mcuforge.compiler.ops.common.broadcast import BroadcastOp
from mcuforge.compiler.ops.common.checks import want_same_quant
from mcuforge.compiler.tensors import Array, Arrays, Tensor, Tensors


@dataclass(frozen=True)
class Extremum(BroadcastOp):
    """The larger or smaller of a and b, whose shapes broadcast to the output's."""

    kernel_name: ClassVar[str] = "extremum_s8"

    @property
    @abstractmethod
    def largest(self) -> bool:
        """True for the larger of two elements, False for the smaller."""

    def check(self, inputs: Tensors, output: Tensor) -> None:
        super().check(inputs, output)
        for tensor in inputs:
            want_same_quant(tensor, output)

    def evaluate(self, inputs: Tensors, output: Tensor, values: Arrays) -> Array:
        a, b = (v.astype(np.int8) for v in values)
        chosen = np.maximum(a, b) if self.largest else np.minimum(a, b)
        return chosen.reshape(output.shape)

    def fields(self, inputs: Tensors, output: Tensor) -> Fields:
        return {"largest": int(self.largest)}


@dataclass(frozen=True)
class Maximum(Extremum):
    """The larger of two elements."""

    kind: ClassVar[str] = "maximum"
    largest: ClassVar[bool] = True


@dataclass(frozen=True)
class Minimum(Extremum):
    """The smaller of two elements."""

    kind: ClassVar[str] = "minimum"
    largest: ClassVar[bool] = False
