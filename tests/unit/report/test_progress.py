# SPDX-License-Identifier: Apache-2.0
"""What a log says of a long stage while it runs."""

from __future__ import annotations

import time
from io import StringIO

import pytest
from rich.console import Console

from mcuforge.report import progress
from mcuforge.report.progress import Stages, pace_text


def lines(parts: int, *, quiet: bool = False) -> list[str]:
    """The lines of a stage with so many parts, without what they say of time."""
    log = StringIO()
    with Stages(Console(file=log, width=100), quiet).counted("running", parts) as counter:
        for _ in range(parts):
            counter.advance()
    told = [line.rpartition(" in ")[0] for line in log.getvalue().splitlines()]
    return [line.partition(", ")[0] for line in told]


def test_a_short_stage_is_one_line_in_a_log() -> None:
    assert lines(3) == ["running: 3"]


def test_a_long_stage_says_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "LINE_SECONDS", 0.0)
    assert lines(2) == ["running: 1 of 2", "running: 2 of 2", "running: 2"]


def test_a_quiet_stage_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "LINE_SECONDS", 0.0)
    assert lines(2, quiet=True) == []


@pytest.mark.parametrize(
    ("fresh", "left", "seconds", "text"),
    [
        (0, 10, 5.0, ""),
        (10, 50, 4.0, ", 2.5 a second, 0:20 left"),
        (3000, 12_000, 2.0, ", 1,500 a second, 0:08 left"),
        (1, 100, 40.0, ", 0.025 a second, 66:40 left"),
    ],
)
def test_the_pace_and_the_time_left(fresh: int, left: int, seconds: float, text: str) -> None:
    assert pace_text(fresh, left, seconds) == text


def test_what_an_earlier_run_did_counts_as_done_and_not_as_fast(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(progress, "LINE_SECONDS", 0.0)
    clock = iter(range(100))
    monkeypatch.setattr(time, "monotonic", lambda: float(next(clock)))
    log = StringIO()
    with Stages(Console(file=log, width=100)).counted("running", 100, 90) as counter:
        counter.advance()
    first = log.getvalue().splitlines()[0]
    assert first.startswith("running: 91 of 100, 0.")
