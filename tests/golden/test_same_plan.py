# SPDX-License-Identifier: Apache-2.0
"""The same model, board and options give the same bytes: on a busy machine, with any hash seed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.shared import shared

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "digits"
BURNERS = 1  # processes that never rest, beside the tests that run at the same time


@contextmanager
def busy_machine() -> Iterator[None]:
    """Have another process busy all the time, beside the other tests."""
    burners = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(BURNERS)]
    try:
        yield
    finally:
        for burner in burners:
            burner.kill()
            burner.wait()


def written(model: Path, out: Path, options: list[str], seed: int) -> dict[str, bytes]:
    """Every file that compile and plan write, by name; without the seconds that planning took."""
    command = [sys.executable, "-c", "from mcuforge.cli import main; main()"]
    environment = {**os.environ, "PYTHONHASHSEED": str(seed)}
    report = out / "plan.json"
    for verb in (["compile", "--out", str(out / "c")], ["plan", "--json", str(report)]):
        subprocess.run(
            [*command, *verb[:1], str(model), *options, *verb[1:]], check=True, env=environment
        )
    plan = json.loads(report.read_text(encoding="utf-8"))
    del plan["plan"]["seconds"]
    files = {str(f.relative_to(out)): f.read_bytes() for f in out.rglob("*.[ch]")}
    return files | {"plan.json": json.dumps(plan).encode()}


def check_same_bytes(model: Path, options: list[str], folder: Path) -> None:
    quiet = written(model, folder / "quiet", options, seed=1)
    with busy_machine():
        busy = written(model, folder / "busy", options, seed=2)
    assert len(quiet) > 3
    assert quiet.keys() == busy.keys()
    assert [name for name in quiet if quiet[name] != busy[name]] == []
    # the search that a clock used to stop did run
    assert json.loads(quiet["plan.json"])["plan"]["solver"] == "exact"


def test_a_transformer_planned_for_speed(tmp_path: Path) -> None:
    options = ["--board", "sipeed-longan-nano", "--optimize", "speed"]
    check_same_bytes(EXAMPLES / "digits_vit.onnx", options, tmp_path)


def test_a_keyword_spotter(tmp_path: Path) -> None:
    options = ["--board", "nucleo_f446re"]
    check_same_bytes(shared("models/mlperf_tiny/kws_ref_model.tflite"), options, tmp_path)
