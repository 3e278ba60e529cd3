# SPDX-License-Identifier: Apache-2.0
"""Elementwise maximum or minimum of two int8 tensors of one quantization, with broadcasting."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from mcuforge.compiler.calls import Blank, Call, Params
from mcuforge.compiler.ops.common.broadcast import BroadcastOp, broadcast, check_broadcast, operands
from mcuforge.compiler.ops.common.checks import want_int8, want_same_quant
from mcuforge.compiler.tensors import Array, Arrays, Tensor, Tensors
from mcuforge.compiler.work import Work


@dataclass(frozen=True)
class Extremum(BroadcastOp):
    """The larger or smaller of a and b, whose shapes broadcast to the output's."""

    @property
    @abstractmethod
    def largest(self) -> bool:
        """True for the larger of two elements, False for the smaller."""

    def check(self, inputs: Tensors, output: Tensor) -> None:
        for tensor in inputs:
            want_int8(tensor)
            want_same_quant(tensor, output)
        want_int8(output)
        check_broadcast(inputs, output)

    def evaluate(self, inputs: Tensors, output: Tensor, values: Arrays) -> Array:
        a, b = (v.astype(np.int8) for v in values)
        chosen = np.maximum(a, b) if self.largest else np.minimum(a, b)
        return chosen.reshape(output.shape)

    def calls(self, inputs: Tensors, output: Tensor, isa: str) -> tuple[Call, ...]:
        a, b = inputs
        walk = broadcast(a.shape, b.shape)
        params = Params("extremum_params", (*walk.fields(), ("largest", int(self.largest))))
        return (Call("extremum_s8", (*operands(inputs), output, Blank.PARAMS), params),)

    def work(self, inputs: Tensors, output: Tensor) -> Work:
        return replace(super().work(inputs, output), kernel="extremum_s8")


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
