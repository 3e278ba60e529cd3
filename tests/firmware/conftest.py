# SPDX-License-Identifier: Apache-2.0
"""The firmware, compiled once for all tests of this folder."""

import shutil
from pathlib import Path

import pytest

from tests.firmware.toy_board import compile_firmware, link_toy


@pytest.fixture(scope="session")
def firmware() -> tuple[Path, ...]:
    """Objects of the firmware for this machine, to be linked with a model."""
    if shutil.which("gcc") is None:
        pytest.skip("gcc is not installed")
    return compile_firmware()


@pytest.fixture(scope="session")
def toy(firmware: tuple[Path, ...], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The toy model's firmware as a program of this machine."""
    return link_toy(tmp_path_factory.mktemp("toy"), firmware)
