# SPDX-License-Identifier: Apache-2.0
"""The table of hard problems."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.bench_memplan import main, sliced
from tests.unit.memplan.csv_writer import write_csv


def test_a_sliced_memory_is_full_at_every_step() -> None:
    problem = sliced(pieces=12, capacity=50, steps=20, seed=1)
    assert len(problem.buffers) == 12
    for step in range(20):
        assert sum(b.bytes for b in problem.buffers if b.begin <= step < b.end) == 50


def test_the_table_tells_a_closed_problem_from_one_too_large(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = write_csv(sliced(pieces=8, capacity=50, steps=20, seed=1))
    files = [tmp_path / "fits.50.csv", tmp_path / "short.40.csv"]
    for file in files:
        file.write_text(text)
    main(["--seconds", "0.2", *map(str, files)])
    lines = capsys.readouterr().out.splitlines()
    assert lines[2].startswith("| fits | 8 | 50 | 50 | 50 | +0.0 % |")
    assert lines[2].endswith("| yes |")
    assert lines[3].startswith("| short | 8 | 40 | 50 | 50 | +25.0 % |")
    assert lines[3].endswith("| no |")
    assert lines[-1] == "1 of 2 closed"


def test_the_built_in_problem_is_closed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("scripts.bench_memplan.FOLDER", tmp_path)
    main(["--seconds", "5"])
    assert "1 of 1 closed" in capsys.readouterr().out
