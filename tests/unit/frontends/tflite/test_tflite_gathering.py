# SPDX-License-Identifier: Apache-2.0
"""What GATHER, PACK, UNPACK, BROADCAST_TO and REVERSE_V2 are refused for."""

from __future__ import annotations

import pytest

from mcuforge.compiler.builders.tflite_writer import Field
from mcuforge.compiler.frontends.tflite.reader import read_tflite
from mcuforge.errors import CompileError
from tests.golden.case import Case, Operand
from tests.models.case_model import case_model
from tests.models.samples import ints, rows

Options = tuple[str, dict[str, Field]]


@pytest.mark.parametrize(
    ("op", "inputs", "outputs", "options", "what"),
    [
        (
            "REVERSE_V2",
            (rows(1, 5, 3), ints(-1, 1)),
            (rows(1, 5, 3),),
            ("ReverseV2Options", {}),
            "it reverses 2 axes, of which tflite-runtime 2.14 reverses the first alone",
        ),
        (
            "GATHER",
            (rows(1, 5, 3), ints(0, 5, 4)),
            (rows(1, 3, 3),),
            ("GatherOptions", {"Axis": 1}),
            "index 5 of axis 1, which has 5 elements",
        ),
        (
            "GATHER",
            (rows(1, 5, 3), ints(-1, 2, 0)),
            (rows(1, 3, 3),),
            ("GatherOptions", {"Axis": 1}),
            "index -1 of axis 1",
        ),
        (
            "GATHER",
            (rows(1, 5, 3), ints(1, 2)),
            (rows(1, 2, 3),),
            ("GatherOptions", {"Axis": 3}),
            "axis 3 is outside its 3 dimensions",
        ),
        (
            "GATHER",
            (rows(1, 2, 3), Operand((1, 2, 2), dtype="int32", data=(0, 1, 2, 0))),
            (rows(1, 2, 2),),
            ("GatherOptions", {"Axis": 2, "BatchDims": 2}),
            "it gathers with batch_dims 2 from [1, 2, 3]",
        ),
        (
            "GATHER",
            (rows(1, 5, 3), Operand((2,), dtype="int32")),
            (rows(1, 2, 3),),
            ("GatherOptions", {"Axis": 1}),
            "is computed at run time, expected a constant",
        ),
        (
            "GATHER",
            (rows(1, 500), ints(*(i * i % 499 for i in range(1, 200)))),
            (rows(1, 199),),
            ("GatherOptions", {"Axis": 1}),
            "progressions of equal steps, supported: up to 64",
        ),
        (
            "PACK",
            (rows(1, 3), rows(1, 4)),
            (rows(1, 2, 3),),
            ("PackOptions", {"Axis": 1, "ValuesCount": 2}),
            "its inputs differ in shape, expected one shape",
        ),
        (
            "PACK",
            (rows(1, 3), Operand((1, 3), 0.2, -7)),
            (rows(1, 2, 3),),
            ("PackOptions", {"Axis": 1, "ValuesCount": 2}),
            "differ in scale or zero point",
        ),
        (
            "UNPACK",
            (rows(1, 3, 2),),
            (rows(1, 2), rows(1, 2)),
            ("UnpackOptions", {"Axis": 1, "Num": 2}),
            "it unpacks 3 elements of axis 1 into 2, but has 2 outputs",
        ),
        (
            "BROADCAST_TO",
            (rows(1, 3, 2), ints(1, 4, 2)),
            (rows(1, 4, 2),),
            ("BroadcastToOptions", {}),
            "shape [1, 3, 2] of 'in0' does not repeat to [1, 4, 2]",
        ),
        (
            "BROADCAST_TO",
            (rows(1, 3, 2), ints(3, 2)),
            (rows(3, 2),),
            ("BroadcastToOptions", {}),
            "does not repeat to [3, 2]",
        ),
    ],
)
def test_what_no_copy_gives_is_refused(
    op: str,
    inputs: tuple[Operand, ...],
    outputs: tuple[Operand, ...],
    options: Options,
    what: str,
) -> None:
    with pytest.raises(CompileError) as caught:
        read_tflite(case_model(Case("odd", op, inputs, outputs, options)))
    assert what in caught.value.what
    assert f"operator 0 {op}" in caught.value.where
    assert caught.value.hint
