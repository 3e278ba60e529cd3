# SPDX-License-Identifier: Apache-2.0
"""Elementwise minimum of two int8 tensors of one quantisation, with broadcasting."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from mcuforge.compiler.ir import Array, Tensor
from mcuforge.compiler.ops.base import Call, Params, Slot
from mcuforge.compiler.ops.common.broadcast import BroadcastOp, broadcast, check_broadcast, operands
from mcuforge.compiler.ops.common.checks import want_int8, want_same_quant


@dataclass(frozen=True)
class Minimum(BroadcastOp):
    """inputs: a, b of shapes that broadcast to the output's."""

    kind: ClassVar[str] = "minimum"

    def check(self, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        for tensor in inputs:
            want_int8(tensor)
            want_same_quant(tensor, output)
        want_int8(output)
        check_broadcast(inputs, output)

    def evaluate(
        self, inputs: tuple[Tensor, ...], output: Tensor, values: Sequence[Array]
    ) -> Array:
        a, b = (v.astype(np.int8) for v in values)
        return np.minimum(a, b).reshape(output.shape)

    def calls(self, inputs: tuple[Tensor, ...], output: Tensor, isa: str) -> tuple[Call, ...]:
        a, b = inputs
        params = Params("minimum_params", broadcast(a.shape, b.shape).fields())
        return (Call("minimum_s8", (*operands(inputs), output, Slot.PARAMS), params),)
