# SPDX-License-Identifier: Apache-2.0
"""Samples of elementwise operators in transformers, with and without a reference in 2.14."""

from __future__ import annotations

import numpy as np
from tflite import ActivationFunctionType as Act

from mcuforge.compiler.builders.tflite_writer import ModelSpec, OperatorSpec, TensorSpec
from mcuforge.compiler.ops.div import Div
from mcuforge.compiler.ops.mean import Mean
from mcuforge.compiler.ops.reshape import Reshape
from mcuforge.compiler.ops.squared_difference import SquaredDifference
from mcuforge.compiler.ops.sum import Sum
from mcuforge.compiler.ops.tables.abs import Abs
from mcuforge.compiler.ops.tables.elu import Elu
from mcuforge.compiler.ops.tables.exp import Exp
from mcuforge.compiler.ops.tables.gelu import Gelu
from mcuforge.compiler.ops.tables.log import Log
from mcuforge.compiler.ops.tables.neg import Neg
from mcuforge.compiler.ops.tables.rsqrt import Rsqrt
from mcuforge.compiler.ops.tables.sqrt import Sqrt
from mcuforge.compiler.ops.tables.square import Square
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
        "MEAN over features",
        (TOKENS, ints(-1)),
        (Operand((1, 4), 0.1, 2),),
        ("ReducerOptions", {}),
        Mean((2,)),
        Reshape(),
    ),
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
    sample("ELU", (ROW,), (OUT,), None, Elu()),
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
        "SUM over features",
        (TOKENS, ints(2)),
        (Operand((1, 4), 0.1, 2),),
        ("ReducerOptions", {}),
        Sum((2,)),
        Reshape(),
    ),
    sample(
        "SUM keeps dimensions",
        (TOKENS, ints(2)),
        (Operand((1, 4, 1), 0.1, 2),),
        ("ReducerOptions", {"KeepDims": True}),
        Sum((2,)),
    ),
)


def float_island() -> ModelSpec:
    """1 / sqrt(x + 0.1) and a quotient of two tensors, in float between DEQUANTIZE and QUANTIZE."""
    shape = (1, 4, 6)
    tensors = (
        TensorSpec("x", shape, "int8", (0.05,), (-128,)),
        TensorSpec("b", shape, "int8", (0.03,), (-128,)),
        TensorSpec("real_x", shape, "float32"),
        TensorSpec("real_b", shape, "float32"),
        TensorSpec("epsilon", (1,), "float32", data=np.array([0.1], np.float32)),
        TensorSpec("above", shape, "float32"),
        TensorSpec("root", shape, "float32"),
        TensorSpec("one", (), "float32", data=np.array(1.0, np.float32)),
        TensorSpec("inverse", shape, "float32"),
        TensorSpec("y", shape, "int8", (0.01,), (-128,)),
        TensorSpec("ratio", shape, "float32"),
        TensorSpec("z", shape, "int8", (0.1,), (-128,)),
    )
    operators = (
        OperatorSpec("DEQUANTIZE", (0,), (2,)),
        OperatorSpec("DEQUANTIZE", (1,), (3,)),
        OperatorSpec("ADD", (2, 4), (5,), ("AddOptions", {})),
        OperatorSpec("SQRT", (5,), (6,)),
        OperatorSpec("DIV", (7, 6), (8,), ("DivOptions", {})),
        OperatorSpec("QUANTIZE", (8,), (9,)),
        OperatorSpec("DIV", (2, 3), (10,), ("DivOptions", {})),
        OperatorSpec("QUANTIZE", (10,), (11,)),
    )
    return ModelSpec(tensors, operators, (0, 1), (9, 11))
