# SPDX-License-Identifier: Apache-2.0
"""Layouts of helium."""

from __future__ import annotations

from mcuforge.compiler.packing.packing import Packing


class Helium(Packing):
    """Nothing is packed yet."""
