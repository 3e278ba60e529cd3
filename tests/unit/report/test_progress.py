# SPDX-License-Identifier: Apache-2.0
"""What a log says of a long stage while it runs."""

from __future__ import annotations

from io import StringIO

import pytest
from rich.console import Console

from mcuforge.report import progress
from mcuforge.report.progress import Stages


def lines(parts: int, *, quiet: bool = False) -> list[str]:
    """The lines of a stage with so many parts, without what they say of time."""
    log = StringIO()
    with Stages(Console(file=log, width=100), quiet).counted("running", parts) as counter:
        for _ in range(parts):
            counter.advance()
    return [line.rpartition(" in ")[0] for line in log.getvalue().splitlines()]


def test_a_short_stage_is_one_line_in_a_log() -> None:
    assert lines(3) == ["running: 3"]


def test_a_long_stage_says_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "LINE_SECONDS", 0.0)
    assert lines(2) == ["running: 1 of 2", "running: 2 of 2", "running: 2"]


def test_a_quiet_stage_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "LINE_SECONDS", 0.0)
    assert lines(2, quiet=True) == []
