# SPDX-License-Identifier: Apache-2.0
"""Collects the tables and cards of a search's page as rows of words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mcuforge.report.search import Costs, Finalist, MethodResult, SearchReport
from mcuforge.report.search_words import (
    NONE,
    bytes_words,
    count_words,
    huge_words,
    interval_words,
    kind_words,
    mean_words,
    p_words,
    percent,
    shape_words,
    time_words,
)

TIERS = {
    "sums": "sums over layers",
    "layers": "segments of layers",
    "bound": "a bound that every plan has",
    "plan": "the whole plan",
}
Row = tuple[str, ...]


@dataclass(frozen=True)
class Card:
    """A figure of the winner. `part`: of the limit, 0 to 1 or more; None without a limit."""

    name: str
    figure: str
    remark: str
    part: float | None


@dataclass(frozen=True)
class Bar:
    """A row with a bar: `part` is 0 to 1."""

    name: str
    figure: str
    part: float


def ran_words(report: SearchReport) -> str:
    """'emulated' or 'hardware': how the board's figures came about."""
    return "emulated" if report.board.emulated else "hardware"


def cards(report: SearchReport) -> tuple[Card, ...]:
    """Accuracy, RAM, flash and instructions of the winner, beside the limits."""
    winner, limits = report.finalists[0], report.limits
    cost = winner.deployed
    return (
        _accuracy_card(report, winner),
        _limit_card("RAM", cost.ram, limits.ram),
        _limit_card("flash", cost.flash, limits.flash),
        _instruction_card(report, cost),
    )


def _instruction_card(report: SearchReport, cost: Costs) -> Card:
    """Instructions are counted by emulators only, and a limit of them need not be set."""
    name, limit, count = "instructions per inference", report.limits.instructions, cost.instructions
    bound = "no limit was set" if limit is None else f"limit {count_words(limit)}"
    part = None if limit is None or count is None else count / limit
    return Card(name, count_words(count), f"{ran_words(report)}; {bound}", part)


def _accuracy_card(report: SearchReport, winner: Finalist) -> Card:
    """The accuracy nearest to the board's that there is."""
    if winner.board_accuracy is not None:
        share, samples = winner.board_accuracy, winner.board_samples
        name = f"accuracy on the {'emulated ' if report.board.emulated else ''}board"
    else:
        share, samples = winner.test_int8, report.data.test
        name = "accuracy of the int8 file, not on the board"
    remark = f"{interval_words(share, samples)}, {samples:,} test samples"
    return Card(name, percent(share), remark, share)


def _limit_card(name: str, used: int, limit: int) -> Card:
    remark = f"{used:,} of {limit:,} bytes, {100 * used / limit:.0f} %"
    return Card(name, bytes_words(used), remark, used / limit)


def method_rows(methods: tuple[MethodResult, ...]) -> tuple[Row, ...]:
    """Method, evaluations, seeds, best accuracy, its p, hypervolume, its p."""
    return tuple(
        (
            m.name,
            f"{m.evaluations:,.0f}",
            str(m.seeds),
            mean_words(m.best_mean, m.best_deviation, m.seeds),
            p_words(m.p_best),
            f"{m.hypervolume_mean:.3f}"
            + (f" ± {m.hypervolume_deviation:.3f}" if m.seeds > 1 else ""),
            p_words(m.p_hypervolume),
        )
        for m in methods
    )


def finalist_rows(report: SearchReport, letters: Mapping[str, str]) -> tuple[Row, ...]:
    """One row per finalist, in the columns of the page's table."""
    rows = []
    for finalist in report.finalists:
        est, real = finalist.estimated, finalist.deployed
        rows.append(
            (
                letters[finalist.genome],
                finalist.name,
                percent(finalist.held_out_int8),
                percent(finalist.test_float),
                percent(finalist.test_int8) + (" *" if finalist.quantization_aware else ""),
                percent(finalist.host_accuracy),
                percent(finalist.board_accuracy),
                *_pair(est.ram, real.ram),
                *_pair(est.flash, real.flash),
                *_instructions(est, real),
                count_words(finalist.macs),
                count_words(finalist.parameters),
                finalist.file,
            )
        )
    return tuple(rows)


def _pair(estimated: int, deployed: int) -> tuple[str, str]:
    return f"{estimated:,}", f"{deployed:,} ({_error(estimated, deployed)})"


def _instructions(estimated: Costs, deployed: Costs) -> tuple[str, str]:
    guess, count = estimated.instructions, deployed.instructions
    if guess is None or count is None:
        return count_words(guess), count_words(count)
    return count_words(guess), f"{count_words(count)} ({_error(guess, count)})"


def _error(estimated: float, deployed: float) -> str:
    """'+1.2 %': how far the deployed figure lies above the estimate."""
    return "no estimate" if not estimated else f"{100 * (deployed / estimated - 1):+.1f} %"


def limit_bars(report: SearchReport) -> tuple[Bar, ...]:
    """Refusals by limit; an architecture may pass several."""
    found = report.feasibility
    ordered = sorted(found.by_limit.items(), key=lambda item: (-item[1], item[0]))
    return tuple(_bar(name, count, found.asked) for name, count in ordered)


def tier_bars(report: SearchReport) -> tuple[Bar, ...]:
    """Answers by the tier of the estimate that decided, the cheapest first."""
    found = report.feasibility
    known = [(words, found.by_tier[name]) for name, words in TIERS.items() if name in found.by_tier]
    known += [(name, count) for name, count in found.by_tier.items() if name not in TIERS]
    return tuple(_bar(name, count, found.asked) for name, count in known)


def stage_bars(report: SearchReport) -> tuple[Bar, ...]:
    """Core seconds of each stage, in their order."""
    total = sum(report.stages.values()) or 1.0
    return tuple(
        Bar(name, time_words(seconds), seconds / total) for name, seconds in report.stages.items()
    )


def _bar(name: str, count: int, of: int) -> Bar:
    share = count / of if of else 0.0
    return Bar("RAM" if name == "ram" else name, f"{count:,} ({percent(share)})", share)


def formula_sentences(report: SearchReport) -> tuple[str, ...]:
    """What other rules than the compiler's would have got wrong."""
    return tuple(
        f"{formula.name}, asked about {formula.asked:,} architectures by their RAM alone, refuses "
        f"{formula.refused_needlessly:,} of the {formula.fit:,} that fit; of the "
        f"{formula.admitted:,} that it admits, {formula.admitted_wrongly:,} do not fit."
        for formula in report.feasibility.formulas
    )


def fact_rows(report: SearchReport) -> tuple[tuple[str, str], ...]:
    """What the result depends on: seed, digests, versions, training."""
    data, net = report.data, report.supernet
    shape = shape_words(data.shape)
    rows = [
        ("seed", str(report.seed)),
        ("budget", report.budget),
        ("space", f"{report.space.name}, digest {report.space.digest}"),
        ("data", f"{data.origin}, digest {data.digest}"),
        ("samples", f"{data.train:,} to train, {data.held_out:,} held out, {data.test:,} to test"),
        ("inputs", f"{data.kind} of {shape}, {len(data.classes)} classes"),
        *((("kind of block", kind_words(report.kinds)),) if report.kinds else ()),
        ("shared weights", f"{huge_words(report.supernet_weights)} weights"),
        (
            "their training",
            f"{net.samples:,} samples seen, {time_words(net.core_seconds)} on {net.device}",
        ),
        ("recipe", ", ".join(f"{key} {value}" for key, value in net.recipe.items()) or NONE),
        ("winner's file", f"{report.winner.model.name}, SHA-256 {report.winner.model.sha256}"),
        ("toolchain", f"{report.winner.toolchain.compiler} {report.winner.toolchain.version}"),
        *report.versions.items(),
    ]
    return tuple(rows)


def layer_rows(report: SearchReport) -> tuple[tuple[Row, float], ...]:
    """The winner's layers as deployed: words, and the share of instructions."""
    layers = report.winner.layers
    total = sum(layer.instructions or 0 for layer in layers)
    rows = []
    for layer in layers:
        share = (layer.instructions or 0) / total if total else 0.0
        words = (
            str(layer.index),
            layer.name,
            layer.op,
            shape_words(layer.shape[1:]),
            count_words(layer.macs) if layer.macs else "",
            count_words(layer.instructions),
            f"{layer.ram_live:,}",
        )
        rows.append((words, share))
    return tuple(rows)
