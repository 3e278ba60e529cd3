# SPDX-License-Identifier: Apache-2.0
"""The report's keys are those of the contract, each described in docs/report.md."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from mcuforge.errors import CompileError, InternalError
from mcuforge.report.files import SCHEMA, refuse_unwritable, write_json, write_whole
from mcuforge.report.gate import ChangeFacts, GateFacts, LimitFacts
from mcuforge.report.mlperf import MlperfReport
from mcuforge.report.model import (
    BenchReport,
    BoardFacts,
    Check,
    CheckReport,
    CompileReport,
    EmulatedBoard,
    Flash,
    FlashRegion,
    LayerFacts,
    ModelFacts,
    PlanFacts,
    PlanReport,
    QuantizeReport,
    Ram,
    RegionUse,
    Report,
    Run,
    Toolchain,
)
from mcuforge.report.profile import operator_facts
from mcuforge.report.text import print_bench, print_check, print_report
from mcuforge.version import VERSION
from tests.unit.report.documented import commands, declared, documented, fits, leaves

# the fixed keys of the command line's contract; more may come
CONTRACT = {
    "model": "name sha256 format ops macs parameters",
    "board": "id cpu isa emulated",
    "toolchain": "compiler version flags",
    "check": "reference samples exact_samples mismatched_elements max_abs_diff accuracy "
    "reference_accuracy top1_agreement",
    "ram": "arena static stack total budget",
    "flash": "weights code total budget",
    "plan": "peak lower_bound optimal solver seconds regions",
    "run": "instructions instructions_per_mac cycles microseconds",
}
LAYER = "index name op macs instructions ram_live instructions_per_mac"

REPORT = Report(
    model=ModelFacts(
        "[bold]net.tflite", "ab" * 32, "tflite", 3, 1000, 200, ("read so",), "main", ("main",)
    ),
    board=BoardFacts(
        "a_board", "cortex-m4", "armv7em", True, "qemu -M machine", None, "stand-in, emulated"
    ),
    toolchain=Toolchain("arm-none-eabi-gcc", "12.2.1", "-O2"),
    verdict="fail",
    reasons=("RAM: [red]too much",),
    check=Check("a reference", "x.npz", 10, 9, 3, 2.0, 0.5, 0.75, 0.9),
    ram=Ram(1024, 4, 256, 264, 1284, 2048, 900),
    flash=Flash(2000, 3000, 5000, 6000, 7000, (FlashRegion("flash", 2000, 6000, 2),)),
    plan=PlanFacts(
        1024,
        1000,
        False,
        "greedy",
        0.1,
        True,
        0.5,
        (RegionUse("ram", 1024, 2048, 2),),
        "a layer",
        "balanced",
        "resident",
        None,
    ),
    run=Run(5000, 5.0, None, None),
    layers=(
        LayerFacts(0, "conv[1]", "conv2d", 1000, 4000, 900, 4.0, (1, 8, 8, 4)),
        LayerFacts(1, "soft", "softmax", 0, 1000, 100, None, (1, 10)),
    ),
)


@pytest.mark.parametrize(
    ("command", "report"),
    [
        ("deploy", Report),
        ("check", CheckReport),
        ("bench", BenchReport),
        ("compile", CompileReport),
        ("plan", PlanReport),
        ("quantize", QuantizeReport),
        ("mlperf", MlperfReport),
        ("emulate", EmulatedBoard),
    ],
)
def test_every_key_is_described_with_its_type_and_no_other(command: str, report: type) -> None:
    described = dict(documented(command))
    assert described.pop("schema") == "integer"
    assert described.pop("mcuforge") == "string"
    assert described == declared(report)


def test_the_keys_of_the_contract_are_all_there() -> None:
    keys = set(declared(Report))
    wanted = {f"{top}.{key}" for top, names in CONTRACT.items() for key in names.split()}
    wanted |= {f"layers[].{key}" for key in LAYER.split()}
    wanted |= {"verdict", "reasons[]"}
    assert not {w for w in wanted if w not in keys and not any(k.startswith(f"{w}[") for k in keys)}


def test_every_command_that_writes_json_has_its_section() -> None:
    assert commands() == (
        "deploy",
        "check",
        "bench",
        "mlperf",
        "emulate",
        "compile",
        "plan",
        "ops",
        "ops MODEL",
        "quantize",
        "boards",
        "doctor",
    )


def test_a_report_is_written_as_described(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    check = replace(REPORT.check, peer_operators=("an operator",), peer_unexplained=("another",))
    limit = LimitFacts("ram", 1284, 2048, True)
    change = ChangeFacts("flash", 4000, 5000, 0.25, 0.02, "regression")
    gate = GateFacts((limit,), "base.json", False, "gcc 13.2.1", (change,))
    write_json(replace(REPORT, check=check, gate=gate), path)
    content = json.loads(path.read_text())
    assert list(content)[:2] == ["schema", "mcuforge"]
    assert content["schema"] == SCHEMA == 2
    assert content["mcuforge"] == VERSION
    kinds = documented("deploy")
    for key, value in leaves(content):
        assert fits(value, kinds[key]), key
    assert {key for key, _ in leaves(content)} == set(kinds)


def test_without_a_file_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_json(REPORT, None)
    assert not list(tmp_path.iterdir())


def test_what_is_no_report_is_our_fault(tmp_path: Path) -> None:
    with pytest.raises(InternalError, match="list is not a report"):
        write_json([], tmp_path / "x.json")
    with pytest.raises(InternalError, match="type is not a report"):
        write_json(Report, tmp_path / "x.json")


def test_a_value_json_has_no_word_for_is_never_written(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    with pytest.raises(ValueError, match="JSON"):
        write_json(replace(REPORT, run=replace(REPORT.run, microseconds=float("nan"))), path)
    assert not list(tmp_path.iterdir())


def test_a_file_is_replaced_whole_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text("old")
    write_whole(path, "größe")
    assert path.read_bytes() == "größe".encode()
    write_whole(path, b"\x00\xff")
    assert path.read_bytes() == b"\x00\xff"
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    real, link = tmp_path / "real.json", tmp_path / "link.json"
    real.write_text("old")
    link.symlink_to(real)
    write_whole(link, "new")
    assert link.is_symlink()
    assert real.read_text() == "new"


def test_a_pipe_is_written_to(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    link = tmp_path / "stdout"
    link.symlink_to(f"/proc/self/fd/{writer}")
    refuse_unwritable(link)
    write_whole(link, "through")
    os.close(writer)
    assert os.read(reader, 100) == b"through"
    os.close(reader)


def test_a_device_is_written_to() -> None:
    write_whole(Path("/dev/null"), "nothing")
    assert Path("/dev/null").is_char_device()


def test_a_dash_is_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CompileError, match="standard output"):
        refuse_unwritable(Path("-"))
    with pytest.raises(CompileError, match="standard output"):
        write_whole(Path("-"), "text")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("place", ["missing/x.json", "a_file/x.json", "."])
def test_a_place_that_cannot_be_written_is_named(tmp_path: Path, place: str) -> None:
    (tmp_path / "a_file").write_text("")
    with pytest.raises(CompileError) as caught:
        write_whole(tmp_path / place, "text")
    assert caught.value.what.startswith("cannot write the file: ")
    with pytest.raises(CompileError) as early:
        refuse_unwritable(tmp_path / place)
    assert str(early.value).splitlines()[1:] == str(caught.value).splitlines()[1:]
    assert caught.value.where == str((tmp_path / place).resolve())
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a_file"]


def printed(show: str, report: Report | CheckReport | BenchReport, width: int = 100) -> str:
    console = Console(width=width, record=True, file=StringIO())
    if isinstance(report, Report):
        print_report(report, console)
    elif isinstance(report, CheckReport):
        print_check(report, console)
    else:
        print_bench(report, console)
    text = console.export_text()
    assert show in text
    return text


def test_the_text_says_what_the_json_says() -> None:
    text = printed("verdict: fail", REPORT)
    for words in (
        "[bold]net.tflite on a_board (stand-in, emulated by qemu -M machine)",
        "model:    3 operators, 1,000 MACs, 200 parameters",
        "target:   cortex-m4 (armv7em), arm-none-eabi-gcc 12.2.1",
        "RAM:      1,284 of 2,048 bytes (62.7 %) = arena 1,024 + static 4 + stack 256",
        "flash:    5,000 of 6,000 bytes (83.3 %) = weights 2,000 + code 3,000",
        "test firmware: RAM 900, flash 7,000; stack seen on the board, interrupts included: 264",
        "arena:    1,024 bytes (lower bound 1,000); decided by a layer",
        "samples:  10, x.npz",
        "answers:  9 of 10 exact, 3 elements differ by up to 2, against a reference",
        "accuracy: 0.5000, the reference 0.7500",
        "cost:     5,000 instructions per inference, 5.00 per MAC (emulated: a count, not a time)",
        "reason:   RAM: [red]too much",
    ):
        assert words in text


def test_an_arena_outside_the_chip_is_told_with_its_memory() -> None:
    outside = replace(REPORT.plan, peak=96, regions=(RegionUse("sdram", 96, 1024, 1),))
    printed("arena:    96 bytes = sdram 96 (", replace(REPORT, plan=outside))
    inside = replace(outside, regions=(RegionUse("sram", 96, 1024, 2),))
    printed("arena:    96 bytes (", replace(REPORT, plan=inside))


def test_a_poisoned_run_and_an_assumed_stack_are_told() -> None:
    poisoned = replace(REPORT.check, poisoned=True)
    text = printed(
        "a reference, dead bytes overwritten between steps", replace(REPORT, check=poisoned)
    )
    assert "assumed" not in text
    ram = replace(REPORT.ram, stack_assumed=128)
    assert "overwritten" not in printed(
        "stack 256 (128 of it assumed for calls into your own source of rows)",
        replace(REPORT, ram=ram),
    )


def test_a_peer_is_told_with_its_distance_and_whether_it_counts() -> None:
    check = replace(
        REPORT.check,
        reference="our own (exact) and a peer 1.0",
        peer="a peer 1.0",
        peer_max_abs_diff=2.0,
    )
    text = printed("accuracy: 0.5000, the peer 0.7500", replace(REPORT, check=check))
    assert "exact, 3 elements differ by up to 2, against our own\n" in text
    assert (
        "peer:     a peer 1.0: outputs differ by up to 2 steps, same class in 90.00 % of samples "
        "(not judged: that takes --data with 200 samples or more)"
    ) in text
    judged = replace(check, peer_judged=True)
    assert "(expected at least 98.5 %)" in printed("peer: ", replace(REPORT, check=judged))
    classless = replace(check, top1_agreement=None, accuracy=None, reference_accuracy=None)
    assert "differ by up to 2 steps\n" in printed("peer: ", replace(REPORT, check=classless))


def test_a_peer_of_the_same_integers_is_told_with_the_operators_that_differ() -> None:
    same = replace(REPORT.check, peer="a peer 1.0", peer_mismatched_elements=0)
    text = printed("accuracy: 0.5000, the reference 0.7500", replace(REPORT, check=same))
    assert "peer:     a peer 1.0: the same in every element\n" in text
    known = replace(same, peer_mismatched_elements=1200, peer_operators=("operator 3 TANH",))
    assert "peer:     a peer 1.0: 1,200 output elements differ; it is known to compute " in (
        printed("operator 3 TANH differently\n", replace(REPORT, check=known))
    )
    unknown = replace(known, peer_unexplained=("operator 1 ADD",))
    printed("differently; for no known cause: operator 1 ADD\n", replace(REPORT, check=unknown))


def test_hardware_is_timed_and_never_counted_in_instructions() -> None:
    board = replace(REPORT.board, emulated=False, stand_in=None, ran_as="hardware")
    run = Run(None, None, 1234, 56.0)
    text = printed(
        "cost:     1,234 cycles, 56 us per inference", replace(REPORT, board=board, run=run)
    )
    assert "on a_board (hardware)" in text
    assert "instructions" not in text
    slow = Run(None, None, None, 56.0, clock_hz=320_000_000, wait_states=0, caches="none")
    text = printed(
        "cost:     56 us per inference (hardware)", replace(REPORT, board=board, run=slow)
    )
    assert "core:     320 MHz, 0 wait states of the flash, caches on: none" in text


def test_a_line_at_its_speed_says_what_a_sample_costs_on_it() -> None:
    run = replace(
        REPORT.run, transfer_baud=115_200, transfer_bytes=1298, transfer_milliseconds=112.674
    )
    words = "1,298 bytes per sample at 115,200 baud, 112.67 ms of virtual time"
    printed(f"line:     {words}", replace(REPORT, run=run))


def test_a_check_and_a_bench_print_their_parts() -> None:
    checked = CheckReport(REPORT.model, REPORT.board, "pass", (), REPORT.check)
    assert "9 of 10 exact" in printed("verdict: pass", checked)
    timed = BenchReport(
        *(REPORT.model, REPORT.board, REPORT.toolchain, REPORT.run, REPORT.layers),
        operator_facts(REPORT.layers),
    )
    text = printed("conv[1]", timed)
    assert text.count("80.0 %") == 2, "of the layer, of its operator"
    assert "cost:     5,000 instructions per inference" in text
