# SPDX-License-Identifier: Apache-2.0
"""The flags of a gate: their numbers, their wrong usage, and what commands do with them."""

from __future__ import annotations

import json
import re
import signal
import sys
from dataclasses import fields
from inspect import signature
from pathlib import Path

import pytest
import typer

from mcuforge import cli
from mcuforge.commands import compile, deploy, plan
from mcuforge.commands.limits import LimitFlags, PlanLimitFlags
from mcuforge.commands.numbers import bytes_of, count_of, tolerance_of
from mcuforge.flow.gate import Limits, PlanLimits, Tolerance

DIGITS = str(Path(__file__).resolve().parents[3] / "examples" / "digits" / "digits_cnn.tflite")
BOARD = ("--board", "nucleo_f446re")


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """The exit code of `mcuforge ARGUMENTS`."""
    monkeypatch.setattr(sys, "argv", ["mcuforge", *arguments])
    before = signal.getsignal(signal.SIGTERM)
    try:
        cli.main()
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 0
    finally:
        signal.signal(signal.SIGTERM, before)
    return 0


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("5500", 5500),
        ("64K", 65536),
        ("64 KiB", 65536),
        ("64kb", 65536),
        ("12b", 12),
        ("2M", 2 << 20),
        ("2MiB", 2 << 20),
        ("2mb", 2 << 20),
    ],
)
def test_a_size_is_in_powers_of_1024(text: str, count: int) -> None:
    assert bytes_of(text) == count


@pytest.mark.parametrize(
    ("text", "count"),
    [("5000000", 5e6), ("5M", 5e6), ("0.9k", 900), ("12.9e6", 12.9e6), ("1G", 1e9), ("1", 1)],
)
def test_a_count_is_in_powers_of_1000(text: str, count: float) -> None:
    assert count_of(text) == pytest.approx(count)


@pytest.mark.parametrize("text", ["", "M", "0", "0.5", "-5M", "5MiB", "nan", "inf", "1e400"])
def test_what_is_not_a_count_is_wrong_usage(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="is not a count"):
        count_of(text)


def test_a_tolerance_is_of_one_figure() -> None:
    assert tolerance_of(()) == Tolerance()
    given = tolerance_of(("ram=5%", "accuracy=0.01", "time=0%"))
    assert given == Tolerance(ram=0.05, accuracy=0.01, time=0.0)


@pytest.mark.parametrize(
    "word", ["5%", "ram", "ram=", "ram=5", "ram=-5%", "rom=5%", "accuracy=1%", "ram=x%", "ram=nan%"]
)
def test_a_tolerance_of_nothing_known_is_wrong_usage(word: str) -> None:
    with pytest.raises(typer.BadParameter, match="is not FIGURE=VALUE"):
        tolerance_of((word,))


def test_a_figure_has_one_tolerance() -> None:
    with pytest.raises(typer.BadParameter, match="'ram' is given twice"):
        tolerance_of(("ram=5%", "flash=1%", "ram=2%"))


def test_commands_have_the_limits_of_what_they_know() -> None:
    of_deploy = {field.name for field in fields(LimitFlags)}
    of_plan = {field.name for field in fields(PlanLimitFlags)}
    assert of_deploy <= set(signature(deploy.command).parameters)
    for command in (plan.command, compile.command):
        names = set(signature(command).parameters)
        assert of_plan <= names
        assert not names & (of_deploy - of_plan)


def test_flags_become_limits() -> None:
    assert LimitFlags().record() == Limits()
    flags = LimitFlags(65536, 262144, 5e6, 0.9, Path("b.json"), ["flash=1%"])
    limits = Limits(65536, 262144, 5e6, 0.9, Path("b.json"), Tolerance(flash=0.01))
    assert flags.record() == limits
    assert PlanLimitFlags(1, 2, 3.0).record() == PlanLimits(1, 2, 3.0)


@pytest.mark.parametrize(
    "arguments",
    [
        ("--max-ram", "much"),
        ("--max-instructions", "5MiB"),
        ("--min-accuracy", "90"),
        ("--min-accuracy", "nan", "--data", "x.npz"),
        ("--tolerance", "ram=5%"),
        ("--baseline", "b.json", "--tolerance", "5%"),
    ],
)
def test_a_wrong_value_is_wrong_usage(
    monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    assert run(monkeypatch, "deploy", DIGITS, *BOARD, "--emulate", *arguments) == 2


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (("--emulate", "--min-accuracy", "0.9"), "there are no labels: add --data"),
        (("--port", "auto", "--max-instructions", "5M"), "--port is given: leave it out"),
        (("--emulate", "--baseline", "b.json", "--json", "./b.json"), "would replace the baseline"),
    ],
)
def test_flags_that_can_decide_nothing_are_wrong_usage(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    what: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(monkeypatch, "deploy", DIGITS, *BOARD, *arguments) == 2
    words = re.findall(r"[^\s│]+", capsys.readouterr().err)  # without the frame around them
    assert what in " ".join(words)
    assert not list(tmp_path.iterdir())


def test_a_baseline_that_cannot_be_read_is_three_lines_before_any_work(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    arguments = ("--emulate", "--baseline", "b.json")
    assert run(monkeypatch, "deploy", DIGITS, *BOARD, *arguments) == 1
    said = capsys.readouterr().err
    assert "the baseline cannot be read" in said.splitlines()[0]
    assert [line[:7] for line in said.splitlines()] == ["error: ", "where: ", "try:   "]


def test_a_plan_within_its_limits_passes_and_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "plan.json"
    limits = ("--max-arena", "2K", "--max-weights", "16K", "--max-instructions", "300k")
    assert run(monkeypatch, "plan", DIGITS, *BOARD, *limits, "--json", str(file)) == 0
    gate = json.loads(file.read_text())["gate"]["limits"]
    assert [(x["figure"], x["allowed"], x["passed"]) for x in gate] == [
        ("arena", 2048, True),
        ("weights", 16384, True),
        ("estimated_instructions", 300_000, True),
    ]
    arena, weights, instructions = (f"{x['found']:,}" for x in gate)
    assert (
        f"limits:   arena {arena} (at most 2,048), weights {weights} (at most 16,384), "
        f"estimated instructions {instructions} (at most 300,000)\n"
    ) in capsys.readouterr().out


@pytest.mark.parametrize("command", ["plan", "compile"])
def test_a_plan_over_its_limits_fails_with_every_figure(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    command: str,
) -> None:
    out = ("--out", str(tmp_path / "c"), "--quiet") if command == "compile" else ()
    limits = ("--max-arena", "1K", "--max-weights", "16K", "--max-instructions", "200k")
    assert run(monkeypatch, command, DIGITS, *BOARD, *limits, *out) == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3
    assert lines[0].startswith(
        "error: the plan is over 2 limits: arena: 1,856 bytes, 1,024 allowed (--max-arena); "
        "estimated instructions: "
    )
    assert lines[0].endswith(", 200,000 allowed (--max-instructions)")
    assert lines[1].startswith("where: digits_cnn.tflite, operator 2 ")
    assert not list(tmp_path.iterdir())
