# SPDX-License-Identifier: Apache-2.0
"""Lists the operators that are read, and what to use instead of some others."""

from collections.abc import Mapping
from types import MappingProxyType

from mcuforge.compiler.frontends.tflite.ops import (
    extremes,
    gathering,
    movement,
    picking,
    pointwise,
    selecting,
    slicing,
    spatial,
    weighted,
)
from mcuforge.compiler.frontends.tflite.ops.operator import Arm
from mcuforge.compiler.frontends.tflite.ops.pointwise import binary, fused, reduced, unary
from mcuforge.compiler.frontends.tflite.ops.shapes import FOLDS
from mcuforge.compiler.graph import Op
from mcuforge.compiler.ops.add import Add
from mcuforge.compiler.ops.arg_extremum import ArgMax, ArgMin
from mcuforge.compiler.ops.average_pool2d import AveragePool2D
from mcuforge.compiler.ops.batch_matmul import BatchMatMul
from mcuforge.compiler.ops.broadcast_to import BroadcastTo
from mcuforge.compiler.ops.concatenation import Concatenation
from mcuforge.compiler.ops.conv2d import Conv2D
from mcuforge.compiler.ops.depthwise_conv2d import DepthwiseConv2D
from mcuforge.compiler.ops.dequantize import Dequantize
from mcuforge.compiler.ops.div import Div
from mcuforge.compiler.ops.extremum import Maximum, Minimum
from mcuforge.compiler.ops.fully_connected import FullyConnected
from mcuforge.compiler.ops.gather import Gather
from mcuforge.compiler.ops.l2_normalization import L2Normalization
from mcuforge.compiler.ops.log_softmax import LogSoftmax
from mcuforge.compiler.ops.max_pool2d import MaxPool2D
from mcuforge.compiler.ops.mean import Mean
from mcuforge.compiler.ops.mul import Mul
from mcuforge.compiler.ops.pad import Pad
from mcuforge.compiler.ops.prelu import Prelu
from mcuforge.compiler.ops.quantize import Quantize
from mcuforge.compiler.ops.reshape import Reshape
from mcuforge.compiler.ops.resize_bilinear import ResizeBilinear
from mcuforge.compiler.ops.resize_nearest import PickPixels, ResizeNearest
from mcuforge.compiler.ops.slice import Slice
from mcuforge.compiler.ops.softmax import Softmax
from mcuforge.compiler.ops.squared_difference import SquaredDifference
from mcuforge.compiler.ops.sum import Sum
from mcuforge.compiler.ops.tables.abs import Abs
from mcuforge.compiler.ops.tables.elu import Elu
from mcuforge.compiler.ops.tables.exp import Exp
from mcuforge.compiler.ops.tables.gelu import Gelu
from mcuforge.compiler.ops.tables.hard_swish import HardSwish
from mcuforge.compiler.ops.tables.leaky_relu import LeakyRelu
from mcuforge.compiler.ops.tables.log import Log
from mcuforge.compiler.ops.tables.logistic import Logistic
from mcuforge.compiler.ops.tables.neg import Neg
from mcuforge.compiler.ops.tables.relu import Relu
from mcuforge.compiler.ops.tables.rsqrt import Rsqrt
from mcuforge.compiler.ops.tables.sqrt import Sqrt
from mcuforge.compiler.ops.tables.square import Square
from mcuforge.compiler.ops.tables.tanh import Tanh
from mcuforge.compiler.ops.transpose import Transpose
from mcuforge.compiler.ops.transpose_conv import TransposeConv

ON_SHAPES = "on shapes only, computed while reading"
IN_FLOAT = "also in float between DEQUANTIZE and QUANTIZE"
CONSTANT_CONDITION = "constant condition, which broadcasts"
NOT_IN_INT8 = "does not run {} in int8"  # it has a float kernel only
AS_UINT8 = "takes the int8 of {} for uint8"

ARMS: Mapping[str, Arm] = MappingProxyType(
    {
        "ABS": unary(Abs(), "AbsOptions"),
        "ADD": Arm(fused(lambda act: Add(act=act), "AddOptions"), (Add,), "broadcasts"),
        "ARG_MAX": extremes.arg_extremum(ArgMax),
        "ARG_MIN": extremes.arg_extremum(ArgMin),
        "AVERAGE_POOL_2D": Arm(spatial.pool(AveragePool2D), (AveragePool2D,)),
        "BATCH_MATMUL": Arm(
            weighted.batch_matmul, (BatchMatMul, FullyConnected), "batches broadcast, adj_x, adj_y"
        ),
        "BROADCAST_TO": Arm(gathering.broadcast_to, (BroadcastTo,), "constant shape"),
        "CONCATENATION": Arm(movement.concatenation, (Concatenation,), "one scale for all"),
        "CONV_2D": Arm(weighted.conv2d, (Conv2D,), "groups, dilation, per-channel weights"),
        "DEPTHWISE_CONV_2D": Arm(
            weighted.depthwise_conv2d, (DepthwiseConv2D,), "dilation, per-channel weights"
        ),
        "DEPTH_TO_SPACE": Arm(picking.depth_to_space, (Reshape, PickPixels)),
        "DEQUANTIZE": unary(Dequantize(), "DequantizeOptions", "int8, uint8 to float32"),
        "DIV": Arm(fused(Div, "DivOptions"), (Div,), f"broadcasts; {IN_FLOAT}", NOT_IN_INT8),
        "ELU": unary(Elu(), None, IN_FLOAT, NOT_IN_INT8),
        "EXP": unary(Exp(), "ExpOptions"),
        "EXPAND_DIMS": Arm(movement.expand_dims, (Reshape,), "costs nothing"),
        "FULLY_CONNECTED": Arm(weighted.fully_connected, (FullyConnected,), "constant weights"),
        "GATHER": Arm(gathering.gather, (Gather, Slice, Reshape), "constant indices"),
        "GELU": Arm(pointwise.gelu, (Gelu,), "exact and by tanh"),
        "HARD_SWISH": unary(HardSwish(), "HardSwishOptions"),
        "L2_NORMALIZATION": Arm(
            pointwise.l2_normalization, (L2Normalization,), "over the last axis"
        ),
        "LEAKY_RELU": Arm(pointwise.leaky_relu, (LeakyRelu,)),
        "LOG": unary(Log(), None, IN_FLOAT, NOT_IN_INT8),
        "LOG_SOFTMAX": unary(LogSoftmax(), "LogSoftmaxOptions", "over the last axis"),
        "LOGISTIC": unary(Logistic()),
        "MAXIMUM": binary(Maximum(), "MaximumMinimumOptions"),
        "MAX_POOL_2D": Arm(spatial.pool(MaxPool2D), (MaxPool2D,)),
        "MEAN": reduced(Mean),
        "MIRROR_PAD": Arm(
            picking.mirror_pad, (PickPixels, Reshape), "constant paddings; any dimensions"
        ),
        "MINIMUM": binary(Minimum(), "MaximumMinimumOptions"),
        "MUL": Arm(fused(Mul, "MulOptions"), (Mul,), "broadcasts"),
        "PACK": Arm(gathering.pack, (Concatenation, Reshape), "one scale for all"),
        "NEG": unary(Neg(), "NegOptions", IN_FLOAT, NOT_IN_INT8),
        "PAD": Arm(movement.pad, (Pad,), "constant paddings"),
        "PADV2": Arm(movement.pad_v2, (Pad,), "constant paddings and value"),
        "POW": Arm(pointwise.pow_, (Square,), f"by 2; {IN_FLOAT}, by any number", NOT_IN_INT8),
        "PRELU": Arm(pointwise.prelu, (Prelu,), "slopes broadcast"),
        "QUANTIZE": unary(Quantize(), "QuantizeOptions", "float32, int8, uint8 to int8, uint8"),
        "REDUCE_MAX": extremes.reduced(largest=True),
        "REDUCE_MIN": extremes.reduced(largest=False),
        "RELU": unary(Relu("relu")),
        "RELU6": unary(Relu("relu6")),
        "RELU_N1_TO_1": unary(Relu("relu_n1_to_1")),
        "RESHAPE": Arm(movement.reshape, (Reshape,), "constant shape; costs nothing"),
        "RESIZE_BILINEAR": Arm(spatial.resize_bilinear, (ResizeBilinear,), "constant size"),
        "RESIZE_NEAREST_NEIGHBOR": Arm(spatial.resize_nearest, (ResizeNearest,), "constant size"),
        "REVERSE_V2": Arm(picking.reverse, (Slice,), "constant axes"),
        "RSQRT": unary(Rsqrt(), None, "of positive values"),
        "SELECT": Arm(selecting.select, (Minimum, Maximum), CONSTANT_CONDITION),
        "SELECT_V2": Arm(selecting.select, (Minimum, Maximum), CONSTANT_CONDITION),
        "SLICE": Arm(slicing.slice_, (Slice,), "constant begin and size"),
        "SOFTMAX": Arm(pointwise.softmax, (Softmax,), "over the last axis"),
        "SPACE_TO_DEPTH": Arm(picking.space_to_depth, (Reshape, PickPixels)),
        "SPLIT": Arm(movement.split, (Slice,), "constant axis"),
        "SPLIT_V": Arm(movement.split_v, (Slice,), "constant axis and sizes"),
        "SQRT": unary(Sqrt(), None, IN_FLOAT, NOT_IN_INT8),
        "SQUARE": unary(Square(), "SquareOptions", IN_FLOAT, NOT_IN_INT8),
        "SQUARED_DIFFERENCE": binary(SquaredDifference(), "SquaredDifferenceOptions"),
        "SQUEEZE": Arm(movement.squeeze, (Reshape,), "costs nothing"),
        "STRIDED_SLICE": Arm(
            slicing.strided_slice, (Slice, Reshape), "constant begin, end and strides; all masks"
        ),
        "SUB": Arm(
            fused(lambda act: Add(subtract=True, act=act), "SubOptions"), (Add,), "broadcasts"
        ),
        "SUM": reduced(Sum, AS_UINT8),
        "TANH": unary(Tanh()),
        "TILE": Arm(picking.tile, (PickPixels, Reshape), "constant repetitions"),
        "TRANSPOSE_CONV": Arm(
            weighted.transpose_conv, (TransposeConv,), "constant size, per-channel weights"
        ),
        "TRANSPOSE": Arm(movement.transpose, (Transpose,), "constant permutation"),
        "UNPACK": Arm(gathering.unpack, (Slice, Reshape)),
    }
)

# Of which operators tflite-runtime 2.14 does not give the right answers, and why.
UNJUDGED: Mapping[type[Op], str] = MappingProxyType(
    {arm.builds[0]: arm.unjudged for arm in ARMS.values() if arm.unjudged}
)

# Operators that are only computed while reading, never on the board.
SHAPE_OPERATORS = tuple(sorted(set(FOLDS) - set(ARMS)))
