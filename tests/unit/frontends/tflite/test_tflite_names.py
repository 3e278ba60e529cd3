# SPDX-License-Identifier: Apache-2.0
"""Layer names are the user's, without what the converter wraps around them."""

from __future__ import annotations

import pytest

from mcuforge.compiler.frontends.common import Unique
from mcuforge.compiler.frontends.tflite.names import layer_name


@pytest.mark.parametrize(
    ("operator", "tensor", "name"),
    [
        (
            "CONV_2D",
            "model/activation/Relu;model/bn/FusedBatchNormV3;model/conv2d/Conv2D",
            "conv2d",
        ),
        ("DEPTHWISE_CONV_2D", "model/depthwise_conv2d_3/depthwise;model/conv2d/Conv2D", None),
        ("CONV_2D", "model/depthwise_conv2d_3/depthwise;model/conv2d/Conv2D", "conv2d"),
        ("FULLY_CONNECTED", "functional_1/act/Relu;functional_1/dense/BiasAdd", "dense"),
        ("ADD", "model/block3/attention/add_2/add", "attention/add_2"),
        ("SOFTMAX", "StatefulPartitionedCall:0", "softmax"),
        ("SOFTMAX", "Identity_int8", "softmax"),
        ("RESHAPE", "", "reshape"),
        ("RELU", "///", "relu"),
        ("RELU", "a b*/ c", "a_b/c"),
        ("RELU", "漢字", "relu"),
        ("RELU", "x" * 300, "x" * 48),
    ],
)
def test_a_layer_is_called_what_its_author_called_it(
    operator: str, tensor: str, name: str | None
) -> None:
    assert layer_name(operator, tensor) == (name or "depthwise_conv2d_3")


def test_taken_names_get_a_number_that_is_free() -> None:
    unique = Unique()
    assert [unique.take(n) for n in ("a", "a_2", "a", "a", "a")] == [
        "a",
        "a_2",
        "a_2_2",
        "a_3",
        "a_4",
    ]
