# SPDX-License-Identifier: Apache-2.0
"""A search's report: every key is described, and the text says the verdict and how sure it is."""

from __future__ import annotations

import json
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from mcuforge.report.files import write_json
from mcuforge.report.search import RankCheck, SearchReport
from mcuforge.report.search_text import print_search
from mcuforge.report.search_words import (
    bytes_words,
    count_words,
    huge_words,
    interval,
    judgement,
    p_words,
    rank_words,
    time_words,
)
from tests.unit.picture import searches
from tests.unit.report.documented import declared, documented_search, fits, leaves

NAMED = ("choices", "recipe", "by_limit", "by_tier", "stages", "versions")


def text(report: SearchReport) -> str:
    console = Console(width=140, file=StringIO(), record=True)
    print_search(report, console)
    return console.export_text()


def test_every_key_is_described_with_its_type_and_no_other() -> None:
    assert documented_search() == declared(SearchReport)


def test_a_report_is_written_as_described(tmp_path: Path) -> None:
    path = tmp_path / "search.json"
    write_json(searches.search(), path)
    content = json.loads(path.read_text())
    kinds = {**documented_search(), "schema": "integer", "mcuforge": "string"}
    for key, value in leaves(content):
        head = next((f"{key.split(f'{n}.')[0]}{n}.NAME" for n in NAMED if f"{n}." in key), key)
        assert kinds[head] == "any" or fits(value, kinds[head]), key


def test_the_text_is_short_and_says_what_was_found() -> None:
    said = text(searches.search())
    lines = said.splitlines()
    assert 10 <= len(lines) <= 26
    assert (
        lines[0]
        == "cnn32 for cifar10.npz on disco_f746ng (stand-in, emulated by QEMU 7.2 netduinoplus2)"
    )
    for words in (
        "of 21,412 asked about, 17,630 do not fit (refused by RAM 14,210",
        "RAM 131,072 bytes, flash 524,288 bytes, 60,000,000 instructions",
        "Evolution beat random: it was 1.4 points better, unlikely to be chance (p = 0.031).",
        "Evolution was 0.3 points better than local, but that may be chance (p = 0.094).",
        "Kendall's tau 0.64",
        "accuracy 84.7 % on the emulated board (1,000 test samples, 95 % interval 82.3 to 86.8 %)",
        "(emulated: a count, not a time)",
        "again:    mcuforge search cnn32",
    ):
        assert words in said
    assert lines[-1] == "verdict: pass"
    assert said.isascii()


def test_a_failed_search_on_hardware_says_so() -> None:
    report = searches.search(emulated=False, instructions=None, ranks=False, origin="[b]x")
    report = replace(report, verdict="fail", reasons=("RAM: [red]too much",))
    said = text(report)
    assert "cnn32 for [b]x on disco_f746ng (hardware)" in said
    assert "no limit of instructions" in said
    assert "emulated" not in said.partition("again:")[0]
    assert said.endswith("reason:   RAM: [red]too much\nverdict: fail\n")


def test_a_finalist_that_did_not_run_on_a_board_is_judged_by_its_file() -> None:
    report = searches.search()
    winner = replace(report.finalists[0], board_accuracy=None)
    said = text(replace(report, finalists=(winner,)))
    assert "84.5 % by onnxruntime, not on a board (10,000 test samples" in said


def test_one_seed_judges_nothing() -> None:
    said = judgement(searches.search(seeds=1).methods)
    assert said[0] == (
        "Evolution was 1.4 points better than random, but 1 seed cannot rule out chance."
    )
    assert not any("p value" in sentence for sentence in said)


def test_a_method_that_was_not_beaten_is_named() -> None:
    ours = searches.method("evolution", 0.7, None, 5, 60)
    same, better = (searches.method(n, b, 0.8, 5, 60) for n, b in (("same", 0.7), ("up", 0.71)))
    said = judgement((ours, same, better))
    assert "did not beat same: it was as accurate on average (p = 0.800)" in said[0]
    assert "did not beat up: it was 1.0 points worse (p = 0.800)" in said[1]
    assert "not compared" in judgement((ours,))[0]


def test_an_interval_holds_its_share_and_narrows_with_samples() -> None:
    for share in (0.0, 0.3, 0.85, 1.0):
        wide, narrow = interval(share, 100), interval(share, 10_000)
        assert 0 <= wide[0] <= narrow[0] <= share + 1e-9
        assert share - 1e-9 <= narrow[1] <= wide[1] <= 1
    assert interval(0.5, 0) == (0.0, 1.0)
    low, high = interval(0.85, 1000)  # by the formula of Wilson, 1927
    assert (round(low, 4), round(high, 4)) == (0.8265, 0.8708)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (bytes_words(512), "512 bytes"),
        (bytes_words(10_000), "9.8 KB"),
        (bytes_words(131_072), "128 KB"),
        (bytes_words(20 * 1024 * 1024), "20.0 MB"),
        (count_words(None), "\N{EN DASH}"),
        (count_words(999), "999"),
        (count_words(5.05e7), "50.5 M"),
        (huge_words(12_345), "12,345"),
        (huge_words(35_831_808_000_000), "3.6 \N{MULTIPLICATION SIGN} 10¹³"),
        (huge_words(999_999_999_999), "1.0 \N{MULTIPLICATION SIGN} 10¹²"),
        (time_words(40), "40 core seconds"),
        (time_words(600), "10 core minutes"),
        (time_words(36_000), "10.0 core hours"),
        (p_words(0.0001), "below 0.001"),
    ],
)
def test_figures_are_written_for_people(words: str, expected: str) -> None:
    assert words == expected


def test_too_few_networks_have_no_rank_correlation() -> None:
    few = RankCheck(("1", "2"), (0.5, 0.6), (0.8, 0.9), None)
    assert "too few" in rank_words(few)
    assert "82 % of cases" in rank_words(replace(few, tau=0.64))
