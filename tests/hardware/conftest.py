# SPDX-License-Identifier: Apache-2.0
"""Where the tests of this folder run: on every board emulated and exact, unless options say where.

pytest tests/hardware --mcuforge-board pico --mcuforge-port auto      on a real board
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mcuforge.boards.catalog.board import all_boards
from mcuforge.testing.plugin import WAY_FIXTURE
from mcuforge.testing.ways import BoardWay

# one of each kind, and both architectures; the others are slow
USUAL = (BoardWay("nucleo_f446re", "exact"), BoardWay("hifive1", "emulate"))


def everywhere() -> Iterator[BoardWay]:
    """Every board of the catalog in every way that needs no hardware."""
    for board in all_boards():
        yield BoardWay(board.id, "emulate")
        if board.virtual is not None:
            yield BoardWay(board.id, "exact")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if WAY_FIXTURE in metafunc.fixturenames and not metafunc.config.getoption("--mcuforge-board"):
        params = [
            pytest.param(way, id=str(way), marks=[] if way in USUAL else [pytest.mark.slow])
            for way in everywhere()
        ]
        metafunc.parametrize(WAY_FIXTURE, params, indirect=True, scope="session")
