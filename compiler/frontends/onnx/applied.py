# SPDX-License-Identifier: Apache-2.0
"""Looks what was done to an ONNX file already, so that no refusal advises to do it again."""

from mcuforge.compiler.frontends.onnx.file import OnnxFile
from mcuforge.compiler.frontends.onnx.ops.operator import FOLD_CONSTANTS, FREEZE
from mcuforge.compiler.frontends.onnx.work import QUANTIZE_TOO
from mcuforge.errors import Advice

# what quantize_static of onnxruntime 1.32 quantizes if it is not told otherwise
# (onnxruntime.quantization.registry)
QUANTIZED = (
    *("Add", "ArgMax", "AveragePool", "BatchNormalization", "Clip", "Concat", "Conv"),
    *("ConvTranspose", "CumSum", "Flatten", "Gather", "GatherElements", "Gemm"),
    *("GlobalAveragePool", "InstanceNormalization", "LayerNormalization", "LeakyRelu"),
    *("MatMul", "MaxPool", "Mul", "Pad", "Relu", "Reshape", "Resize", "Sigmoid", "Slice"),
    *("Softmax", "Split", "Squeeze", "TopK", "Transpose", "Unsqueeze", "Where"),
)
NOT_FOLDED = Advice(
    "quant_pre_process ran on this model and left it: run it without skip_optimization, or compute "
    "this value before the export, as a parameter of the model"
)
NOT_CONSTANT = Advice(
    "all shapes of the inputs are fixed already: make this value a constant in the model, or "
    "compute it in your own code"
)


def advice(file: OnnxFile, op: str, hint: str) -> str:
    """What to do instead of a hint whose work is done, or would do nothing; else the hint.

    op: the operator that is refused.
    """
    if hint == FOLD_CONSTANTS and file.prepared:
        return NOT_FOLDED
    if hint == FREEZE and all(_is_fixed(port.shape) for port in file.inputs):
        return NOT_CONSTANT
    if hint == QUANTIZE_TOO and op not in QUANTIZED:
        return Advice(
            f"onnxruntime's quantizer leaves {op} in float: write it with operators that it "
            "quantizes (Add, Mul, MatMul, Conv, ...), or end the model before it and do this in "
            "your own code"
        )
    return hint


def _is_fixed(shape: tuple[int | None, ...] | None) -> bool:
    """Whether only the first dimension of an input may be open."""
    return shape is not None and all(n is not None and n > 0 for n in shape[1:])
