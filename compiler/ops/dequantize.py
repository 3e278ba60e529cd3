# SPDX-License-Identifier: Apache-2.0
"""Dequantization from int8 or uint8 to float32: scale * (q - zero_point)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from mcuforge.compiler.calls import Blank, Call, Params, Reads
from mcuforge.compiler.graph import Op
from mcuforge.compiler.ops.common.by_row import (
    calls_on_rows,
    element_reads,
    row_input,
    same_row_reads,
)
from mcuforge.compiler.ops.common.checks import want_dtype, want_quant, want_shape
from mcuforge.compiler.tensors import Array, Arrays, DType, Tensor, Tensors
from mcuforge.compiler.work import Work, vector_counts


@dataclass(frozen=True)
class Dequantize(Op):
    """Dequantizes int8 or uint8 of any shape to float32 of the same shape.

    The product of two float32 is rounded once, so it equals the reference's, which goes through
    double.
    """

    kind: ClassVar[str] = "dequantize"
    input_types: ClassVar[tuple[DType, ...]] = (DType.INT8, DType.UINT8)

    def check(self, inputs: Tensors, output: Tensor) -> None:
        want_dtype(inputs[0], *self.input_types)
        want_quant(inputs[0])
        want_dtype(output, DType.FLOAT32)
        want_shape(output, inputs[0].shape)

    def evaluate(self, inputs: Tensors, output: Tensor, values: Arrays) -> Array:
        centred = values[0].astype(np.int32) - inputs[0].zero_point
        with np.errstate(over="ignore", under="ignore"):
            return np.float32(inputs[0].scale) * centred.astype(np.float32)

    def reads(self, inputs: Tensors, output: Tensor) -> tuple[Reads | None, ...]:
        return (element_reads(inputs[0], output),)

    def row_reads(self, inputs: Tensors, output: Tensor) -> tuple[Reads | None, ...] | None:
        return (same_row_reads(inputs[0], output),)

    def row_calls(self, inputs: Tensors, output: Tensor, isa: str) -> tuple[Call, ...]:
        return calls_on_rows(self, (row_input(inputs[0]),), output, isa)

    def calls(self, inputs: Tensors, output: Tensor, isa: str) -> tuple[Call, ...]:
        x = inputs[0]
        params = Params(
            "dequantize_params",
            (
                ("count", output.elements),
                ("scale", x.scale),
                ("zero_point", x.zero_point),
                ("is_signed", int(x.dtype is DType.INT8)),
            ),
        )
        return (Call("dequantize_f32", (x, output, Blank.PARAMS), params),)

    def work(self, inputs: Tensors, output: Tensor) -> Work:
        return Work("dequantize_f32", vector_counts(output))
