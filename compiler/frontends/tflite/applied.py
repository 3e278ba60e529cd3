# SPDX-License-Identifier: Apache-2.0
"""Looks what was done to a TFLite file already, so that no refusal advises to do it."""

from mcuforge.compiler.frontends.tflite.file import RawModel
from mcuforge.compiler.frontends.tflite.ops.instead import COMPARE, FIXED_DILATION, IDS, MOVE_OUT
from mcuforge.compiler.frontends.tflite.tensors import FIX_SHAPE, QUANTIZE
from mcuforge.compiler.ops.common.checks import ONE_BATCH
from mcuforge.errors import Advice

LOOK_UPS = ("GATHER", "GATHER_ND", "EMBEDDING_LOOKUP", "ONE_HOT")
INTEGERS = ("int8", "uint8", "int16")
LEFT_IN_FLOAT = Advice(
    "the converter leaves this operator in float, though the model is int8: use one in its place "
    "that TFLite has in int8, or end the model before it and compute the rest in your own code"
)
NOT_CONSTANT = Advice(
    "all shapes of the inputs are fixed already: make this value a constant in the model, or "
    "compute it in your own code"
)
ONE_IMAGE = Advice(
    "keep the first dimension 1: the batch is 1, the model itself moves another dimension into it"
)
DILATED = Advice(
    "the inputs have fixed shapes already: use a dilation_rate of 1 with a longer kernel or a "
    "stride in its place"
)


class Applied:
    """What a file's maker did: converted to int8, fixed the shapes of its inputs."""

    def __init__(self, model: RawModel) -> None:
        computed = {index for operator in model.operators for index in operator.outputs}
        types = {model.tensors[index].type_name for index in computed}
        self.is_int8 = not types.isdisjoint(INTEGERS)
        inputs = [model.tensors[index] for index in model.inputs]
        numbers = any(tensor.type_name in ("int32", "int64") for tensor in inputs)
        self.embeds = numbers and any(operator.name in LOOK_UPS for operator in model.operators)
        self.is_fixed = all(
            min((*tensor.signature, *tensor.shape), default=1) > 0 for tensor in inputs
        ) and all(len(tensor.shape) < 2 or tensor.shape[0] == 1 for tensor in inputs)

    @property
    def in_float(self) -> str:
        """What to do about an operator that computes in float."""
        return LEFT_IN_FLOAT if self.is_int8 else QUANTIZE

    def advice(self, hint: str) -> str:
        """What to do instead of a hint whose work is done; any other hint as it is.

        In a model that looks vectors up by numbers, what computes with the numbers goes with it.
        """
        if self.embeds and hint in (FIX_SHAPE, COMPARE, MOVE_OUT):
            return IDS
        if hint == FIX_SHAPE and self.is_fixed:
            return NOT_CONSTANT
        if hint == ONE_BATCH and self.is_fixed:
            return ONE_IMAGE
        if hint == FIXED_DILATION and self.is_fixed:
            return DILATED
        return hint
