# SPDX-License-Identifier: Apache-2.0
"""The calls of kernels whose weights are packed for an instruction set."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from mcuforge.compiler.calls import ROWS, Blank, Blob, Call, Fields, kernel_call
from mcuforge.compiler.graph import Activation
from mcuforge.compiler.isa import find_instruction_set
from mcuforge.compiler.isa.channels import Channels, packable
from mcuforge.compiler.ops.common.fixed_point import Multiplier, activation_range
from mcuforge.compiler.ops.common.window import Window
from mcuforge.compiler.tensors import Array, Tensor, Tensors

Shape = tuple[int, ...]
FILTERS = 4  # of a block of packed weights


@dataclass(frozen=True)
class PackedLayer:
    """A layer with constant weights, and the instruction set to pack them for."""

    inputs: Tensors
    output: Tensor
    isa: str
    multipliers: tuple[Multiplier, ...]
    act: Activation

    @property
    def act_range(self) -> tuple[int, int]:
        """The smallest and the largest output."""
        return activation_range(self.act, self.output)

    @property
    def filters(self) -> Array:
        """The filters, one per output channel: int8 (co, taps)."""
        weights = self.inputs[1].values()
        return weights.reshape(weights.shape[0], -1)

    def ending(self, channels: Channels) -> Fields:
        """Collect the fields that say how accumulators are requantized."""
        low, high = self.act_range
        return {
            "output_zero_point": self.output.zero_point,
            "ties_away": int(channels.ties_away),
            "act_min": low,
            "act_max": high,
        }


@lru_cache(maxsize=8)  # a layer is asked for its calls whole and by rows, one after the other
def _channels(layer: PackedLayer, *, depthwise: bool = False) -> Channels | None:
    """How the channels of a layer are requantized; None: no packed kernel can."""
    if not find_instruction_set(layer.isa).packed_kernels:
        return None
    filters = layer.filters
    if depthwise:  # (1, kh, kw, c)
        filters = filters.reshape(-1, layer.output.shape[-1]).T
    act_min, _ = layer.act_range
    return packable(layer.inputs, filters, layer.multipliers, layer.output, act_min)


def packed_conv2d(
    layer: PackedLayer, window: Window, shapes: tuple[Shape, Shape] | None = None
) -> Call | None:
    """Call conv2d_packed_s8 for one group; None if the ISA has no packed layout for the layer.

    `shapes`: (h, w, c) of input and output, if the tensors' own shapes have another rank.
    """
    x, weights = layer.inputs[:2]
    filters = layer.filters
    channels = _channels(layer)
    packed = channels and find_instruction_set(layer.isa).conv2d(channels.used(filters), channels)
    if not channels or not packed:
        return None
    fields = window.fields(x, layer.output)
    if shapes:
        fields["input"], fields["output"] = shapes
    call = kernel_call(
        "conv2d_packed_s8",
        *(
            x,
            Blob("weights", packed.pack, 4 * packed.most_words),
            layer.output,
            Blank.PARAMS,
            Blank.SCRATCH,
            *ROWS,
        ),
        **fields,
        depth=packed.depth,
        input_zero_point=x.zero_point,
        **layer.ending(channels),
    )
    in_words = weights.shape[-1] % FILTERS == 0
    return replace(call, scratch_bytes=packed.scratch_bytes + (0 if in_words else packed.odd_bytes))


def packed_depthwise(layer: PackedLayer, window: Window) -> Call | None:
    """Call depthwise_conv2d_packed_s8; None if the ISA has no packed layout for the layer."""
    x, weights = layer.inputs[:2]
    if weights.shape[3] != x.shape[3]:
        return None
    filters = weights.values()[0]
    channels = _channels(layer, depthwise=True)
    packed = channels and find_instruction_set(layer.isa).depthwise_conv2d(
        channels.used(filters, 2), channels
    )
    if not channels or not packed:
        return None
    padding = Blob("padding", np.full(x.shape[3], x.zero_point, np.int8))
    return kernel_call(
        "depthwise_conv2d_packed_s8",
        *(
            x,
            Blob("weights", packed.pack, 4 * packed.most_words),
            padding,
            layer.output,
            Blank.PARAMS,
            *ROWS,
        ),
        **window.fields(x, layer.output),
        **layer.ending(channels),
    )


def packed_vector(layer: PackedLayer) -> Call | None:
    """Call fully_connected_packed_s8 for one vector; None if the ISA has no layout for it."""
    x = layer.inputs[0]
    filters = layer.filters
    channels = _channels(layer)
    packed = channels and find_instruction_set(layer.isa).fully_connected(
        channels.used(filters), channels
    )
    if not channels or not packed:
        return None
    return kernel_call(
        "fully_connected_packed_s8",
        *(x, Blob("weights", packed.pack, 4 * packed.most_words), layer.output, Blank.PARAMS),
        in_features=filters.shape[1],
        out_features=filters.shape[0],
        depth=packed.depth,
        **layer.ending(channels),
    )
