# SPDX-License-Identifier: Apache-2.0
"""Lookup answers what its table says, and is called by the table's name."""

from __future__ import annotations

import numpy as np
import pytest

from mcuforge.compiler.ops.tables.lookup import Lookup
from mcuforge.compiler.tensors import DType, Quant, Tensor
from mcuforge.errors import InternalError

X = Tensor("x", (256,), DType.INT8, Quant((0.1,), 5))
OUT = Tensor("out", (256,), DType.INT8, Quant((0.2,), -3))


def test_entry_i_answers_the_value_128_below_i() -> None:
    table = tuple((i * 77 + 13) % 256 - 128 for i in range(256))
    values = np.arange(-128, 128).astype(np.int8)
    np.testing.assert_array_equal(Lookup("mix", table).evaluate((X,), OUT, [values]), table)


def test_reports_call_it_by_what_the_table_computes() -> None:
    assert Lookup("gelu", (0,) * 256).title == "gelu"


@pytest.mark.parametrize("table", [(0,) * 255, (0,) * 255 + (128,), (-129,) + (0,) * 255])
def test_a_table_that_is_not_256_int8_values_is_our_fault(table: tuple[int, ...]) -> None:
    with pytest.raises(InternalError, match="table 'short' is not 256 int8 values"):
        Lookup("short", table)
