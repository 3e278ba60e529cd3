# SPDX-License-Identifier: Apache-2.0
"""Third-party models beside the checkout: used where they are there, skipped by name elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared"


def shared(path: str) -> Path:
    """The file ../shared/<path> beside the repository; skips the test where it is missing."""
    file = SHARED / path
    if not file.exists():
        pytest.skip(f"needs ../shared/{path} beside the checkout")
    return file
