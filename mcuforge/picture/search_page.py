# SPDX-License-Identifier: Apache-2.0
"""Writes what a search found as one self-contained page to read, explore and print."""

from __future__ import annotations

from pathlib import Path

from markupsafe import Markup

from mcuforge.picture.document import asset, content_hash, documents, pixels
from mcuforge.picture.search.network import drawn, parts, summary
from mcuforge.picture.search.plots import cost_plots, rank_plot, style_of
from mcuforge.picture.search.tables import (
    cards,
    fact_rows,
    finalist_rows,
    formula_sentences,
    layer_rows,
    limit_bars,
    method_rows,
    ran_words,
    stage_bars,
    tier_bars,
)
from mcuforge.picture.words import visible
from mcuforge.report.files import write_whole
from mcuforge.report.search import SearchReport
from mcuforge.report.search_words import (
    bytes_words,
    count_words,
    huge_words,
    judgement,
    lead_words,
    percent,
    rank_words,
    time_words,
)

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def write_search_page(report: SearchReport, path: Path) -> None:
    """Write the page of a search, whole or not at all. It loads nothing from elsewhere."""
    write_whole(path, search_page(report))


def search_page(report: SearchReport) -> str:
    """The page as HTML.

    Its content security policy allows its own style and script only, and no requests.
    """
    env = documents()
    env.finalize = _seen
    env.filters |= {"bytes": bytes_words, "count": count_words, "huge": huge_words}
    env.filters |= {"percent": percent, "time": time_words}
    style, script = asset("search.css"), asset("search.js")
    letters = _letters(report)
    network = {
        f.genome: parts(f.choices, report.data.shape, len(report.data.classes))
        for f in report.finalists
    }
    winner = report.finalists[0]
    styles = {name: style_of(name) for name in _methods(report)}
    return env.get_template("search.html.j2").render(
        report=report,
        winner=winner,
        ran=ran_words(report),
        title=f"{report.space.name} for {report.data.origin} on {report.board.id}",
        cards=cards(report),
        judgement=judgement(report.methods),
        lead=lead_words(report),
        methods=method_rows(report.methods),
        plots=cost_plots(report, letters),
        styles=styles,
        letters=letters,
        facts=_facts(report, {letters[g]: summary(boxes) for g, boxes in network.items()}, letters),
        limits=limit_bars(report),
        tiers=tier_bars(report),
        formulas=formula_sentences(report),
        network=drawn(network[winner.genome], report.winner.layers),
        layers=layer_rows(report),
        finalists=finalist_rows(report, letters),
        ranks=None if report.ranks is None else rank_plot(report.ranks),
        rank_words=None if report.ranks is None else rank_words(report.ranks),
        how=fact_rows(report),
        stages=stage_bars(report),
        style=style,
        script=script,
        style_hash=content_hash(style),
        script_hash=content_hash(script),
    )


def _letters(report: SearchReport) -> dict[str, str]:
    """A letter for each architecture among the finalists, by genome; A is the winner."""
    genomes = dict.fromkeys(finalist.genome for finalist in report.finalists)
    return {genome: LETTERS[index % len(LETTERS)] for index, genome in enumerate(genomes)}


def _methods(report: SearchReport) -> tuple[str, ...]:
    """The methods that have points, those of the table first and in its order."""
    there = {point.method for point in report.points}
    listed = [method.name for method in report.methods if method.name in there]
    return tuple(dict.fromkeys((*listed, *sorted(there))))


def _facts(
    report: SearchReport, summaries: dict[str, str], letters: dict[str, str]
) -> dict[str, object]:
    """What the script shows of a point: one row of figures each, and the finalists' layers."""
    return {
        "points": [
            [
                visible(p.method),
                p.seed,
                round(p.accuracy, 5),
                p.ram,
                p.flash,
                round(p.instructions),
                visible(p.genome),
                letters.get(p.genome, ""),
            ]
            for p in report.points
        ],
        "finalists": summaries,
    }


def _seen(value: object) -> object:
    """Escape the invisible characters of every name, and round coordinates."""
    is_name = isinstance(value, str) and not isinstance(value, Markup)
    return visible(str(value)) if is_name else pixels(value)
