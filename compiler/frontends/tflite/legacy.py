# SPDX-License-Identifier: Apache-2.0
"""Tells uint8 models (the quantization of TensorFlow 1), and which operators are read of them.

All of their values are read as int8, less 128 (`shifted.py`).
"""

from collections.abc import Iterable, Mapping

from mcuforge.compiler.frontends.common import contradiction
from mcuforge.compiler.frontends.tflite.file import RawModel, RawTensor
from mcuforge.compiler.frontends.tflite.ops.operator import Arm
from mcuforge.compiler.frontends.tflite.shifted import UINT8
from mcuforge.errors import Refusal

# Operators whose uint8 answers were compared with those of tflite-runtime 2.14, element by element
# (tests/unit/frontends/tflite/test_tflite_legacy.py), beside those that only move values.
COMPARED = frozenset(
    {"ADD", "AVERAGE_POOL_2D", "CONCATENATION", "CONV_2D", "DEPTHWISE_CONV_2D", "DEQUANTIZE"}
    | {"FULLY_CONNECTED", "HARD_SWISH", "LEAKY_RELU", "LOGISTIC", "MAXIMUM", "MAX_POOL_2D"}
    | {"MEAN", "MINIMUM", "MUL", "QUANTIZE", "RELU", "RELU6", "RELU_N1_TO_1", "SOFTMAX"}
    | {"SUB", "TANH"}
)
CONVERT = (
    "convert the model again to full int8: every value of uint8 quantization has a place there, "
    "or retrain it with the converter of TensorFlow 2"
)


def is_legacy(model: RawModel, arms: Mapping[str, Arm]) -> bool:
    """True for a file that computes in uint8, and does not only take or give it at its edges."""
    for operator in model.operators:
        arm = arms.get(operator.name)
        takes = arm is None or UINT8 in arm.dtypes
        tensors = [model.tensors[i] for i in operator.inputs if i >= 0]
        if not takes and any(t.type_name == UINT8 and t.span is None for t in tensors):
            return True
    return False


def want_compared(name: str, arm: Arm, tensors: Iterable[RawTensor]) -> None:
    """Refuse an operator on uint8 that may compute otherwise than on int8."""
    types = {tensor.type_name for tensor in tensors}
    if {UINT8, "int8"} <= types and name != "QUANTIZE":
        raise contradiction(f"{name} mixes uint8 and int8, expected one of both")
    on_uint8 = UINT8 in types
    if on_uint8 and name not in COMPARED and UINT8 not in arm.dtypes:
        raise Refusal(f"{name} on uint8 may round otherwise than on int8, supported: int8", CONVERT)
