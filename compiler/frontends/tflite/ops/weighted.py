# SPDX-License-Identifier: Apache-2.0
"""Reads convolutions, TRANSPOSE_CONV, FULLY_CONNECTED and BATCH_MATMUL."""

from dataclasses import replace
from math import prod

import numpy as np

from mcuforge.compiler.frontends.common import contradiction
from mcuforge.compiler.frontends.tflite.legacy import CONVERT
from mcuforge.compiler.frontends.tflite.ops.asymmetric import grouped, split, symmetric
from mcuforge.compiler.frontends.tflite.ops.operator import NewNode, NewNodes, Operator, Options
from mcuforge.compiler.frontends.tflite.ops.spatial import read_window
from mcuforge.compiler.frontends.tflite.shifted import single_product
from mcuforge.compiler.ops.batch_matmul import BatchMatMul
from mcuforge.compiler.ops.common.checks import want_one_image, want_rank, want_shape
from mcuforge.compiler.ops.common.window import Window
from mcuforge.compiler.ops.conv2d import Conv2D
from mcuforge.compiler.ops.depthwise_conv2d import DepthwiseConv2D
from mcuforge.compiler.ops.fully_connected import FullyConnected
from mcuforge.compiler.ops.transpose_conv import TransposeConv
from mcuforge.compiler.tensors import Quant, Tensor
from mcuforge.errors import Refusal

SHUFFLED = "export without the shuffled weight format of TFLite's float CPU kernels"


def conv2d(operator: Operator) -> NewNodes:
    """Read Conv2DOptions: padding 0, stride_w 1, stride_h 2, activation 3, dilation_w 4, _h 5."""
    options, inputs, window = _convolution(operator, "Conv2DOptions", 3)
    op = Conv2D(window.stride, window.pad, window.dilation, options.activation(3))
    nodes: NewNodes = ()
    if operator.values.legacy:
        x, weights, *bias = inputs
        if weights.zero_point != 0 and x.shape[3] != weights.shape[3]:
            raise Refusal(
                "it has groups, and weights with a zero point, supported: one group", CONVERT
            )
        nodes, wide, made = symmetric(operator, x, single_product(x, weights))
        inputs = (wide, made, *bias)
    return (*nodes, NewNode(op, inputs, operator.output()))


def depthwise_conv2d(operator: Operator) -> NewNodes:
    """Read DepthwiseConv2DOptions: depth_multiplier 3, then as Conv2DOptions one slot later."""
    options, inputs, window = _convolution(operator, "DepthwiseConv2DOptions", 4)
    multiplier, channels, filters = options.integer(3), inputs[0].shape[3], inputs[1].shape[3]
    if multiplier * channels != filters:
        raise contradiction(
            f"depth_multiplier is {multiplier} and the input has {channels} channels, "
            f"expected weights for {multiplier * channels} filters, found {filters}"
        )
    settings = (window.stride, window.pad, window.dilation, options.activation(4))
    if not operator.values.legacy or inputs[1].data is None:
        return (NewNode(DepthwiseConv2D(*settings), inputs, operator.output()),)
    x, weights, *bias = inputs
    weights = single_product(x, weights)
    parts = split(weights)
    if len(parts) > 1:
        nodes, wide, made = grouped(operator, x, weights)
        return (*nodes, NewNode(Conv2D(*settings), (wide, made, *bias), operator.output()))
    name = operator.values.fresh(f"{weights.name}/symmetric")
    data = parts[0].astype(np.int8)
    made = replace(weights, name=name, quant=Quant((weights.scale,)), data=data)
    return (NewNode(DepthwiseConv2D(*settings), (x, made, *bias), operator.output()),)


def transpose_conv(operator: Operator) -> NewNodes:
    """Read inputs output shape (constant), weights (co, kh, kw, ci), x, bias.

    TransposeConvOptions: padding 0, stride_w 1, stride_h 2, activation 3.
    """
    operator.arity(3, 4)
    options = operator.options("TransposeConvOptions", required=True)
    weights, x, output = operator.input(1), operator.input(2), operator.output()
    want_one_image(x)
    want_rank(weights, 4)
    want_shape(output, operator.integers(0))
    kernel, stride = weights.shape[1:3], (options.integer(2), options.integer(1))
    # the padding is that of the convolution from the output back to the input
    window = read_window(output, (kernel[0], kernel[1]), stride, (1, 1), options.code(0))
    op = TransposeConv(window.stride, window.pad[:2], options.activation(3))
    inputs = (x, weights, operator.input(3)) if operator.has(3) else (x, weights)
    return (NewNode(op, inputs, output),)


def fully_connected(operator: Operator) -> NewNodes:
    """Read FullyConnectedOptions: activation 0, weights_format 1, keep_num_dims 2."""
    operator.arity(2, 3)
    options = operator.options("FullyConnectedOptions")
    x, weights, output = operator.input(0), operator.input(1), operator.output()
    if options.code(1) != 0:
        raise Refusal("the weights are stored shuffled, expected the default format", SHUFFLED)
    if not weights.is_constant:
        raise Refusal(
            f"the weights '{weights.name}' are computed at run time, expected constants",
            "write a product of two activations as tf.matmul of three dimensions (BATCH_MATMUL)",
        )
    want_rank(weights, 2)
    if options.flag(2):
        want_shape(x, (*x.shape[:-1], weights.shape[1]))
        want_shape(output, (*x.shape[:-1], weights.shape[0]))
    else:
        want_shape(output, (prod(x.shape) // weights.shape[1], weights.shape[0]))
    op = FullyConnected(options.activation(0))
    inputs = _with_bias(operator, x, weights)
    nodes: NewNodes = ()
    if operator.values.legacy:
        nodes, wide, made = symmetric(operator, x, weights)
        inputs = (wide, made, *inputs[2:])
    return (*nodes, NewNode(op, inputs, output))


def batch_matmul(operator: Operator) -> NewNodes:
    """Read BatchMatMulOptions: adj_x 0, adj_y 1; a FullyConnected where b is symmetric weights."""
    operator.arity(2)
    options = operator.options("BatchMatMulOptions")
    a, b, output = operator.input(0), operator.input(1), operator.output()
    op = BatchMatMul(options.flag(0), options.flag(1))
    op.check((a, b), output)
    if not b.is_constant or b.zero_point != 0 or op.adj_x or prod(b.shape[:-2]) != 1:
        return (NewNode(op, (a, b), output),)
    matrix = b.values().reshape(b.shape[-2:])
    by_output = np.ascontiguousarray(matrix if op.adj_y else matrix.T)
    name = operator.values.fresh(f"{b.name}/by_output")
    weights = replace(b, name=name, shape=by_output.shape, data=by_output)
    return (NewNode(FullyConnected(), (a, weights), output),)


def _convolution(
    operator: Operator, table: str, activation: int
) -> tuple[Options, tuple[Tensor, ...], Window]:
    """Read a convolution's options, inputs and window; dilations follow slot `activation`."""
    operator.arity(2, 3)
    options = operator.options(table, required=True)
    x, weights = operator.input(0), operator.input(1)
    want_rank(weights, 4)
    window = read_window(
        x,
        kernel=(weights.shape[1], weights.shape[2]),
        stride=(options.integer(2), options.integer(1)),
        dilation=(options.integer(activation + 2, 1), options.integer(activation + 1, 1)),
        padding=options.code(0),
    )
    return options, _with_bias(operator, x, weights), window


def _with_bias(operator: Operator, x: Tensor, weights: Tensor) -> tuple[Tensor, ...]:
    return (x, weights, operator.input(2)) if operator.has(2) else (x, weights)
