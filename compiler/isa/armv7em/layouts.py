# SPDX-License-Identifier: Apache-2.0
"""The weight layouts of armv7em."""

from __future__ import annotations

from typing import ClassVar

from mcuforge.compiler.isa.armv7em.blocks import depth_of, pack_blocks
from mcuforge.compiler.isa.armv7em.depthwise import pack_depthwise
from mcuforge.compiler.isa.channels import Channels
from mcuforge.compiler.isa.instruction_set import InstructionSet, Packed
from mcuforge.compiler.tensors import Array

LANE_BYTES = 2


class Armv7em(InstructionSet):
    """The layouts of armv7em: two filters share words of weights, see blocks.py."""

    name: ClassVar[str] = "armv7em"
    pixels: ClassVar[int] = 2

    def conv2d(self, filters: Array, channels: Channels) -> Packed | None:
        """Pack blocks of filters; scratch holds both current pixels, spread into lanes."""
        words = pack_blocks(filters, channels)
        if words is None:
            return None
        depth = depth_of(filters)
        return Packed(words, depth, self.pixels * depth * LANE_BYTES, depth)

    def fully_connected(self, filters: Array, channels: Channels) -> Packed | None:
        """Pack blocks of filters."""
        words = pack_blocks(filters, channels)
        return None if words is None else Packed(words, depth_of(filters))

    def depthwise_conv2d(self, filters: Array, channels: Channels) -> Packed | None:
        """Pack blocks of channels."""
        return pack_depthwise(filters, channels)
