# SPDX-License-Identifier: Apache-2.0
"""CPU seconds of every test, of the process that runs it and of the programs it has waited for.

They hardly depend on what else the machine does, as wall time would. The last run's figures lie in
pytest's cache folder; `make slowest` shows them.
"""

from __future__ import annotations

import json
import resource
from collections.abc import Generator
from pathlib import Path

import pytest

FILE = "cpu_seconds.json"
UNIT_LIMIT = 10.0  # CPU seconds that a unit test may take; on an idle machine none takes half


def used() -> float:
    """CPU seconds of this process so far, and of its ended children."""
    seconds = 0.0
    for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN):
        usage = resource.getrusage(who)
        seconds += usage.ru_utime + usage.ru_stime
    return seconds


class CpuSeconds:
    """Measures tests where they run, and collects their reports where the run was started."""

    def __init__(self, folder: Path, is_worker: bool) -> None:
        self._folder = folder
        self._is_worker = is_worker
        self._since = 0.0
        self._seconds: dict[str, float] = {}

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self) -> None:
        """A test's time begins with its fixtures."""
        self._since = used()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Each phase's report carries its seconds; xdist sends them along."""
        report = yield
        now = used()
        seconds, self._since = now - self._since, now
        report.user_properties.append(("cpu_seconds", round(seconds, 4)))
        is_quick = item.get_closest_marker("unit") is not None and not item.get_closest_marker(
            "slow"
        )
        if call.when == "call" and report.passed and is_quick and seconds > UNIT_LIMIT:
            report.outcome = "failed"
            report.longrepr = (
                f"took {seconds:.1f} CPU seconds, a unit test may take {UNIT_LIMIT:g}: "
                "make it smaller, or mark it slow beside a cheaper test (CONTRIBUTING.md)"
            )
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Add a phase to its test."""
        mine = [v for k, v in report.user_properties if isinstance(v, float) and k == "cpu_seconds"]
        self._seconds[report.nodeid] = self._seconds.get(report.nodeid, 0.0) + sum(mine[-1:])

    def pytest_sessionfinish(self) -> None:
        """Write the file, in the process that has all reports."""
        if not self._is_worker and self._seconds:
            self._folder.mkdir(parents=True, exist_ok=True)
            text = json.dumps(self._seconds, indent=0, sort_keys=True)
            (self._folder / FILE).write_text(text + "\n", encoding="utf-8")
