# SPDX-License-Identifier: Apache-2.0
"""Any function of one int8 element with float32 answers, as a table."""

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from mcuforge.compiler.calls import Blank, Blob, Call, kernel_call
from mcuforge.compiler.ops.common.by_row import RowwiseOp
from mcuforge.compiler.ops.common.checks import want_dtype, want_int8, want_shape
from mcuforge.compiler.tensors import Array, Arrays, DType, Tensor, Tensors
from mcuforge.compiler.work import Counts, Work


@dataclass(frozen=True)
class TableReal(RowwiseOp):
    """A function of int8 of any shape, in float32 of the same shape; the table is the meaning.

    `table[i]` answers the stored value i - 128. `name` says what it computes: "tanh".
    """

    kernel_name: ClassVar[str] = "lookup_f32"
    name: str
    table: tuple[float, ...] = field(repr=False)

    @property
    def title(self) -> str:
        return self.name

    def check(self, inputs: Tensors, output: Tensor) -> None:
        want_int8(inputs[0])
        want_dtype(output, DType.FLOAT32)
        want_shape(output, inputs[0].shape)

    def evaluate(self, inputs: Tensors, output: Tensor, values: Arrays) -> Array:
        places = values[0].astype(np.int64) + 128
        return np.asarray(np.array(self.table, np.float32)[places]).reshape(output.shape)

    def call(self, inputs: Tensors, output: Tensor) -> Call:
        by_byte = np.roll(np.array(self.table, np.float32), 128)  # the raw byte is the index
        arguments = (inputs[0], Blob("table", by_byte), output, Blank.PARAMS)
        return kernel_call(self.kernel_name, *arguments, count=output.elements)

    def work(self, inputs: Tensors, output: Tensor) -> Work:
        return Work(self.kernel_name, Counts(call=1, output=output.elements))
