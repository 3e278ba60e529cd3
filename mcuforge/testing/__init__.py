# SPDX-License-Identifier: Apache-2.0
"""Tests on boards in anybody's repository: the pytest plugin, and the types of its fixture.

    from mcuforge.testing import OnBoard

    def test_accuracy(board: OnBoard) -> None: ...

pytest loads the plugin whenever mcuforge is installed, so nothing is imported here before it is
asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mcuforge.testing.board import Deployed, OnBoard, VerdictFailed

__all__ = ["Deployed", "OnBoard", "VerdictFailed"]


def __getattr__(name: str) -> object:
    if name in __all__:
        from mcuforge.testing import board

        return getattr(board, name)
    raise AttributeError(f"module 'mcuforge.testing' has no attribute '{name}'")
