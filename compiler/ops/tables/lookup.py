# SPDX-License-Identifier: Apache-2.0
"""Any function of one int8 element, as a table that the compiler got or computed."""

from dataclasses import dataclass, field

import numpy as np

from mcuforge.compiler.ops.common.fixed_point import Int64
from mcuforge.compiler.ops.tables.table import TableOp
from mcuforge.compiler.tensors import Tensor
from mcuforge.errors import InternalError

LOWEST, HIGHEST = -128, 127


@dataclass(frozen=True)
class Lookup(TableOp):
    """A function of int8, any shape, any quantization; exact, since the table is the meaning.

    `table[i]` answers the stored value i - 128. `name` says what it computes: "gelu".
    """

    name: str
    table: tuple[int, ...] = field(repr=False)

    def __post_init__(self) -> None:
        """Raise InternalError unless there are 256 int8 answers, one per value."""
        wanted = HIGHEST - LOWEST + 1
        if len(self.table) != wanted or not all(LOWEST <= v <= HIGHEST for v in self.table):
            raise InternalError(f"table '{self.name}' is not {wanted} int8 values")

    @property
    def title(self) -> str:
        return self.name

    def answers(self, x: Tensor, output: Tensor, values: Int64) -> Int64:
        found: Int64 = np.array(self.table, np.int64)[values - LOWEST]
        return found
