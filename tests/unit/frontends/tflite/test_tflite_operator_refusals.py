# SPDX-License-Identifier: Apache-2.0
"""Operators whose options or inputs cannot be: what, where, and one thing that works."""

from __future__ import annotations

import pytest
import tflite

from tests.golden.case import Case, Operand
from tests.models.case_model import case_model
from tests.models.changed import (
    AGAIN,
    expect_refusal,
    with_input,
    with_operator,
    with_options,
)
from tests.models.samples import ints, rows

ROW = rows(1, 6)
COMPUTED_WEIGHTS = case_model(
    Case(
        "computed",
        "FULLY_CONNECTED",
        (ROW, Operand((1, 6), 0.03)),
        (Operand((1, 1), 0.1),),
        ("FullyConnectedOptions", {}),
    )
)


CASES: dict[str, tuple[bytes, str, str, str]] = {
    "tanh fused": (
        with_options("ADD", FusedActivationFunction=tflite.ActivationFunctionType.TANH),
        "the fused activation is TANH, supported: RELU, RELU6, RELU_N1_TO_1 or none",
        "operator 0 ADD",
        "put the activation in a separate layer",
    ),
    "relu fused into a concatenation": (
        with_options("CONCATENATION", FusedActivationFunction=1),
        "the fused activation is relu, supported: none",
        "operator 0 CONCATENATION",
        "put the activation in a separate layer",
    ),
    "no options": (
        with_operator("CONV_2D", options=None),
        "its options are NONE, expected Conv2DOptions",
        "operator 0 CONV_2D",
        AGAIN,
    ),
    "options of another operator": (
        with_operator("CONV_2D", options=("Pool2DOptions", {"StrideW": 1, "StrideH": 1})),
        "its options are Pool2DOptions, expected Conv2DOptions",
        "operator 0 CONV_2D",
        AGAIN,
    ),
    "stride 0": (
        with_options("CONV_2D", StrideW=0),
        "the stride is (2, 0), expected 1 to 32767 each",
        "operator 0 CONV_2D",
        AGAIN,
    ),
    "huge dilation": (
        with_options("CONV_2D", DilationHFactor=1 << 20),
        "the dilation is (1048576, 1), expected 1 to 32767 each",
        "operator 0 CONV_2D",
        AGAIN,
    ),
    "huge padding": (
        with_options("CONV_2D", DilationHFactor=1 << 14, DilationWFactor=1 << 14),
        "with its padding the image is 32773x32771, expected at most 64 MiB",
        "operator 0 CONV_2D",
        "use a smaller kernel or dilation",
    ),
    "endless image": (
        case_model(
            Case(
                "endless",
                "MAX_POOL_2D",
                (Operand((1, 1, 40000, 1), 0.1),),
                (Operand((1, 1, 40000, 1), 0.1),),
                (
                    "Pool2DOptions",
                    {"StrideW": 1, "StrideH": 1, "FilterWidth": 1, "FilterHeight": 1},
                ),
            )
        ),
        "the image is 1x40000, expected at most 32767 per side",
        "operator 0 MAX_POOL_2D",
        "use a smaller input resolution",
    ),
    "padding mode": (
        with_options("CONV_2D", Padding=2),
        "padding is 2, expected 0 (SAME) or 1 (VALID)",
        "operator 0 CONV_2D",
        AGAIN,
    ),
    "depth multiplier": (
        with_options("DEPTHWISE_CONV_2D", DepthMultiplier=3),
        "depth_multiplier is 3 and the input has 3 channels, ",
        "operator 0 DEPTHWISE_CONV_2D",
        AGAIN,
    ),
    "computed weights": (
        COMPUTED_WEIGHTS,
        "the weights 'in1' are computed at run time, expected constants",
        "operator 0 FULLY_CONNECTED",
        "write a product of two activations as tf.matmul",
    ),
    "shuffled weights": (
        with_options("FULLY_CONNECTED", WeightsFormat=1),
        "the weights are stored shuffled, expected the default format",
        "operator 0 FULLY_CONNECTED",
        "export without the shuffled weight format",
    ),
    "shape computed at run time": (
        with_input("RESHAPE", 1, Operand((2,), dtype="int32")),
        "'in1' is computed at run time",
        "operator 0 RESHAPE",
        "all shapes of the inputs are fixed already",
    ),
    "shape of another type": (
        with_input("RESHAPE", 1, Operand((2,), 0.1, data=(3, 2))),
        "'in1' is int8, expected a list of int32 or int64",
        "operator 0 RESHAPE",
        AGAIN,
    ),
    "squeezed dimension": (
        with_options("SQUEEZE one", SqueezeDims=(1,)),
        "it drops dimensions [1] of [1, 6, 1], expected ones of size 1",
        "operator 0 SQUEEZE",
        AGAIN,
    ),
    "axis out of range": (
        with_options("CONCATENATION", Axis=2),
        "axis 2 is outside its 2 dimensions",
        "operator 0 CONCATENATION",
        AGAIN,
    ),
    "mean of no axis": (
        with_input("MEAN", 1, ints()),
        "its list of axes is empty, expected one or more",
        "operator 0 MEAN",
        "remove this operator",
    ),
    "paddings of another rank": (
        with_input("PAD", 1, Operand((1, 2), dtype="int32", data=(0, 1))),
        "the paddings have shape [1, 2], expected [2, 2]",
        "operator 0 PAD",
        AGAIN,
    ),
    "padding value of another scale": (
        with_input("PADV2", 2, Operand((1,), 0.2, -7, data=(99,))),
        "tensors 'in2' and 'out0' differ in scale or zero point",
        "operator 0 PADV2",
        "convert again with a current TFLite converter",
    ),
    "padding with two values": (
        with_input("PADV2", 2, Operand((2,), 0.1, -7, data=(99, 99))),
        "the fill value is int8 [2], expected one int8",
        "operator 0 PADV2",
        AGAIN,
    ),
    "uneven split": (
        with_options("SPLIT", NumSplits=2),
        "it splits 6 elements of axis 1 into 2 parts, but has 3 outputs",
        "operator 0 SPLIT",
        AGAIN,
    ),
    "sizes beyond the tensor": (
        with_input("SPLIT_V", 1, ints(1, 6)),
        "it splits 6 elements of axis 1 into [1, 6], but has 2 outputs",
        "operator 0 SPLIT_V",
        AGAIN,
    ),
    "two ellipses": (
        with_options("STRIDED_SLICE", EllipsisMask=3),
        "it has 3 entries with 2 ellipses for 3 dimensions",
        "operator 0 STRIDED_SLICE",
        AGAIN,
    ),
    "slice by offsets": (
        with_options("STRIDED_SLICE", Offset=True),
        "its ends are offsets from its begins, supported: ends as indices",
        "operator 0 STRIDED_SLICE",
        "slice with plain begin and end indices",
    ),
    "slice stride 0": (
        with_input("STRIDED_SLICE", 3, ints(1, 0, 2)),
        "entry 1 has stride 0, expected other than 0",
        "operator 0 STRIDED_SLICE",
        AGAIN,
    ),
    "slice of nothing": (
        with_input("STRIDED_SLICE", 2, ints(0, 3, 0)),
        "entry 1 takes no elements: 3 to 3 in steps of -1 of 4",
        "operator 0 STRIDED_SLICE",
        "remove this operator: its output is empty",
    ),
    "slice lists of different length": (
        with_input("STRIDED_SLICE", 1, ints(0, 3)),
        "it has 2 begins, 3 ends and 3 strides, expected the same number of each",
        "operator 0 STRIDED_SLICE",
        AGAIN,
    ),
    "slice sizes of another rank": (
        with_input("SLICE", 1, ints(0, 1)),
        "it has 2 begins and 3 sizes, expected 3",
        "operator 0 SLICE",
        AGAIN,
    ),
    "not a number as beta": (
        with_options("SOFTMAX", Beta=float("nan")),
        "option 0 is nan, expected a finite number",
        "operator 0 SOFTMAX",
        AGAIN,
    ),
    "huge alpha": (
        with_options("LEAKY_RELU", Alpha=1e30),
        "alpha is 1e+30, expected -1e+06 to 1e+06",
        "operator 0 LEAKY_RELU",
        AGAIN,
    ),
    "too many inputs": (
        with_operator("RELU", inputs=(0, 0)),
        "it has 2 inputs and 1 outputs, expected 1 and 1",
        "operator 0 RELU",
        AGAIN,
    ),
    "required input absent": (
        with_operator("RELU", inputs=(-1,)),
        "input 0 is missing, but this operator needs it",
        "operator 0 RELU",
        AGAIN,
    ),
    "no output of an operator": (
        with_operator("RELU", outputs=()),
        "it has no output",
        "operator 0 RELU 'relu'",
        AGAIN,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_refusal_says_what_where_and_what_to_try(name: str) -> None:
    expect_refusal(*CASES[name])
