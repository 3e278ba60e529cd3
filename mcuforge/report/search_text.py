# SPDX-License-Identifier: Apache-2.0
"""Prints what a search found as a short text for a terminal or a log."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from mcuforge.report.console import figure_columns, whole_column
from mcuforge.report.search import Finalist, SearchReport
from mcuforge.report.search_words import (
    NONE,
    count_words,
    interval_words,
    judgement,
    kind_words,
    mean_words,
    p_words,
    percent,
    time_words,
)
from mcuforge.report.text import print_line, print_verdict


def print_search(report: SearchReport, console: Console) -> None:
    """Print the report of a search: refusals, methods, finalists, the winner, the verdict."""
    title = f"[bold]{escape(f'{report.space.name} for {report.data.origin}')}[/bold]"
    title += f" on [bold]{escape(report.board.id)}[/bold] ({escape(report.board.where)})"
    console.print(title, highlight=False, soft_wrap=True)
    for label, text in (("space", _space_words(report)), ("limits", _limit_words(report))):
        print_line(label, text, console)
    if report.kinds:
        print_line("blocks", _plain(kind_words(report.kinds)), console)
    console.print()
    console.print(_methods(report))
    for sentence in judgement(report.methods):
        print_line("methods", _plain(sentence), console)
    if report.ranks is not None and report.ranks.tau is not None:
        count = len(report.ranks.genomes)
        words = f"Kendall's tau {report.ranks.tau:.2f} between shared weights and trained alone"
        print_line("ranks", f"{words}, {count} networks", console)
    console.print()
    console.print(_finalists(report))
    winner = report.finalists[0]
    print_line("winner", f"{winner.file}: {_accuracy_words(report, winner)}", console)
    print_line("cost", _cost_words(report, winner), console)
    stages = ", ".join(f"{name} {time_words(spent)}" for name, spent in report.stages.items())
    print_line("time", stages, console)
    print_line("again", report.command, console)
    print_verdict(report.verdict, report.reasons, console)


def _space_words(report: SearchReport) -> str:
    found = report.feasibility
    words = (
        f"{_count(report.space.architectures)} architectures; of {found.asked:,} asked about, "
        f"{found.refused:,} do not fit"
    )
    causes = ", ".join(f"{_named(name)} {count:,}" for name, count in found.by_limit.items())
    return f"{words} (refused by {causes})" if causes else words


def _limit_words(report: SearchReport) -> str:
    limits = report.limits
    words = f"RAM {limits.ram:,} bytes, flash {limits.flash:,} bytes"
    if limits.instructions is None:
        return f"{words}, no limit of instructions"
    return f"{words}, {limits.instructions:,.0f} instructions"


def _count(architectures: int) -> str:
    return f"{architectures:,}" if architectures < 10**8 else f"{architectures:.1e}"


def _plain(words: str) -> str:
    """Words in ASCII, since a log's encoding is not known."""
    return words.translate({ord("\N{PLUS-MINUS SIGN}"): "+-", ord(NONE): "-"})


def _named(limit: str) -> str:
    return "RAM" if limit == "ram" else limit


def _methods(report: SearchReport) -> Table:
    figures = figure_columns("evaluations", "seeds", "best accuracy", "p", "hypervolume", "p")
    table = Table(whole_column("method"), *figures, box=None)
    for method in report.methods:
        table.add_row(
            escape(method.name),
            f"{method.evaluations:,.0f}",
            str(method.seeds),
            _plain(mean_words(method.best_mean, method.best_deviation, method.seeds)),
            _plain(p_words(method.p_best)),
            f"{method.hypervolume_mean:.3f}",
            _plain(p_words(method.p_hypervolume)),
        )
    return table


def _finalists(report: SearchReport) -> Table:
    figures = figure_columns("float", "int8", "C here", "board", "RAM", "flash", "instructions")
    table = Table(whole_column("finalist"), *figures, whole_column("file"), box=None)
    for finalist in report.finalists:
        cost = finalist.deployed
        table.add_row(
            escape(finalist.name),
            percent(finalist.test_float),
            percent(finalist.test_int8),
            percent(finalist.host_accuracy),
            _plain(percent(finalist.board_accuracy)),
            f"{cost.ram:,}",
            f"{cost.flash:,}",
            _plain(count_words(cost.instructions)),
            escape(finalist.file),
        )
    return table


def _accuracy_words(report: SearchReport, winner: Finalist) -> str:
    """The winner's accuracy on the board, or else of its int8 file, and how sure it is."""
    if winner.board_accuracy is None:
        share, samples, where = winner.test_int8, report.data.test, "by onnxruntime, not on a board"
    else:
        share, samples = winner.board_accuracy, winner.board_samples
        where = f"on the {'emulated ' if report.board.emulated else ''}board"
    sure = interval_words(share, samples)
    return f"accuracy {percent(share)} {where} ({samples:,} test samples, {sure})"


def _cost_words(report: SearchReport, winner: Finalist) -> str:
    cost, limits = winner.deployed, report.limits
    words = (
        f"RAM {cost.ram:,} bytes ({percent(cost.ram / limits.ram)} of the limit), "
        f"flash {cost.flash:,} bytes ({percent(cost.flash / limits.flash)})"
    )
    if cost.instructions is None:
        return words
    words += f", {cost.instructions:,.0f} instructions"
    if limits.instructions is not None:
        words += f" ({percent(cost.instructions / limits.instructions)})"
    return f"{words} (emulated: a count, not a time)" if report.board.emulated else words
