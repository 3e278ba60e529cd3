# SPDX-License-Identifier: Apache-2.0
"""Samples of operators that gather, stack, unstack, repeat and select."""

from __future__ import annotations

from mcuforge.compiler.frontends.extremes import TURN
from mcuforge.compiler.ops.arg_extremum import ArgMax, ArgMin
from mcuforge.compiler.ops.broadcast_to import BroadcastTo
from mcuforge.compiler.ops.concatenation import Concatenation
from mcuforge.compiler.ops.extremum import Maximum, Minimum
from mcuforge.compiler.ops.gather import Gather
from mcuforge.compiler.ops.max_pool2d import MaxPool2D
from mcuforge.compiler.ops.reshape import Reshape
from mcuforge.compiler.ops.resize_nearest import PickPixels
from mcuforge.compiler.ops.slice import Slice
from tests.golden.case import Operand
from tests.models.samples import ints, rows, sample

MASK = Operand((2, 3), dtype="bool", data=(1, 0, 1, 0, 0, 1))

GATHERING = (
    sample(
        "REVERSE_V2",
        (rows(1, 5, 3), ints(1)),
        (rows(1, 5, 3),),
        ("ReverseV2Options", {}),
        Slice((0, 4, 0), (1, -1, 1)),
    ),
    sample(
        "GATHER",
        (rows(1, 5, 3), ints(4, 0, 1)),
        (rows(1, 3, 3),),
        ("GatherOptions", {"Axis": 1}),
        Gather(1, (4, 0, 1)),
    ),
    sample(
        "GATHER of one token",
        (rows(1, 5, 3), Operand((), dtype="int32", data=(2,))),
        (rows(1, 3),),
        ("GatherOptions", {"Axis": -2}),
        Slice((0, 2, 0), (1, 1, 1)),
        Reshape(),
    ),
    sample(
        "GATHER backwards",
        (rows(1, 5, 3), ints(4, 2, 0, dtype="int64")),
        (rows(1, 3, 3),),
        ("GatherOptions", {"Axis": 1}),
        Slice((0, 4, 0), (1, -2, 1)),
    ),
    sample(
        "PACK",
        (rows(1, 3), Operand((1, 3), 0.1, -7, data="random"), rows(1, 3)),
        (rows(1, 3, 3),),
        ("PackOptions", {"Axis": 1, "ValuesCount": 3}),
        Reshape(),
        Reshape(),
        Concatenation(1),
    ),
    sample(
        "PACK of one",
        (rows(1, 3),),
        (rows(1, 3, 1),),
        ("PackOptions", {"Axis": -1, "ValuesCount": 1}),
        Reshape(),
    ),
    sample(
        "UNPACK",
        (rows(1, 2, 3),),
        (rows(1, 3), rows(1, 3)),
        ("UnpackOptions", {"Axis": 1, "Num": 2}),
        Slice((0, 0, 0), (1, 1, 1)),
        Reshape(),
        Slice((0, 1, 0), (1, 1, 1)),
        Reshape(),
    ),
    sample(
        "UNPACK of one",
        (rows(1, 3),),
        (rows(3),),
        ("UnpackOptions", {"Axis": 0, "Num": 1}),
        Reshape(),
    ),
    sample(
        "BROADCAST_TO",
        (rows(1, 1, 3), ints(1, 4, 3)),
        (rows(1, 4, 3),),
        ("BroadcastToOptions", {}),
        BroadcastTo(),
    ),
    sample(
        "SELECT",
        (
            Operand((1, 3), dtype="bool", data=(1, 0, 1)),
            rows(1, 3),
            Operand((1, 3), 0.1, -7, data="random"),
        ),
        (rows(1, 3),),
        ("SelectOptions", {}),
        Minimum(),
        Maximum(),
    ),
    sample(
        "SELECT_V2 of a mask's lowest value",
        (MASK, rows(1, 2, 3), Operand((), 0.1, -7, data=(-128,))),
        (rows(1, 2, 3),),
        ("SelectV2Options", {}),
        Minimum(),
    ),
    sample(
        "SELECT_V2 of the highest value, and broadcasts",
        (MASK, Operand((), 0.1, -7, data=(127,)), rows(1, 1, 3)),
        (rows(1, 2, 3),),
        ("SelectV2Options", {}),
        Maximum(),
    ),
    sample(
        "SELECT_V2 of a value between",
        (MASK, Operand((), 0.1, -7, data=(5,)), rows(1, 2, 3)),
        (rows(1, 2, 3),),
        ("SelectV2Options", {}),
        Minimum(),
        Maximum(),
    ),
    sample(
        "SELECT_V2 of two run-time values",
        (MASK, rows(1, 2, 3), rows(1, 2, 1)),
        (rows(1, 2, 3),),
        ("SelectV2Options", {}),
        Minimum(),
        Minimum(),
        Maximum(),
    ),
)

BLOCKS = (
    sample(
        "DEPTH_TO_SPACE",
        (rows(1, 2, 3, 8),),
        (rows(1, 4, 6, 2),),
        ("DepthToSpaceOptions", {"BlockSize": 2}),
        Reshape(),
        PickPixels((0, 1), (0, 1, 4, 5, 8, 9, 2, 3, 6, 7, 10, 11)),
        Reshape(),
    ),
    sample(
        "SPACE_TO_DEPTH",
        (rows(1, 4, 6, 2),),
        (rows(1, 2, 3, 8),),
        ("SpaceToDepthOptions", {"BlockSize": 2}),
        Reshape(),
        PickPixels((0, 1), (0, 1, 6, 7, 2, 3, 8, 9, 4, 5, 10, 11)),
        Reshape(),
    ),
    sample(
        "SPACE_TO_DEPTH by three",
        (rows(1, 3, 6, 1),),
        (rows(1, 1, 2, 9),),
        ("SpaceToDepthOptions", {"BlockSize": 3}),
        Reshape(),
        PickPixels((0,), (0, 1, 2, 6, 7, 8, 12, 13, 14, 3, 4, 5, 9, 10, 11, 15, 16, 17)),
        Reshape(),
    ),
)

EXTREMES = (
    sample(
        "REDUCE_MAX",
        (rows(1, 5, 4, 3), ints(1, 2)),
        (rows(1, 3),),
        ("ReducerOptions", {}),
        MaxPool2D((5, 4)),
        Reshape(),
    ),
    sample(
        "REDUCE_MAX of channels",
        (rows(1, 5, 4, 3), ints(-1)),
        (rows(1, 5, 4, 1),),
        ("ReducerOptions", {"KeepDims": True}),
        Reshape(),
        MaxPool2D((1, 3)),
        Reshape(),
    ),
    sample(
        "REDUCE_MAX of two axes apart",
        (rows(1, 5, 4, 3), ints(1, 3)),
        (rows(1, 4),),
        ("ReducerOptions", {}),
        Reshape(),
        MaxPool2D((1, 3)),
        Reshape(),
        MaxPool2D((5, 1)),
        Reshape(),
    ),
    sample(
        "REDUCE_MIN",
        (rows(1, 6, 3), ints(1)),
        (rows(1, 1, 3),),
        ("ReducerOptions", {"KeepDims": True}),
        TURN,
        Reshape(),
        MaxPool2D((6, 1)),
        TURN,
        Reshape(),
    ),
    sample(
        "ARG_MAX",
        (rows(1, 6, 3), ints(-1)),
        (Operand((1, 6), dtype="int32"),),
        ("ArgMaxOptions", {"OutputType": 2}),
        ArgMax(2),
        Reshape(),
    ),
    sample(
        "ARG_MIN",
        (rows(1, 6, 3), ints(-1)),
        (Operand((1, 6), dtype="int32"),),
        ("ArgMinOptions", {"OutputType": 2}),
        ArgMin(2),
        Reshape(),
    ),
    sample(
        "ARG_MIN int64",
        (rows(1, 6, 3), ints(1)),
        (Operand((1, 3), dtype="int64"),),
        ("ArgMinOptions", {"OutputType": 4}),
        ArgMin(1),
    ),
)

# 2.14 takes a single axis
UNJUDGED = (
    sample(
        "REVERSE_V2 of two axes",
        (rows(1, 5, 3), ints(-1, 1)),
        (rows(1, 5, 3),),
        ("ReverseV2Options", {}),
        Slice((0, 4, 2), (1, -1, -1)),
    ),
)
