# SPDX-License-Identifier: Apache-2.0
"""The arms of operators on elements that transformers have, and those without a reference."""

from __future__ import annotations

from tflite import ActivationFunctionType as Act

from mcuforge.compiler.ops.abs import Abs
from mcuforge.compiler.ops.div import Div
from mcuforge.compiler.ops.exp import Exp
from mcuforge.compiler.ops.gelu import Gelu
from mcuforge.compiler.ops.log import Log
from mcuforge.compiler.ops.neg import Neg
from mcuforge.compiler.ops.rsqrt import Rsqrt
from mcuforge.compiler.ops.sqrt import Sqrt
from mcuforge.compiler.ops.square import Square
from mcuforge.compiler.ops.squared_difference import SquaredDifference
from mcuforge.compiler.ops.sum import Sum
from tests.golden.case import Operand
from tests.models.samples import ROW, ints, rows, sample

TOKENS = rows(1, 4, 6)
POSITIVE = Operand((1, 6), 0.1, -128)
OUT = Operand((1, 6), 0.2, 4)
TWO = Operand((1,), 2.0 / 127.0, data=(127,))

JUDGED = (
    sample("ABS", (ROW,), (OUT,), ("AbsOptions", {}), Abs()),
    sample("EXP", (ROW,), (OUT,), ("ExpOptions", {}), Exp()),
    sample("GELU", (ROW,), (OUT,), ("GeluOptions", {}), Gelu()),
    sample("GELU by tanh", (ROW,), (OUT,), ("GeluOptions", {"Approximate": True}), Gelu(True)),
    sample("RSQRT", (POSITIVE,), (OUT,), None, Rsqrt()),
    sample(
        "SQUARED_DIFFERENCE",
        (TOKENS, rows(1, 4, 1)),
        (Operand((1, 4, 6), 0.9, -128),),
        ("SquaredDifferenceOptions", {}),
        SquaredDifference(),
    ),
)

# In int8 tflite-runtime 2.14 has none of them, or a wrong one.
UNJUDGED = (
    sample("DIV", (ROW, ROW), (OUT,), ("DivOptions", {}), Div()),
    sample(
        "DIV then relu6",
        (ROW, ROW),
        (OUT,),
        ("DivOptions", {"FusedActivationFunction": Act.RELU6}),
        Div("relu6"),
    ),
    sample("LOG", (ROW,), (OUT,), None, Log()),
    sample("NEG", (ROW,), (OUT,), ("NegOptions", {}), Neg()),
    sample("POW", (ROW, TWO), (OUT,), ("PowOptions", {}), Square()),
    sample("SQRT", (ROW,), (OUT,), None, Sqrt()),
    sample("SQUARE", (ROW,), (OUT,), ("SquareOptions", {}), Square()),
    sample(
        "SUM",
        (TOKENS, ints(-1, 1)),
        (Operand((1,), 0.1, 2),),
        ("ReducerOptions", {}),
        Sum((1, 2)),
    ),
    sample(
        "SUM keeps dimensions",
        (TOKENS, ints(2)),
        (Operand((1, 4, 1), 0.1, 2),),
        ("ReducerOptions", {"KeepDims": True}),
        Sum((2,)),
    ),
)
