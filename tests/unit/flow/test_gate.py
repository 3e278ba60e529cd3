# SPDX-License-Identifier: Apache-2.0
"""The gate: what exceeds a limit or got worse fails with its reason; the unknown fails."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from dataclasses import asdict, replace
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from mcuforge import DeployRequest, deploy
from mcuforge.errors import BoardError, CompileError, UserError
from mcuforge.flow.baseline import read_baseline
from mcuforge.flow.data import Samples
from mcuforge.flow.gate import Gate, Limits, PlanLimits, Tolerance, change_facts, limit_facts
from mcuforge.flow.reach import Way
from mcuforge.report.files import write_json
from mcuforge.report.gate_text import change_reason, limit_reason
from mcuforge.report.model import Report
from mcuforge.report.text import print_report
from tests.unit.report.test_report import REPORT

PASSED = replace(REPORT, verdict="pass", reasons=(), model=replace(REPORT.model, name="net.tflite"))
EMULATED = Way("a_board", True, False, None, None)
MODEL, DATA = Path("models/net.tflite"), Path("x.npz")


def judged(limits: Limits, report: Report = PASSED) -> Report:
    """The report behind a gate, whose way and data are those of PASSED."""
    return Gate.open(limits, EMULATED, MODEL, DATA).judged(report)


def written(folder: Path, report: Report = PASSED) -> Path:
    """The report as a baseline."""
    write_json(report, folder / "base.json")
    return folder / "base.json"


def refusal(act: Callable[[], object]) -> str:
    """The three lines of a refusal."""
    with pytest.raises(UserError) as caught:
        act()
    lines = str(caught.value).splitlines()
    assert [line[:7] for line in lines] == ["error: ", "where: ", "try:   "]
    return lines[0]


def test_without_limits_a_report_stays_what_it_is() -> None:
    assert judged(Limits()) == PASSED


def test_what_is_at_its_limit_passes() -> None:
    limits = Limits(max_ram=1284, max_flash=5000, max_instructions=5000, min_accuracy=0.5)
    report = judged(limits)
    assert (report.verdict, report.reasons) == ("pass", ())
    assert [(x.figure, x.found, x.allowed, x.passed) for x in report.gate.limits] == [
        ("ram", 1284, 1284, True),
        ("flash", 5000, 5000, True),
        ("instructions", 5000, 5000, True),
        ("accuracy", 0.5, 0.5, True),
    ]


def test_every_limit_that_is_exceeded_is_a_reason() -> None:
    limits = Limits(max_ram=1283, max_flash=4999, max_instructions=4999, min_accuracy=0.51)
    report = judged(limits)
    assert report.verdict == "fail"
    assert report.reasons == (
        "RAM: 1,284 bytes, 1,283 allowed (--max-ram)",
        "flash: 5,000 bytes, 4,999 allowed (--max-flash)",
        "instructions: 5,000, 4,999 allowed (--max-instructions)",
        "accuracy: 0.5000, expected at least 0.5100 (--min-accuracy)",
    )


def test_a_failed_verdict_stays_failed_and_keeps_its_reasons_first() -> None:
    failed = replace(PASSED, verdict="fail", reasons=("wrong answers",))
    assert judged(Limits(max_ram=2000), failed).verdict == "fail"
    reasons = judged(Limits(max_ram=2), failed).reasons
    assert reasons == ("wrong answers", "RAM: 1,284 bytes, 2 allowed (--max-ram)")


def test_an_accuracy_that_is_not_known_does_not_pass() -> None:
    blind = replace(PASSED, check=replace(PASSED.check, accuracy=None))
    report = judged(Limits(min_accuracy=0.0), blind)
    assert report.reasons == ("accuracy: not known, expected at least 0.0000 (--min-accuracy)",)
    assert report.gate.limits[0].found is None


def test_what_could_never_be_decided_is_refused_at_once() -> None:
    accurate = Limits(min_accuracy=0.9)
    assert "no labels" in refusal(lambda: Gate.open(accurate, EMULATED, MODEL, None))
    port = Way("a_board", False, False, "auto", None)
    with pytest.raises(BoardError, match="what an emulator counts"):
        Gate.open(Limits(max_instructions=5e6), port, MODEL, DATA)
    Gate.open(Limits(max_instructions=5e6), replace(port, port=None, exact=True), MODEL, DATA)


def test_the_same_run_has_not_changed(tmp_path: Path) -> None:
    report = judged(Limits(baseline=written(tmp_path)))
    assert report.verdict == "pass"
    assert (report.gate.baseline, report.gate.same_model) == ("base.json", True)
    changes = {change.figure: change.judgement for change in report.gate.changes}
    assert changes == dict.fromkeys(("ram", "flash", "instructions", "accuracy"), "same")


def test_what_got_worse_fails_beyond_the_tolerance_and_is_shown_in_a_table(tmp_path: Path) -> None:
    now = replace(
        PASSED,
        model=replace(PASSED.model, sha256="cd" * 32),
        ram=replace(PASSED.ram, total=1310),  # 2.02 %
        flash=replace(PASSED.flash, total=5100),  # 2 %
        run=replace(PASSED.run, instructions=4000),
        check=replace(PASSED.check, accuracy=0.494),
    )
    report = judged(Limits(baseline=written(tmp_path)), now)
    assert report.verdict == "fail"
    assert report.gate.same_model is False
    assert {c.figure: c.judgement for c in report.gate.changes} == {
        "ram": "regression",
        "flash": "worse",
        "instructions": "better",
        "accuracy": "regression",
    }
    assert report.reasons == (
        "RAM: 1,310 bytes, 1,284 in base.json: +26 (+2.02 %), +2 % allowed",
        "accuracy: 0.4940, 0.5000 in base.json: -0.0060, -0.0050 allowed",
    )
    console = Console(width=100, record=True, file=StringIO())
    print_report(report, console)
    text = console.export_text()
    assert "baseline: base.json, another model file of this name\n" in text
    other = replace(report, toolchain=replace(report.toolchain, version="13.2.1"))
    print_report(other, console)
    assert ", another compiler: arm-none-eabi-gcc 12.2.1\n" in console.export_text()
    rows = [line.split() for line in text.splitlines() if line.startswith("   ")]
    assert rows == [
        ["figure", "baseline", "now", "change", "allowed"],
        ["RAM,", "bytes", "1,284", "1,310", "+26", "(+2.02", "%)", "+2", "%", "regression"],
        ["flash,", "bytes", "5,000", "5,100", "+100", "(+2.00", "%)", "+2", "%", "worse"],
        ["instructions", "5,000", "4,000", "-1,000", "(-20.00", "%)", "+2", "%", "better"],
        ["accuracy", "0.5000", "0.4940", "-0.0060", "-0.0050", "regression"],
    ]
    wide = Tolerance(ram=0.03, accuracy=0.01)
    assert judged(Limits(baseline=tmp_path / "base.json", tolerance=wide), now).verdict == "pass"


def test_the_tolerances_are_those_of_the_document() -> None:
    text = (Path(__file__).resolve().parents[3] / "docs" / "ci.md").read_text(encoding="utf-8")
    table = text.partition("| figure | may get worse by |")[2].partition("\n\n")[0]
    found = {}
    for names, value, percent in re.findall(r"^\| (.*?) \| ([\d.]+)( %)?", table, re.MULTILINE):
        for figure in re.findall(r"`(\w+)`", names):
            found[figure] = float(value) / (100 if percent else 1)
    assert found == asdict(Tolerance())


@pytest.mark.parametrize(
    ("figure", "before", "now", "allowed", "judgement"),
    [
        ("ram", 100, 102, 0.02, "worse"),
        ("ram", 100, 103, 0.02, "regression"),
        ("ram", 100, 99, 0.0, "better"),
        ("ram", 100, 101, 0.0, "regression"),
        ("ram", 0, 0, 0.0, "same"),
        ("ram", 0, 1, 0.02, "regression"),
        ("ram", 0, 1, 1.5, "regression"),
        ("accuracy", 0.0, 0.5, 0.0, "better"),
        ("instructions", 5_000_000, 5_000_001, 0.0, "regression"),
        ("accuracy", 0.9, 0.895, 0.005, "worse"),
        ("accuracy", 0.9, 0.894, 0.005, "regression"),
        ("accuracy", 0.9, 0.91, 0.0, "better"),
        ("accuracy", 0.9, None, 1.0, "regression"),
        ("accuracy", None, 0.5, 0.02, "new"),
    ],
)
def test_a_change_is_judged(
    figure: str, before: float | None, now: float | None, allowed: float, judgement: str
) -> None:
    assert change_facts(figure, before, now, allowed).judgement == judgement


def test_more_than_nothing_is_no_share_and_no_tolerance_allows_it() -> None:
    change = change_facts("flash", 0, 5, 7.0)
    assert change.change is None
    said = change_reason(change, "base.json")
    assert said == "flash: 5 bytes, 0 in base.json: +5, nothing allowed"


def test_figures_that_differ_read_differently() -> None:
    limits = limit_facts("accuracy", 0.89996, 0.9), limit_facts("instructions", 5.4, 5.1)
    assert [limit_reason(limit).partition(" (")[0] for limit in limits] == [
        "accuracy: 0.89996, expected at least 0.90000",
        "instructions: 5.4, 5.1 allowed",
    ]
    said = change_reason(change_facts("accuracy", 0.9, 0.89496, 0.005), "b")
    assert said == "accuracy: 0.8950, 0.9000 in b: -0.00504, -0.00500 allowed"
    said = change_reason(change_facts("instructions", 1_000_000, 1_020_001, 0.02), "b")
    assert said == "instructions: 1,020,001, 1,000,000 in b: +20,001 (+2.0001 %), +2 % allowed"


def test_hardware_is_compared_by_time(tmp_path: Path) -> None:
    board = replace(PASSED.board, emulated=False, stand_in=None)
    run = replace(PASSED.run, instructions=None, microseconds=100.0)
    measured = replace(PASSED, board=board, run=run)
    port = Way("a_board", False, False, "/dev/ttyX", None)
    gate = Gate.open(Limits(baseline=written(tmp_path, measured)), port, MODEL, DATA)
    slower = replace(measured, run=replace(run, microseconds=106.0))
    report = gate.judged(slower)
    assert report.reasons == ("time: 106 us, 100 in base.json: +6 (+6.00 %), +5 % allowed",)
    assert "instructions" not in {change.figure for change in report.gate.changes}


def test_a_baseline_of_something_else_is_refused(tmp_path: Path) -> None:
    limits = Limits(baseline=written(tmp_path))
    first = refusal(lambda: Gate.open(limits, EMULATED, Path("other.tflite"), DATA))
    assert first == "error: the baseline is of another model: 'net.tflite', expected 'other.tflite'"
    other = replace(EMULATED, board="b_board")
    assert "'a_board', expected 'b_board'" in refusal(lambda: Gate.open(limits, other, MODEL, DATA))
    exact = replace(EMULATED, emulate=False, exact=True)
    first = refusal(lambda: Gate.open(limits, exact, MODEL, DATA))
    assert first == "error: the baseline is of a run with --emulate, expected one with --exact"


def samples(first: int = 0, label: int = 1, origin: str = "x.npz", count: int = 4) -> Samples:
    """Samples with labels, as a run would have them."""
    x = np.arange(first, first + 2 * count, dtype=np.int8).reshape(count, 2)
    return Samples((x,), np.full(count, label), origin)


def with_data(drawn: Samples) -> Report:
    """PASSED, of these samples."""
    told = replace(PASSED.check, data=drawn.origin, samples=drawn.count, data_sha256=drawn.sha256)
    return replace(PASSED, check=told)


def test_accuracies_of_other_samples_are_refused_before_a_run(tmp_path: Path) -> None:
    limits = Limits(baseline=written(tmp_path, with_data(samples())))
    gate = Gate.open(limits, EMULATED, MODEL, DATA)
    gate.admit(samples())
    gate.admit(samples(origin="another name of it.npz"))
    gate.admit(replace(samples(first=1), labels=None))  # has no accuracy: judged as missing
    first = refusal(lambda: gate.admit(samples(count=3)))
    assert first.endswith("is of 4 samples of x.npz, this run's would be of 3 samples of x.npz")
    changed = "is of 4 samples of x.npz, whose samples or labels have changed since"
    assert refusal(lambda: gate.admit(samples(first=1))).endswith(changed)
    assert refusal(lambda: gate.admit(samples(label=2))).endswith(changed)
    blind = with_data(samples())
    blind = replace(blind, check=replace(blind.check, accuracy=None))
    limits = Limits(baseline=written(tmp_path, blind))
    Gate.open(limits, EMULATED, MODEL, DATA).admit(samples(first=1))


def test_other_samples_are_refused_before_anything_is_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digits = Path(__file__).resolve().parents[3] / "examples" / "digits"
    model, data = digits / "digits_cnn.tflite", digits / "digits_test.npz"
    drawn = with_data(samples())
    base = replace(
        drawn,
        model=replace(drawn.model, name=model.name),
        board=replace(drawn.board, id="qemu-mps2-an386"),
    )
    limits = Limits(baseline=written(tmp_path, base))
    monkeypatch.setattr(
        "mcuforge.flow.deployment.build_check", lambda *_, **__: pytest.fail("it is built")
    )
    request = DeployRequest(model, base.board.id, emulate=True, data=data, limits=limits)
    assert "is of 4 samples of x.npz, " in refusal(lambda: deploy(request))


@pytest.mark.parametrize(
    "make",
    [
        lambda: Tolerance(ram=math.nan),
        lambda: Tolerance(accuracy=-0.1),
        lambda: Limits(max_instructions=math.inf),
        lambda: Limits(max_ram=-1),
        lambda: Limits(min_accuracy=90),
        lambda: Limits(max_flash="64K"),  # type: ignore[arg-type]
        lambda: PlanLimits(max_instructions=math.nan),
    ],
)
def test_limits_that_hold_nothing_are_refused(make: Callable[[], object]) -> None:
    assert ", expected a number " in refusal(make)


@pytest.mark.parametrize(
    ("damage", "what"),
    [
        (lambda report: report.pop("ram"), "the baseline has no key 'ram.total'"),
        (lambda report: report["ram"].pop("total"), "the baseline has no key 'ram.total'"),
        (lambda report: report.update(ram=None), "is of a deploy that was refused"),
        (lambda report: report["ram"].update(total=None), "has null under 'ram.total'"),
        (lambda report: report["ram"].update(total=True), "has true under 'ram.total'"),
        (lambda report: report["ram"].update(total=-1), "has -1 under 'ram.total'"),
        (lambda report: report["model"].update(name=7), "has 7 under 'model.name'"),
        (lambda report: report["board"].update(emulated="no"), "under 'board.emulated'"),
        (lambda report: report["check"].update(samples=None), "under 'check.samples'"),
        (lambda report: report["check"].update(samples=2.5), "has 2.5 under 'check.samples'"),
        (lambda report: report["check"].update(accuracy=1.5), "expected a number from 0 to 1"),
        (lambda report: report["check"].pop("data_sha256"), "no key 'check.data_sha256'"),
        (lambda report: report["ram"].update(total=10**400), "under 'ram.total'"),
        (lambda report: report["run"].update(instructions=None), "has null under 'run.instruc"),
        (lambda report: report["board"].update(emulated=False), "has null under 'run.microsec"),
        (lambda report: report.update(schema=1), "has schema 1, expected 2"),
        (lambda report: report.pop("schema"), "has no key 'schema'"),
    ],
)
def test_a_baseline_that_lacks_something_says_what(
    tmp_path: Path, damage: Callable[[dict[str, object]], object], what: str
) -> None:
    file = written(tmp_path)
    content = json.loads(file.read_text())
    damage(content)
    file.write_text(json.dumps(content))
    assert what in refusal(lambda: read_baseline(file))


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[1]", b'"x"', b"[" * 100_000])
def test_a_file_that_is_no_report_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "base.json"
    file.write_bytes(content)
    assert "the baseline " in refusal(lambda: read_baseline(file))
    with pytest.raises(CompileError, match="cannot be read: "):
        read_baseline(tmp_path / "missing.json")
