# SPDX-License-Identifier: Apache-2.0
"""What an ISA answers when asked to pack a layer's weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from mcuforge.compiler.ir import Array
from mcuforge.compiler.isa.channels import Channels, Int32

PACKED_KERNELS = ("conv2d_packed_s8", "fully_connected_packed_s8", "depthwise_conv2d_packed_s8")
MAX_TAPS = 50  # of a depthwise filter, MCUFORGE_DEPTHWISE_PACKED_TAPS: their addresses are kept


@dataclass(frozen=True, eq=False)
class Packed:
    """Weights and channel constants as one int32 array, in the order the kernel reads them.

    depth: values of a filter as packed, zeros at its end included. scratch_bytes: what the kernel
    needs in the arena while it runs; odd_bytes: what it needs besides where pixels have an odd
    number of channels, or one that is no multiple of four.
    """

    words: Int32
    depth: int
    scratch_bytes: int = 0
    odd_bytes: int = 0


class Packing:
    """The layouts of one ISA; of this class none. None: this layer is for the portable kernel."""

    pixels: ClassVar[int] = 1  # conv2d_packed_s8 takes at once

    def conv2d(self, filters: Array, channels: Channels) -> Packed | None:
        """For conv2d_packed_s8. filters: int8 (co, kh * kw * ci), one group."""
        return None

    def fully_connected(self, filters: Array, channels: Channels) -> Packed | None:
        """For fully_connected_packed_s8, one vector. filters: int8 (co, ci)."""
        return None

    def depthwise_conv2d(self, filters: Array, channels: Channels) -> Packed | None:
        """For depthwise_conv2d_packed_s8. filters: int8 (kh, kw, c), one filter a channel."""
        return None
