# SPDX-License-Identifier: Apache-2.0
"""The calls and the work of kernels whose weights are packed for an instruction set."""

from __future__ import annotations

import numpy as np

from mcuforge.compiler.calls import Blank, Blob, Call, Field, Params, RingRows
from mcuforge.compiler.isa import find_instruction_set
from mcuforge.compiler.isa.channels import Channels, packable
from mcuforge.compiler.ops.common.fixed_point import Multiplier
from mcuforge.compiler.ops.common.window import Window
from mcuforge.compiler.tensors import Tensor, Tensors
from mcuforge.compiler.work import CALLED, Counts, Work

Fields = tuple[tuple[str, Field], ...]
Shape = tuple[int, ...]
Range = tuple[int, int]
FILTERS = 4  # of a block of packed weights


def packed_conv2d(
    inputs: Tensors,
    output: Tensor,
    isa: str,
    window: Window,
    multipliers: tuple[Multiplier, ...],
    act_range: Range,
    shapes: tuple[Shape, Shape] | None = None,
) -> Call | None:
    """Call conv2d_packed_s8 for one group; None if `isa` has no packed layout for the layer.

    `shapes`: (h, w, c) of input and output, if the tensors' own shapes have another rank.
    """
    x, weights = inputs[:2]
    filters = weights.values().reshape(weights.shape[0], -1)
    channels = packable(inputs, filters, multipliers, output, act_range[0])
    packed = channels and find_instruction_set(isa).conv2d(channels.used(filters), channels)
    if not channels or not packed:
        return None
    of_input, of_output = shapes or (x.shape[1:], output.shape[1:])
    params = Params(
        "conv2d_packed_params",
        (
            *_places(x, output, of_input, of_output, window),
            ("depth", packed.depth),
            ("input_zero_point", x.zero_point),
            *_ending(channels, output, act_range),
        ),
    )
    blob = Blob("weights", packed.words)
    arguments = (
        x,
        blob,
        output,
        Blank.PARAMS,
        Blank.SCRATCH,
        Blank.FIRST_ROW,
        Blank.END_ROW,
    )
    scratch_bytes = packed.scratch_bytes + (packed.odd_bytes if of_input[-1] % 4 else 0)
    return Call("conv2d_packed_s8", arguments, params, scratch_bytes)


def packed_depthwise(
    inputs: Tensors,
    output: Tensor,
    isa: str,
    window: Window,
    multipliers: tuple[Multiplier, ...],
    act_range: Range,
) -> Call | None:
    """Call depthwise_conv2d_packed_s8; None if `isa` has no packed layout for the layer."""
    x, weights = inputs[:2]
    if weights.shape[3] != x.shape[3]:
        return None
    filters = weights.values()[0]
    by_channel = filters.reshape(-1, filters.shape[2]).T
    channels = packable(inputs, by_channel, multipliers, output, act_range[0])
    packed = channels and find_instruction_set(isa).depthwise_conv2d(
        channels.used(filters, 2), channels
    )
    if not channels or not packed:
        return None
    params = Params(
        "depthwise_conv2d_packed_params",
        (
            *_places(x, output, x.shape[1:], output.shape[1:], window),
            *_ending(channels, output, act_range),
        ),
    )
    padding = Blob("padding", np.full(x.shape[3], x.zero_point, np.int8))
    arguments = (
        x,
        Blob("weights", packed.words),
        padding,
        output,
        Blank.PARAMS,
        Blank.FIRST_ROW,
        Blank.END_ROW,
    )
    return Call("depthwise_conv2d_packed_s8", arguments, params)


def packed_vector(
    inputs: Tensors,
    output: Tensor,
    isa: str,
    multipliers: tuple[Multiplier, ...],
    act_range: Range,
) -> Call | None:
    """Call fully_connected_packed_s8 for one vector; None if `isa` has no layout for the layer."""
    filters = inputs[1].values()
    channels = packable(inputs, filters, multipliers, output, act_range[0])
    packed = channels and find_instruction_set(isa).fully_connected(
        channels.used(filters), channels
    )
    if not channels or not packed:
        return None
    params = Params(
        "fully_connected_packed_params",
        (
            ("in_features", filters.shape[1]),
            ("out_features", filters.shape[0]),
            ("depth", packed.depth),
            *_ending(channels, output, act_range),
        ),
    )
    arguments = (inputs[0], Blob("weights", packed.words), output, Blank.PARAMS)
    return Call("fully_connected_packed_s8", arguments, params)


def packed_work(inputs: Tensors, output: Tensor, products: int, isa: str, kernel: str) -> Work:
    """Count the work of a packed `kernel` for a layer of `products`, in pixel and filter blocks."""
    channels = output.shape[-1]
    pixels = output.elements // channels
    blocks, left = divmod(channels, FILTERS)
    counts = Counts(position=pixels, output=output.elements)
    if kernel == "depthwise_conv2d_packed_s8":
        taps = products // output.elements
        counts = counts._replace(
            run=pixels * blocks, tap=pixels * taps * blocks * FILTERS, rest=pixels * taps * left
        )
        return Work(kernel, counts, CALLED)
    blocks += left > 0
    depth = -(-products // output.elements // FILTERS) * FILTERS
    at_once = find_instruction_set(isa).pixels if kernel == "conv2d_packed_s8" else 1
    taps = blocks * FILTERS * depth
    counts = counts._replace(run=pixels * blocks / at_once, tap=pixels * taps)
    if kernel == "conv2d_packed_s8":
        elements, in_words = pixels * depth, inputs[1].shape[-1] % FILTERS == 0
        counts = counts._replace(gathered=elements, in_bytes=0 if in_words else elements)
    alone = Counts(run=blocks - blocks / at_once, tap=-taps, rest=taps)
    return Work(kernel, counts, CALLED, alone, at_once)


def _places(x: Tensor, output: Tensor, of_input: Shape, of_output: Shape, window: Window) -> Fields:
    """Collect the fields that say where pixels lie and which of them a window takes."""
    return (
        ("input", of_input),
        ("output", of_output),
        ("input_ring", RingRows(x)),
        ("output_ring", RingRows(output)),
        ("kernel", window.kernel),
        ("stride", window.stride),
        ("pad", window.pad[:2]),
        ("dilation", window.dilation),
    )


def _ending(channels: Channels, output: Tensor, act_range: Range) -> Fields:
    """Collect the fields that say how accumulators are requantized."""
    return (
        ("output_zero_point", output.zero_point),
        ("ties_away", int(channels.ties_away)),
        ("act_min", act_range[0]),
        ("act_max", act_range[1]),
    )
