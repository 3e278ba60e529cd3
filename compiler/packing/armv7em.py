# SPDX-License-Identifier: Apache-2.0
"""Layouts of armv7em."""

from __future__ import annotations

from mcuforge.compiler.packing.packing import Packing


class Armv7em(Packing):
    """Nothing is packed yet."""
