# SPDX-License-Identifier: Apache-2.0
"""Unit tests start no compiler and no emulator: an audit hook fails the one that does."""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
from pathlib import Path

import pytest

from tests.compilers import script_folder

TOOL = re.compile(
    r"(.*-)?(gcc|g\+\+|cc|c\+\+|clang|clang\+\+|cpp|as|ld|ar|nm|objdump)(-\d+)?"
    r"|qemu-system-\w+|platformio|pio|scons|chromium"
)
STARTS = frozenset({"subprocess.Popen", "os.exec", "os.posix_spawn", "os.system"})


class Launches:
    """Watches the programs that this process starts while a test marked `unit` runs."""

    def __init__(self) -> None:
        self._watched = False
        sys.addaudithook(self._audit)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Watch from the fixtures of a unit test on, and look away in every other test."""
        self._watched = item.get_closest_marker("unit") is not None

    def _audit(self, event: str, details: tuple[object, ...]) -> None:
        if not self._watched or event not in STARTS:
            return
        started = tool_of(details)
        if started is not None:
            pytest.fail(
                f"a unit test starts {started}; move it to tests/firmware or tests/golden "
                "(a compiler), tests/emulated (QEMU, PlatformIO) or tests/browser"
            )


def tool_of(details: tuple[object, ...]) -> str | None:
    """The tool that a start's arguments name: the program itself, or the module of `python -m`.

    A stand-in that the test has written into a temporary folder is not one.
    """
    program, *rest = details
    words = [os.fsdecode(program)] if isinstance(program, (str, bytes, os.PathLike)) else []
    if rest and isinstance(rest[0], (list, tuple)):
        words += [os.fsdecode(w) for w in rest[0][:3] if isinstance(w, (str, bytes, os.PathLike))]
    for word in words:
        name = Path(word).name
        found = Path(shutil.which(word) or word)
        own = found.is_relative_to(tempfile.gettempdir()) and found.parent != script_folder()
        if TOOL.fullmatch(name) and not own:
            return name
    return None
