# SPDX-License-Identifier: Apache-2.0
"""What `bench` refuses before it reads or builds anything."""

from pathlib import Path

import pytest
from rich.console import Console

from mcuforge.commands.bench import Request, bench
from mcuforge.errors import BoardError
from mcuforge.report.progress import Stages

MODEL = Path("missing.tflite")
QUIET = Stages(Console(stderr=True), quiet=True)


@pytest.mark.parametrize(
    ("request_", "what"),
    [
        (Request(MODEL, "disco_f746ng", exact=True, port="auto"), "--exact and --port exclude"),
        (Request(MODEL, "disco_f746ng", protocol="jlink"), "nothing is flashed"),
        (Request(MODEL, "disco_f746ng", line_speed=True), "--exact is not given"),
        (Request(MODEL, "disco_f746ng", exact=True, cycles=True), "--cycles estimates"),
        (Request(MODEL, "disco_f746ng", port="auto", cycles=True), "--cycles estimates"),
    ],
)
def test_ways_that_exclude_each_other_are_refused_first(request_: Request, what: str) -> None:
    with pytest.raises(BoardError, match=what):
        bench(request_, QUIET)
