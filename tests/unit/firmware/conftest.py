# SPDX-License-Identifier: Apache-2.0
"""The firmware, compiled once for all tests of this folder."""

import shutil
from pathlib import Path

import pytest

from tests.unit.firmware.toy_board import build_toy


@pytest.fixture(scope="session")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The toy model's firmware as a program of this machine."""
    if shutil.which("gcc") is None:
        pytest.skip("gcc is not installed")
    return build_toy(tmp_path_factory.mktemp("toy"))
