# SPDX-License-Identifier: Apache-2.0
"""A whole search of seconds on digits, from the command to the emulated board."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mcuforge import nas
from mcuforge.nas.budgets import BUDGETS
from mcuforge.nas.finalists import Finals, SharedAccuracy
from mcuforge.nas.run import JOURNAL
from mcuforge.nas.space import load_space
from mcuforge.report.search import SearchReport

SPACE = """
title = "Small"
one_kind = true
shape = [8, 8, 1]
classes = 10
[stem]
width = [4, 8]
[[stages]]
depth = [1]
width = [8, 16, 24]
stride = 2
[stages.plain]
[stages.residual]
[[hand_made]]
name = "ResNet"
scaled = ["stage0.width"]
[hand_made.choices]
"stem.width" = 8
kind = "residual"
"stage0.width" = 16
"""
TINY = replace(
    BUDGETS["quick"],
    drawn=6,
    varied=12,
    kinds=600,
    supernet=1_200,
    seeds=2,
    evaluations=4,
    ranked=3,
    ranked_samples=300,
    tried=2,
    tried_samples=300,
    final_samples=4_000,
    aware_samples=300,
    formulas=4,
    host=40,
    board=20,
    baselines=True,
)


@pytest.fixture(autouse=True)
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mcuforge.nas.setting.BUDGETS", {**BUDGETS, "quick": TINY})


def searched(folder: Path, **changed: Any) -> SearchReport:
    folder.mkdir(exist_ok=True)
    (folder / "small.toml").write_text(SPACE)
    space = str(folder / "small.toml")
    given = {"out": folder / "out", "workers": 1, "flash": 40_000, **changed}
    return nas.search(space, "nucleo_f446re", "digits", **given)


def decided(report: SearchReport) -> dict[str, Any]:
    """What does not depend on time or folder; the emulator's count may be a tick off."""
    found = json.loads(json.dumps(report, default=vars))
    for key in ("stages", "command", "winner"):
        del found[key]
    for finalist in found["finalists"]:
        del finalist["deployed"]["instructions"]
    for training in (found["supernet"], *(one["training"] for one in found["finalists"])):
        del training["core_seconds"]
    return dict(found)


def test_a_search_ends_on_the_board_and_goes_the_same_way_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = searched(tmp_path)
    assert report.verdict == "pass"
    space = load_space(str(tmp_path / "small.toml"))
    winner, resnet = report.finalists
    assert winner.name == "evolution"
    assert resnet.name == "ResNet"
    assert winner.test_float > 0.4  # of ten classes, after four thousand digits
    assert abs(winner.held_out_float - winner.held_out_int8) < 0.05
    assert winner.board_samples == 20
    assert winner.board_accuracy is not None
    assert winner.host_samples == 40
    assert winner.deployed.flash <= report.limits.flash == 40_000
    assert winner.deployed.ram <= winner.estimated.ram
    counted, estimated = winner.deployed.instructions, winner.estimated.instructions
    assert counted is not None
    assert estimated == pytest.approx(counted, rel=0.1)
    assert report.feasibility.asked >= 4
    assert {trial.kind for trial in report.kinds} == {"plain", "residual"}
    assert report.kinds[0].mean >= report.kinds[1].mean > 0
    assert all(trial.samples >= 600 and trial.networks > 0 for trial in report.kinds)
    searched_kind = {space.parse(point.genome)[0] for point in report.points}
    assert searched_kind == {space.kinds.index(report.kinds[0].kind)}
    assert report.ranks is not None
    assert len(report.ranks.alone) == 3
    out = tmp_path / "out"
    assert (out / winner.file).stat().st_size > 1_000
    assert json.loads((out / "report.json").read_text())["verdict"] == "pass"
    assert "</html>" in (out / "report.html").read_text()

    def unasked(self: SharedAccuracy, genome: object) -> float:
        raise AssertionError(f"{genome} was evaluated again")

    monkeypatch.setattr(SharedAccuracy, "__call__", unasked)
    assert decided(searched(tmp_path)) == decided(report)


class Enough(Exception):
    """The search has come to its finalists."""


def answers(folder: Path) -> list[tuple[str, ...]]:
    """The accuracies of a journal, whose contexts differ by the folder's space."""
    with closing(sqlite3.connect(folder / "out" / JOURNAL)) as file:
        rows = file.execute("SELECT question, subject, answer FROM answers ORDER BY 1, 2")
        return [
            (question, subject, json.dumps(json.loads(answer)["value"]))
            for question, subject, answer in rows
            if question != "seconds"
        ]


def test_the_largest_network_may_teach(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def enough(self: Finals, name: str, genome: object, costs: object) -> None:
        raise Enough

    monkeypatch.setattr(Finals, "deploy", enough)
    for folder, teacher in (("taught", "largest"), ("alone", None)):
        with pytest.raises(Enough):
            searched(tmp_path / folder, teacher=teacher)
    assert answers(tmp_path / "taught") != answers(tmp_path / "alone")


def test_an_interrupted_search_finds_what_an_undisturbed_one_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def enough(self: Finals, name: str, genome: object, costs: object) -> None:
        raise Enough

    monkeypatch.setattr(Finals, "deploy", enough)
    with pytest.raises(Enough):
        searched(tmp_path / "whole")
    calls = 0
    answer = SharedAccuracy.__call__

    def interrupted(self: SharedAccuracy, genome: Any) -> float:
        nonlocal calls
        calls += 1
        if calls == 4:
            raise KeyboardInterrupt
        return answer(self, genome)

    monkeypatch.setattr(SharedAccuracy, "__call__", interrupted)
    with pytest.raises(KeyboardInterrupt):
        searched(tmp_path / "parts")
    with pytest.raises(Enough):
        searched(tmp_path / "parts")
    assert answers(tmp_path / "parts") == answers(tmp_path / "whole")
    assert len(answers(tmp_path / "whole")) > 8
