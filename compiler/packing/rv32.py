# SPDX-License-Identifier: Apache-2.0
"""Layouts of rv32."""

from __future__ import annotations

from mcuforge.compiler.packing.packing import Packing


class Rv32(Packing):
    """Nothing is packed yet."""
