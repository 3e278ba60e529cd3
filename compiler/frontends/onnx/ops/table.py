# SPDX-License-Identifier: Apache-2.0
"""Lists the ONNX operators that are read, and what to use instead of some others."""

from collections.abc import Mapping
from types import MappingProxyType

from mcuforge.compiler.frontends.onnx.file import OnnxFile
from mcuforge.compiler.frontends.onnx.ops import (
    blocks,
    borders,
    constants,
    convolution,
    einsum,
    extremes,
    joining,
    linear,
    movement,
    normalize,
    norms,
    pooling,
    qdq,
    resize,
    slicing,
    transposed,
)
from mcuforge.compiler.frontends.onnx.ops.affine import batch_normalization
from mcuforge.compiler.frontends.onnx.ops.elementwise import binary, unary
from mcuforge.compiler.frontends.onnx.ops.folding import FOLDS, ON_SHAPES, fold, modulo
from mcuforge.compiler.frontends.onnx.ops.functions import UNARY
from mcuforge.compiler.frontends.onnx.ops.instead import INSTEAD, QDQ
from mcuforge.compiler.frontends.onnx.ops.logic import LOGIC, logic, trilu, where
from mcuforge.compiler.frontends.onnx.ops.operator import Arm
from mcuforge.compiler.ops.add import Add
from mcuforge.compiler.ops.arg_extremum import ArgMax, ArgMin
from mcuforge.compiler.ops.average_pool2d import AveragePool2D
from mcuforge.compiler.ops.batch_matmul import BatchMatMul
from mcuforge.compiler.ops.broadcast_to import BroadcastTo
from mcuforge.compiler.ops.concatenation import Concatenation
from mcuforge.compiler.ops.conv2d import Conv2D
from mcuforge.compiler.ops.depthwise_conv2d import DepthwiseConv2D
from mcuforge.compiler.ops.div import Div
from mcuforge.compiler.ops.extremum import Maximum, Minimum
from mcuforge.compiler.ops.fully_connected import FullyConnected
from mcuforge.compiler.ops.layer_norm import LayerNorm
from mcuforge.compiler.ops.log_softmax import LogSoftmax
from mcuforge.compiler.ops.max_pool2d import MaxPool2D
from mcuforge.compiler.ops.mean import Mean
from mcuforge.compiler.ops.mul import Mul
from mcuforge.compiler.ops.pad import Pad
from mcuforge.compiler.ops.prelu import Prelu
from mcuforge.compiler.ops.reshape import Reshape
from mcuforge.compiler.ops.resize_bilinear import ResizeBilinear
from mcuforge.compiler.ops.resize_nearest import PickPixels, ResizeNearest
from mcuforge.compiler.ops.slice import Slice
from mcuforge.compiler.ops.softmax_qdq import SoftmaxQdq
from mcuforge.compiler.ops.sum import Sum
from mcuforge.compiler.ops.tables.lookup import Lookup
from mcuforge.compiler.ops.transpose import Transpose
from mcuforge.compiler.ops.transpose_conv import TransposeConv
from mcuforge.errors import Advice, Phase, Refusal

MICROSOFT = "com.microsoft"
# Operators of com.microsoft that are read: those that equal a standard one, and two of its own.
ALSO_MICROSOFT = frozenset({"QuantizeLinear", "DequantizeLinear", "Gelu", "FastGelu", "QuickGelu"})
ONE_TENSOR = "of one tensor: a table; in a chain of float operators, part of its table"

ARMS: Mapping[str, Arm] = MappingProxyType(
    {
        "QuantizeLinear": Arm(qdq.quantize_linear, (Lookup,), "int8 and uint8, per tensor"),
        "DequantizeLinear": Arm(qdq.dequantize_linear, (), "of constants per channel too"),
        "Conv": Arm(
            convolution.conv, (Conv2D, DepthwiseConv2D), "1-D and 2-D, groups; symmetric weights"
        ),
        "ConvTranspose": Arm(
            transposed.conv_transpose, (TransposeConv,), "1-D and 2-D, groups; symmetric weights"
        ),
        "Gemm": Arm(linear.gemm, (FullyConnected,), "alpha, beta 1, transA 0"),
        "MatMul": Arm(joining.matmul, (FullyConnected, BatchMatMul), "by weights or run-time"),
        "Einsum": Arm(
            einsum.einsum, (FullyConnected, BatchMatMul, Transpose), "two operands: as MatMul"
        ),
        "Add": Arm(binary, (Add, Lookup)),
        "Sub": Arm(binary, (Add, Lookup)),
        "Mul": Arm(binary, (Mul, Lookup)),
        "Div": Arm(binary, (Div, Lookup)),
        "Pow": Arm(binary, (Lookup,), "by one number"),
        "Max": Arm(binary, (Maximum, Lookup)),
        "Min": Arm(binary, (Minimum, Lookup)),
        "PRelu": Arm(binary, (Prelu, Lookup), "of one slope: a table"),
        "BatchNormalization": Arm(
            batch_normalization, (DepthwiseConv2D,), "part of a Conv, Gemm or MatMul before it"
        ),
        "LayerNormalization": Arm(normalize.layer_normalization, (LayerNorm,)),
        "Trilu": Arm(trilu, (Minimum, Maximum)),
        "Where": Arm(where, (Minimum, Maximum, Lookup), "by a constant mask, or of one tensor"),
        "RMSNormalization": Arm(norms.rms_normalization, (LayerNorm,)),
        "SimplifiedLayerNormalization": Arm(norms.rms_normalization, (LayerNorm,)),
        "LpNormalization": Arm(norms.lp_normalization, (LayerNorm,), "p 2"),
        "InstanceNormalization": Arm(norms.instance_normalization, (LayerNorm, Transpose)),
        "GroupNormalization": Arm(norms.group_normalization, (LayerNorm, Transpose)),
        "ReduceL1": Arm(norms.reduce_l1, (Lookup, Sum)),
        "ReduceL2": Arm(norms.reduce_l2, (Lookup, Sum), "x over its norm: a LayerNorm"),
        "ReduceSumSquare": Arm(norms.reduce_squares, (Lookup, Sum)),
        "ReduceSum": Arm(pooling.reduce_sum, (Sum,)),
        "Softmax": Arm(normalize.softmax, (SoftmaxQdq,)),
        "LogSoftmax": Arm(normalize.softmax, (LogSoftmax,)),
        "ReduceMean": Arm(pooling.reduce_mean, (Mean,)),
        "ReduceMax": Arm(extremes.reduce_extremum, (MaxPool2D,)),
        "ReduceMin": Arm(extremes.reduce_extremum, (Lookup, MaxPool2D)),
        "GlobalMaxPool": Arm(extremes.global_max_pool, (MaxPool2D,)),
        "ArgMax": Arm(extremes.arg_extremum, (ArgMax,), "int64 as int32"),
        "ArgMin": Arm(extremes.arg_extremum, (ArgMin,), "int64 as int32"),
        "GlobalAveragePool": Arm(pooling.global_average_pool, (Mean,)),
        "AveragePool": Arm(pooling.average_pool, (AveragePool2D, DepthwiseConv2D, Pad)),
        "MaxPool": Arm(pooling.max_pool, (MaxPool2D,)),
        "Resize": Arm(
            resize.resize, (ResizeNearest, PickPixels, ResizeBilinear), "nearest and linear"
        ),
        "Transpose": Arm(movement.transpose, (Transpose,), "moves bytes only where it must"),
        "Reshape": Arm(movement.reshape, (Reshape,)),
        "Flatten": Arm(movement.flatten, (Reshape,)),
        "Squeeze": Arm(movement.squeeze, (Reshape,)),
        "Unsqueeze": Arm(movement.unsqueeze, (Reshape,)),
        "Concat": Arm(joining.concat, (Concatenation,)),
        "Split": Arm(slicing.split, (Slice,)),
        "Slice": Arm(slicing.slice_, (Slice,)),
        "Gather": Arm(slicing.gather, (Slice,), "constant indices"),
        "DepthToSpace": Arm(blocks.depth_to_space, (PickPixels, Transpose), "DCR and CRD"),
        "SpaceToDepth": Arm(blocks.space_to_depth, (PickPixels,)),
        "Pad": Arm(borders.pad, (Pad, PickPixels), "all modes, constant widths"),
        "Expand": Arm(constants.expand, (BroadcastTo,)),
        "Identity": Arm(movement.identity),
        "Dropout": Arm(movement.identity, (), "inference"),
        "Cast": Arm(constants.cast, (), "between floats, and of 8-bit inputs"),
        "Constant": Arm(constants.constant),
        "ConstantOfShape": Arm(constants.constant_of_shape, (), ON_SHAPES),
        "Shape": Arm(constants.shape_of, (), ON_SHAPES),
        "Size": Arm(constants.size_of, (), ON_SHAPES),
    }
    | {name: Arm(unary, (Lookup,), ONE_TENSOR) for name in UNARY}
    | {name: Arm(logic, (Lookup,), ONE_TENSOR) for name in LOGIC}
    | {name: Arm(fold, (), ON_SHAPES) for name in FOLDS}
    | {"Mod": Arm(modulo, (), ON_SHAPES), "ReduceProd": Arm(pooling.reduce_product, (), ON_SHAPES)}
    | {"Tile": Arm(borders.tile, (PickPixels,), "constant repetitions")}
)

QUANTIZE = Advice(
    "`mcuforge quantize MODEL --data FILE` writes a quantized one from calibration data",
    Phase.QUANTIZE,
)


def want_integers(model: OnnxFile) -> None:
    """Refuse files without QuantizeLinear, and name the kind of quantization that they have."""
    kinds = [node.op for node in model.nodes]
    if any(kind in ("QuantizeLinear", "DequantizeLinear") for kind in kinds):
        return
    other = next((kind for kind in kinds if INSTEAD.get(kind) == QDQ), None)
    if other is not None:
        raise Refusal(f"the model is quantized dynamically ({other}), supported: static", QDQ)
    raise Refusal(
        f"this is a float model: {len(kinds)} operators without a QuantizeLinear; "
        "supported: int8 in QDQ form",
        QUANTIZE,
    )
