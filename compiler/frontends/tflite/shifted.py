# SPDX-License-Identifier: Apache-2.0
"""Reads uint8 as int8: every value less 128.

What an operator computes on uint8 is then what it computes on int8, moved by 128, except where
arms ask `Values.legacy`: a convolution multiplies two scales in float32, an average rounds halves
up, weights have a zero point, and inputs of a concatenation are put on one scale in float32.
"""

from dataclasses import replace

import numpy as np

from mcuforge.compiler.graph import Port
from mcuforge.compiler.tensors import Array, DType, Quant, Tensor

SHIFT = 128
UINT8 = "uint8"


def moved(tensor: Tensor) -> Tensor:
    """Make the int8 tensor of a uint8 one; int8 of its shape."""
    quant = tensor.quant
    if quant is not None:
        quant = replace(quant, zero_point=quant.zero_point - SHIFT)
    data = None if tensor.data is None else moved_values(tensor.data)
    return Tensor(tensor.name, tensor.shape, DType.INT8, quant, data)


def moved_values(values: Array) -> Array:
    """Subtract 128 from uint8 values; int8 of their shape."""
    return (values.astype("int16") - SHIFT).astype("int8")


def uint8_port(tensor: Tensor) -> Port:
    """Describe an input or output that the file has in uint8."""
    return Port(UINT8, tensor.shape, tuple(range(len(tensor.shape))), SHIFT)


def single_product(x: Tensor, weights: Tensor) -> Tensor:
    """Give weights the scale whose product with x's is the float32 product of both.

    TFLite multiplies the scales of a uint8 convolution in float32, those of an int8 one in double.
    """
    assert weights.quant is not None
    product = float(np.float32(x.scale) * np.float32(weights.scale))
    scale = product / x.scale
    for near in (scale, np.nextafter(scale, 0.0), np.nextafter(scale, 1e30)):
        if x.scale * float(near) == product:
            scale = float(near)
            break
    return replace(weights, quant=Quant((scale,), weights.zero_point))
