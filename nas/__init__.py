# SPDX-License-Identifier: Apache-2.0
"""Architecture search: `nas.search(...)` finds, trains and deploys the best network for a board."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mcuforge.nas.run import search

__all__ = ["search"]


def __getattr__(name: str) -> object:
    """Load the search when it is asked for: spaces and costs need none of its packages."""
    if name == "search":
        from mcuforge.nas.run import search

        return search
    raise AttributeError(f"module 'mcuforge.nas' has no attribute '{name}'")
