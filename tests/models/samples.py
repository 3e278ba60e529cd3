# SPDX-License-Identifier: Apache-2.0
"""One small model per arm of the TFLite front end, with the operators it becomes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import tflite

from mcuforge.compiler.builders.tflite_writer import Field, ModelSpec, OperatorSpec, TensorSpec
from mcuforge.compiler.graph import Op
from mcuforge.compiler.ops.add import Add
from mcuforge.compiler.ops.average_pool2d import AveragePool2D
from mcuforge.compiler.ops.batch_matmul import BatchMatMul
from mcuforge.compiler.ops.concatenation import Concatenation
from mcuforge.compiler.ops.conv2d import Conv2D
from mcuforge.compiler.ops.depthwise_conv2d import DepthwiseConv2D
from mcuforge.compiler.ops.dequantize import Dequantize
from mcuforge.compiler.ops.extremum import Maximum, Minimum
from mcuforge.compiler.ops.fully_connected import FullyConnected
from mcuforge.compiler.ops.max_pool2d import MaxPool2D
from mcuforge.compiler.ops.mean import Mean
from mcuforge.compiler.ops.mul import Mul
from mcuforge.compiler.ops.pad import Pad
from mcuforge.compiler.ops.quantize import Quantize
from mcuforge.compiler.ops.reshape import Reshape
from mcuforge.compiler.ops.resize_nearest import ResizeNearest
from mcuforge.compiler.ops.slice import Slice
from mcuforge.compiler.ops.softmax import Softmax
from mcuforge.compiler.ops.tables.hard_swish import HardSwish
from mcuforge.compiler.ops.tables.leaky_relu import LeakyRelu
from mcuforge.compiler.ops.tables.logistic import Logistic
from mcuforge.compiler.ops.tables.relu import Relu
from mcuforge.compiler.ops.tables.tanh import Tanh
from mcuforge.compiler.ops.transpose import Transpose
from tests.golden.case import Case, Operand
from tests.models.case_model import feed

SAME, VALID = tflite.Padding.SAME, tflite.Padding.VALID
RELU, RELU6, RELU_N1 = 1, 3, 2  # tflite.ActivationFunctionType
IMAGE = Operand((1, 5, 4, 3), 0.05, 3)
ROW = Operand((1, 6), 0.1, -7)


@dataclass(frozen=True)
class Sample:
    """A case, and the operators that the front end makes of it."""

    case: Case
    ops: tuple[Op, ...]


def ints(*values: int, dtype: str = "int32") -> Operand:
    """A constant vector of integers."""
    return Operand((len(values),), dtype=dtype, data=values)


def sample(
    name: str,
    inputs: tuple[Operand, ...],
    outputs: tuple[Operand, ...],
    options: tuple[str, dict[str, Field]] | None,
    *ops: Op,
) -> Sample:
    """Make a sample; its operator is the name up to the first space ("PAD int64")."""
    return Sample(Case(name, name.split(" ")[0], inputs, outputs, options), ops)


def image(*shape: int) -> Operand:
    """An image of IMAGE's quantization."""
    return Operand((1, *shape), IMAGE.scale, IMAGE.zero_point)


def rows(*shape: int) -> Operand:
    """A tensor of ROW's quantization."""
    return Operand(shape, ROW.scale, ROW.zero_point)


WEIGHTED = (
    sample(
        "CONV_2D",
        (
            IMAGE,
            Operand((2, 3, 3, 3), (0.01, 0.02), data="random"),
            Operand((2,), (0.0005, 0.001), dtype="int32", data="random"),
        ),
        (Operand((1, 3, 2, 2), 0.1, -5),),
        (
            "Conv2DOptions",
            {"Padding": SAME, "StrideH": 2, "StrideW": 2, "FusedActivationFunction": RELU6},
        ),
        Conv2D((2, 2), (1, 0, 1, 1), (1, 1), "relu6"),
    ),
    sample(
        "CONV_2D dilated",
        (
            IMAGE,
            Operand((2, 2, 2, 3), 0.01, data="random"),
            Operand((2,), dtype="int32", data="random"),
        ),
        (Operand((1, 3, 1, 2), 0.1, -5),),
        (
            "Conv2DOptions",
            {"Padding": VALID, "StrideH": 1, "StrideW": 1}
            | {"DilationHFactor": 2, "DilationWFactor": 3},
        ),
        Conv2D((1, 1), (0, 0, 0, 0), (2, 3), "none"),
    ),
    sample(
        "DEPTHWISE_CONV_2D",
        (
            IMAGE,
            Operand((1, 2, 3, 6), (0.01,) * 5 + (0.02,), axis=3, data="random"),
            Operand((6,), dtype="int32", data="random"),
        ),
        (Operand((1, 4, 1, 6), 0.1, -5),),
        (
            "DepthwiseConv2DOptions",
            {"Padding": VALID, "StrideH": 1, "StrideW": 2, "DepthMultiplier": 2}
            | {"FusedActivationFunction": RELU},
        ),
        DepthwiseConv2D((1, 2), (0, 0, 0, 0), (1, 1), "relu"),
    ),
    sample(
        "FULLY_CONNECTED",
        (
            ROW,
            Operand((4, 6), 0.03, data="random"),
            Operand((4,), 0.003, dtype="int32", data="random"),
        ),
        (Operand((1, 4), 0.2, 1),),
        ("FullyConnectedOptions", {"FusedActivationFunction": RELU_N1}),
        FullyConnected("relu_n1_to_1"),
    ),
    sample(
        "FULLY_CONNECTED keeps dimensions",
        (rows(1, 3, 6), Operand((4, 6), 0.03, data="random")),
        (Operand((1, 3, 4), 0.2, 1),),
        ("FullyConnectedOptions", {"KeepNumDims": True}),
        FullyConnected("none"),
    ),
    sample(
        "BATCH_MATMUL",
        (rows(1, 5, 6), rows(1, 4, 6)),
        (Operand((1, 5, 4), 0.9, 1),),
        ("BatchMatMulOptions", {"AdjX": False, "AdjY": True}),
        BatchMatMul(adj_y=True),
    ),
    sample(
        "BATCH_MATMUL by symmetric weights",
        (rows(1, 5, 6), Operand((6, 4), 0.03, data="random")),
        (Operand((1, 5, 4), 0.2, 1),),
        ("BatchMatMulOptions", {}),
        FullyConnected(),
    ),
)

WINDOWS = (
    sample(
        "AVERAGE_POOL_2D",
        (IMAGE,),
        (image(3, 2, 3),),
        (
            "Pool2DOptions",
            {"Padding": SAME, "StrideH": 2, "StrideW": 2}
            | {"FilterHeight": 3, "FilterWidth": 2, "FusedActivationFunction": RELU},
        ),
        AveragePool2D((3, 2), (2, 2), (1, 0, 1, 0), "relu"),
    ),
    sample(
        "MAX_POOL_2D",
        (IMAGE,),
        (image(4, 2, 3),),
        (
            "Pool2DOptions",
            {"Padding": VALID, "StrideH": 1, "StrideW": 2, "FilterHeight": 2, "FilterWidth": 1},
        ),
        MaxPool2D((2, 1), (1, 2), (0, 0, 0, 0), "none"),
    ),
    sample(
        "RESIZE_NEAREST_NEIGHBOR",
        (IMAGE, ints(7, 8)),
        (image(7, 8, 3),),
        ("ResizeNearestNeighborOptions", {"HalfPixelCenters": True}),
        ResizeNearest(False, True),
    ),
)

ARITHMETIC = (
    sample(
        "ADD",
        (IMAGE, Operand((1, 5, 4, 3), 0.02, -1)),
        (Operand((1, 5, 4, 3), 0.06),),
        ("AddOptions", {"FusedActivationFunction": RELU}),
        Add(False, "relu"),
    ),
    sample(
        "ADD constant first",
        (Operand((3,), 0.02, data="random"), IMAGE),
        (Operand((1, 5, 4, 3), 0.06),),
        None,
        Add(),
    ),
    sample(
        "SUB",
        (IMAGE, Operand((1, 1, 1, 3), 0.02, -1)),
        (Operand((1, 5, 4, 3), 0.06),),
        ("SubOptions", {}),
        Add(True),
    ),
    sample(
        "MUL",
        (IMAGE, Operand((3,), 0.02, -1, data="random")),
        (Operand((1, 5, 4, 3), 0.06),),
        ("MulOptions", {"FusedActivationFunction": RELU6}),
        Mul("relu6"),
    ),
    sample("MAXIMUM", (ROW, ROW), (ROW,), ("MaximumMinimumOptions", {}), Maximum()),
    sample("MINIMUM", (ROW, ROW), (ROW,), ("MaximumMinimumOptions", {}), Minimum()),
    sample(
        "MEAN",
        (IMAGE, ints(2, -3)),
        (Operand((1, 3), 0.05, 3),),
        ("ReducerOptions", {}),
        Mean((1, 2)),
    ),
    sample(
        "MEAN keeps dimensions",
        (IMAGE, Operand((), dtype="int32", data=(3,))),
        (Operand((1, 5, 4, 1), 0.04, 2),),
        ("ReducerOptions", {"KeepDims": True}),
        Mean((3,)),
    ),
)

FUNCTIONS = (
    sample("RELU", (ROW,), (Operand((1, 6), 0.2, 4),), None, Relu("relu")),
    sample("RELU6", (ROW,), (Operand((1, 6), 0.2, 4),), None, Relu("relu6")),
    sample("RELU_N1_TO_1", (ROW,), (Operand((1, 6), 0.2, 4),), None, Relu("relu_n1_to_1")),
    sample(
        "LEAKY_RELU",
        (ROW,),
        (Operand((1, 6), 0.2, 4),),
        ("LeakyReluOptions", {"Alpha": 0.25}),
        LeakyRelu(0.25),
    ),
    sample("LOGISTIC", (ROW,), (Operand((1, 6), 1 / 256, -128),), None, Logistic()),
    sample("TANH", (ROW,), (Operand((1, 6), 1 / 128, 0),), None, Tanh()),
    sample("HARD_SWISH", (ROW,), (Operand((1, 6), 0.2, 4),), ("HardSwishOptions", {}), HardSwish()),
    sample(
        "SOFTMAX",
        (ROW,),
        (Operand((1, 6), 1 / 256, -128),),
        ("SoftmaxOptions", {"Beta": 1.0}),
        Softmax(1.0),
    ),
    sample(
        "QUANTIZE",
        (Operand((1, 6), dtype="float32"),),
        (ROW,),
        ("QuantizeOptions", {}),
        Quantize(),
    ),
    sample(
        "QUANTIZE uint8",
        (Operand((1, 6), 0.1, 121, "uint8"),),
        (ROW,),
        ("QuantizeOptions", {}),
        Quantize(),
    ),
    sample(
        "DEQUANTIZE",
        (ROW,),
        (Operand((1, 6), dtype="float32"),),
        ("DequantizeOptions", {}),
        Dequantize(),
    ),
)

MOVEMENTS = (
    sample("RESHAPE", (rows(1, 6), ints(3, -1)), (rows(3, 2),), ("ReshapeOptions", {}), Reshape()),
    sample(
        "RESHAPE by option",
        (rows(1, 6),),
        (rows(2, 3),),
        ("ReshapeOptions", {"NewShape": (2, 3)}),
        Reshape(),
    ),
    sample("SQUEEZE", (rows(1, 6, 1),), (rows(6),), ("SqueezeOptions", {}), Reshape()),
    sample(
        "SQUEEZE one",
        (rows(1, 6, 1),),
        (rows(1, 6),),
        ("SqueezeOptions", {"SqueezeDims": (-1,)}),
        Reshape(),
    ),
    sample(
        "EXPAND_DIMS",
        (ROW, Operand((), dtype="int32", data=(-1,))),
        (rows(1, 6, 1),),
        ("ExpandDimsOptions", {}),
        Reshape(),
    ),
    sample(
        "PAD",
        (ROW, Operand((2, 2), dtype="int32", data=(0, 1, 2, 3))),
        (rows(2, 11),),
        ("PadOptions", {}),
        Pad((0, 2), (1, 3), -7),
    ),
    sample(
        "PAD int64",
        (ROW, Operand((2, 2), dtype="int64", data=(0, 0, 1, 0))),
        (rows(1, 7),),
        ("PadOptions", {}),
        Pad((0, 1), (0, 0), -7),
    ),
    sample(
        "PADV2",
        (
            ROW,
            Operand((2, 2), dtype="int32", data=(0, 0, 1, 1)),
            Operand((1,), 0.1, -7, data=(99,)),
        ),
        (rows(1, 8),),
        ("PadV2Options", {}),
        Pad((0, 1), (0, 1), 99),
    ),
    sample(
        "CONCATENATION",
        (ROW, rows(1, 2), Operand((1, 1), 0.1, -7, data="random")),
        (rows(1, 9),),
        ("ConcatenationOptions", {"Axis": -1}),
        Concatenation(1),
    ),
    sample(
        "TRANSPOSE",
        (rows(1, 2, 3), ints(2, 0, 1)),
        (rows(3, 1, 2),),
        ("TransposeOptions", {}),
        Transpose((2, 0, 1)),
    ),
    sample(
        "SLICE",
        (rows(1, 4, 5), ints(0, 1, 2), ints(1, 2, -1)),
        (rows(1, 2, 3),),
        ("SliceOptions", {}),
        Slice((0, 1, 2), (1, 1, 1)),
    ),
    sample(
        "SPLIT",
        (Operand((), dtype="int32", data=(-1,)), ROW),
        (rows(1, 2), rows(1, 2), rows(1, 2)),
        ("SplitOptions", {"NumSplits": 3}),
        Slice((0, 0), (1, 1)),
        Slice((0, 2), (1, 1)),
        Slice((0, 4), (1, 1)),
    ),
    sample(
        "SPLIT_V",
        (ROW, ints(1, -1), Operand((), dtype="int32", data=(1,))),
        (rows(1, 1), rows(1, 5)),
        ("SplitVOptions", {"NumSplits": 2}),
        Slice((0, 0), (1, 1)),
        Slice((0, 1), (1, 1)),
    ),
    sample(
        "STRIDED_SLICE",
        (rows(1, 4, 5), ints(0, 3, 1), ints(0, -5, 0), ints(1, -1, 2)),
        (rows(4, 2),),
        ("StridedSliceOptions", {"ShrinkAxisMask": 1, "EndMask": 4}),
        Slice((0, 3, 1), (1, -1, 2)),
        Reshape(),
    ),
    sample(
        "STRIDED_SLICE new axis",
        (ROW, ints(0, 0), ints(0, 0), ints(1, 1)),
        (rows(1, 1, 6),),
        ("StridedSliceOptions", {"NewAxisMask": 1, "BeginMask": 2, "EndMask": 2}),
        Reshape(),
    ),
)

SAMPLES = WEIGHTED + WINDOWS + ARITHMETIC + FUNCTIONS + MOVEMENTS


def open_batch_flatten() -> ModelSpec:
    """Write Keras's Flatten with an open batch: SHAPE, STRIDED_SLICE, PACK, RESHAPE; SOFTMAX.

    The graph quantizes at its edges, as converters without inference_input_type do.
    """
    tensors = (
        TensorSpec("serving_default_x:0", (1, 2, 3, 1), "float32", signature=(-1, 2, 3, 1)),
        TensorSpec("quantized", (1, 2, 3, 1), "int8", (0.1,), (-7,)),
        TensorSpec("model/flatten/Shape", (4,), "int32"),
        vector("begin", 0),
        vector("end", 1),
        vector("strides", 1),
        TensorSpec("model/flatten/strided_slice", (), "int32"),
        TensorSpec("six", (), "int32", data=np.array(6, np.int32)),
        TensorSpec("model/flatten/Reshape/shape", (2,), "int32"),
        TensorSpec("model/flatten/Reshape", (1, 6), "int8", (0.1,), (-7,)),
        TensorSpec("model/softmax/Softmax", (1, 6), "int8", (1 / 256,), (-128,)),
        TensorSpec("StatefulPartitionedCall:0", (1, 6), "float32"),
    )
    operators = (
        OperatorSpec("QUANTIZE", (0,), (1,), ("QuantizeOptions", {})),
        OperatorSpec("SHAPE", (1,), (2,), ("ShapeOptions", {"OutType": 2})),
        OperatorSpec(
            "STRIDED_SLICE",
            (2, 3, 4, 5),
            (6,),
            ("StridedSliceOptions", {"ShrinkAxisMask": 1}),
        ),
        OperatorSpec("PACK", (6, 7), (8,), ("PackOptions", {"ValuesCount": 2})),
        OperatorSpec("RESHAPE", (1, 8), (9,), ("ReshapeOptions", {})),
        OperatorSpec("SOFTMAX", (9,), (10,), ("SoftmaxOptions", {"Beta": 1.0})),
        OperatorSpec("DEQUANTIZE", (10,), (11,), ("DequantizeOptions", {})),
    )
    return ModelSpec(tensors, operators, (0,), (11,), (("x",), ("probabilities",)))


def two_in_two_out() -> ModelSpec:
    """Write ADD and MUL of two inputs; sum and product are outputs, a bias between is absent."""
    weights = feed((6, 6), "int8", 5)
    tensors = (
        TensorSpec("a", (1, 6), "int8", (0.1,), (3,)),
        TensorSpec("b", (1, 6), "int8", (0.2,), (-3,)),
        TensorSpec("sum", (1, 6), "int8", (0.3,), (0,)),
        TensorSpec("weights", (6, 6), "int8", (0.01,), (0,), data=np.maximum(weights, -127)),
        TensorSpec("mixed", (1, 6), "int8", (0.2,), (5,)),
        TensorSpec("product", (1, 6), "int8", (0.4,), (1,)),
    )
    operators = (
        OperatorSpec("ADD", (0, 1), (2,), ("AddOptions", {})),
        OperatorSpec("FULLY_CONNECTED", (2, 3, -1), (4,), ("FullyConnectedOptions", {})),
        OperatorSpec("MUL", (4, 0), (5,), ("MulOptions", {})),
    )
    return ModelSpec(tensors, operators, (0, 1), (2, 5))


def vector(name: str, *values: int) -> TensorSpec:
    """A constant int32 vector."""
    return TensorSpec(name, (len(values),), "int32", data=np.array(values, np.int32))
