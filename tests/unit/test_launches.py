# SPDX-License-Identifier: Apache-2.0
"""A unit test that starts a compiler or an emulator fails; the folders give the markers."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.slowest_tests import lines
from tests.launches import tool_of


@pytest.mark.parametrize(
    "command",
    [
        ["gcc", "--version"],
        ["/usr/bin/arm-none-eabi-gcc", "-c", "x.c"],
        ["riscv64-unknown-elf-gcc", "--version"],
        ["clang-14", "--version"],
        ["qemu-system-arm", "--version"],
        [sys.executable, "-m", "platformio", "run"],
    ],
    ids=lambda command: Path(command[-2]).name,
)
def test_a_compiler_or_an_emulator_started_here_fails_the_test(command: list[str]) -> None:
    with pytest.raises(pytest.fail.Exception, match="a unit test starts"):
        subprocess.run(command, check=False)


def test_a_spawned_compiler_fails_the_test_too() -> None:
    with pytest.raises(pytest.fail.Exception, match="a unit test starts gcc"):
        os.posix_spawn("/usr/bin/gcc", ["gcc", "--version"], os.environ)


def test_other_programs_and_a_tests_own_stand_ins_may_start(tmp_path: Path) -> None:
    assert subprocess.run([sys.executable, "-c", "print()"], check=True).returncode == 0
    assert tool_of((str(tmp_path / "arm-none-eabi-gcc"), ["x"], None, None)) is None


def test_the_marker_of_this_folder_is_set(request: pytest.FixtureRequest) -> None:
    marks = {mark.name for mark in request.node.iter_markers()}
    assert "unit" in marks
    assert not marks & {"firmware", "golden", "emulated"}


def test_the_slowest_tests_are_told_by_folder() -> None:
    seconds = {"tests/unit/ops/test_a.py::a": 1.0, "tests/test_smoke.py::b": 5.25}
    assert lines({**seconds, "tests/unit/ops/test_a.py::c[x/y]": 2.5}, 2) == [
        "   CPU s  tests  folder",
        "     5.2      1  tests",
        "     3.5      2  tests/unit/ops",
        "     8.8      3  all",
        "",
        "   CPU s  test",
        "     5.2  tests/test_smoke.py::b",
        "     2.5  tests/unit/ops/test_a.py::c[x/y]",
    ]
