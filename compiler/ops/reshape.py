# SPDX-License-Identifier: Apache-2.0
"""The same bytes under another shape: RESHAPE, SQUEEZE, EXPAND_DIMS."""

from dataclasses import dataclass
from typing import ClassVar

from mcuforge.compiler.calls import Call, Reads
from mcuforge.compiler.ops.common.by_row import RowwiseOp
from mcuforge.compiler.ops.common.checks import shape_refusal, want_dtype, want_same_quant
from mcuforge.compiler.tensors import Array, Arrays, DType, Tensor, Tensors


@dataclass(frozen=True)
class Reshape(RowwiseOp):
    """Gives any dtype and shape another shape with as many elements; needs no kernel."""

    input_types: ClassVar[tuple[DType, ...]] = tuple(DType)

    def check(self, inputs: Tensors, output: Tensor) -> None:
        x = inputs[0]
        want_dtype(output, x.dtype)
        want_same_quant(x, output)
        if x.elements != output.elements:
            raise shape_refusal(
                f"tensor '{x.name}' has {x.elements} elements, "
                f"its new shape {list(output.shape)} holds {output.elements}"
            )

    def evaluate(self, inputs: Tensors, output: Tensor, values: Arrays) -> Array:
        return values[0].reshape(output.shape)

    def row_reads(self, inputs: Tensors, output: Tensor) -> tuple[Reads | None, ...] | None:
        """Read row for row if rows keep their size; otherwise it cannot run by rows."""
        return super().row_reads(inputs, output) if inputs[0].rows == output.rows else None

    def calls(self, inputs: Tensors, output: Tensor, isa: str) -> tuple[Call, ...]:
        return ()

    @property
    def is_view(self) -> bool:
        return True
