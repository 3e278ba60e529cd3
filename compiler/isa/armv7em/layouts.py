# SPDX-License-Identifier: Apache-2.0
"""The weight layouts of armv7em."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from mcuforge.compiler.isa.armv7em.blocks import (
    UPPER_REACH,
    Rounds,
    block_words,
    pack_blocks,
    rounds_of,
)
from mcuforge.compiler.isa.armv7em.depthwise import pack_depthwise
from mcuforge.compiler.isa.channels import MEAN_WEIGHT, Channels, Int32
from mcuforge.compiler.isa.instruction_set import InstructionSet, Packed
from mcuforge.compiler.tensors import Array

LANE_BYTES = 2
BIAS_REACH = 1 << 20  # of a bias: more than trained layers have


class Armv7em(InstructionSet):
    """The layouts of armv7em: two filters share words of weights, see blocks.py."""

    name: ClassVar[str] = "armv7em"
    pixels: ClassVar[int] = 2
    taps: ClassVar[int] = 4

    def rounds_mixed(self, right: Int32, multiplier: Int32) -> bool:
        return rounds_of(right, multiplier) is Rounds.MIXED

    def words_of_large_weights(self, filters: int, taps: int) -> int:
        if 128 * 127 * taps + BIAS_REACH < UPPER_REACH or 128 * MEAN_WEIGHT * taps >= UPPER_REACH:
            return 0  # they share words whatever they are, or are taken not to
        return block_words(filters, taps, apart=True) - block_words(filters, taps, apart=False)

    def conv2d(self, filters: Array, channels: Channels) -> Packed:
        """Pack blocks of filters; scratch holds both current pixels, spread into lanes."""
        packed = pack_blocks(filters, channels)
        scratch_bytes = self.pixels * packed.depth * LANE_BYTES
        return replace(packed, scratch_bytes=scratch_bytes, odd_bytes=packed.depth)

    def fully_connected(self, filters: Array, channels: Channels) -> Packed:
        """Pack blocks of filters."""
        return pack_blocks(filters, channels)

    def depthwise_conv2d(self, filters: Array, channels: Channels) -> Packed | None:
        """Pack blocks of channels."""
        return pack_depthwise(filters, channels)
