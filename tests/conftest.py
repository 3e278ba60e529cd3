# SPDX-License-Identifier: Apache-2.0
"""Markers by folder, the order of tests, and --no-skips: in CI a skipped test is a failure."""

from __future__ import annotations

from collections.abc import Generator
from importlib.metadata import entry_points
from pathlib import Path

import pytest
from hypothesis import settings

from tests.compilers import share_compilers
from tests.cpu_seconds import CpuSeconds
from tests.golden.objects import drop_folder, share_folder
from tests.launches import Launches
from tests.models.oracle import RECORDED

# pytest loads the plugin by itself where this checkout's package is installed with its entry point
OWN = "mcuforge.testing.plugin"
ENTERED = any(entry.value == OWN for entry in entry_points(group="pytest11"))
pytest_plugins = ["pytester", *([] if ENTERED else [OWN])]

TESTS = Path(__file__).resolve().parent
FOLDER_MARKERS = (
    "unit",
    "firmware",
    "golden",
    "random",
    "fuzz",
    "faults",
    "browser",
    "training",
    "emulated",
    "hardware",
    "distributed",
)
FIRST = "test_smoke.py"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--no-skips", action="store_true", help="a skipped test fails the run")
    parser.addoption("--update-golden", action="store_true", help="rewrite the committed C")
    parser.addoption(
        "--update-answers", action="store_true", help="record tflite-runtime 2.14's answers again"
    )


def pytest_configure(config: pytest.Config) -> None:
    RECORDED.updating = bool(config.getoption("--update-answers"))
    if RECORDED.updating and (hasattr(config, "workerinput") or config.getoption("-n", None)):
        raise pytest.UsageError("--update-answers needs one process: leave -n out")
    # the same examples on every machine, busy or not
    settings.register_profile("repeatable", derandomize=True, deadline=None, database=None)
    settings.load_profile("repeatable")
    is_worker = hasattr(config, "workerinput")
    cpu_seconds = CpuSeconds(TESTS.parent / ".pytest_cache", is_worker)
    config.pluginmanager.register(cpu_seconds, "mcuforge-cpu-seconds")
    config.pluginmanager.register(Launches(), "mcuforge-launches")
    objects = share_folder()
    config.add_cleanup(lambda: drop_folder(objects))
    share_compilers()


def pytest_unconfigure(config: pytest.Config) -> None:
    if RECORDED.updating:
        RECORDED.write()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        folder = item.path.relative_to(TESTS).parts[0]
        if folder in FOLDER_MARKERS:
            item.add_marker(folder)
        elif folder == FIRST:
            item.add_marker("emulated")
    items.sort(key=lambda item: item.path.name != FIRST)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    strict = item.config.getoption("--no-skips")
    if report.skipped and strict and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped under --no-skips: {report.longrepr}"
    return report
