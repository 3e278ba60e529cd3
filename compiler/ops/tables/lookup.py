# SPDX-License-Identifier: Apache-2.0
"""Any function of one int8 element, as a table the compiler was given or worked out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from mcuforge.compiler.ops.common.fixed_point import Int64
from mcuforge.compiler.ops.tables.table import TableOp
from mcuforge.compiler.tensors import Tensor
from mcuforge.errors import InternalError

LOWEST, HIGHEST = -128, 127


@dataclass(frozen=True)
class Lookup(TableOp):
    """int8, any shape, any quantisation; exact, since the table is the meaning.

    `table[i]` answers the stored value i - 128. `name` says what it computes: "gelu".
    """

    kind: ClassVar[str] = "lookup"
    name: str
    table: tuple[int, ...] = field(repr=False)

    def __post_init__(self) -> None:
        """Raise InternalError unless there is an int8 answer for each of the 256 values."""
        wanted = HIGHEST - LOWEST + 1
        if len(self.table) != wanted or not all(LOWEST <= v <= HIGHEST for v in self.table):
            raise InternalError(f"table '{self.name}' is not {wanted} int8 values")

    @property
    def title(self) -> str:
        return self.name

    def answers(self, x: Tensor, output: Tensor, values: Int64) -> Int64:
        found: Int64 = np.array(self.table, np.int64)[values - LOWEST]
        return found
