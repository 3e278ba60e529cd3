# SPDX-License-Identifier: Apache-2.0
"""Prints what a gate found, and says in words why it failed."""

from dataclasses import dataclass

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from mcuforge.report.console import figure_columns, whole_column
from mcuforge.report.gate import ChangeFacts, GateFacts, LimitFacts

ACCURACY = "accuracy"  # more of it is better; a change is a difference, not a share
MOST_DIGITS = 17  # behind the point; they tell any two floats of the sizes here apart


@dataclass(frozen=True)
class Figure:
    """What a figure is called, its unit with a space in front, and the flag that limits it."""

    name: str
    unit: str
    flag: str | None


FIGURES = {
    "ram": Figure("RAM", " bytes", "--max-ram"),
    "flash": Figure("flash", " bytes", "--max-flash"),
    "instructions": Figure("instructions", "", "--max-instructions"),
    "time": Figure("time", " us", None),
    ACCURACY: Figure("accuracy", "", "--min-accuracy"),
    "arena": Figure("arena", " bytes", "--max-arena"),
    "weights": Figure("weights", " bytes", "--max-weights"),
    "estimated_instructions": Figure("estimated instructions", "", "--max-instructions"),
}


def print_limits(limits: tuple[LimitFacts, ...], console: Console) -> None:
    """Print all limits on one line; without limits, nothing."""
    if limits:
        words = ", ".join(_found_of_allowed(limit) for limit in limits)
        console.print(f"limits:   {escape(words)}", highlight=False, soft_wrap=True)


def print_changes(gate: GateFacts, compiler: str, console: Console) -> None:
    """Print the table of what has changed since the baseline; without one, nothing.

    compiler: of this run, with its version.
    """
    if gate.baseline is None:
        return
    model = "the same model file" if gate.same_model else "another model file of this name"
    line = f"baseline: {gate.baseline}, {model}"
    if gate.compiler != compiler:
        line += f", another compiler: {gate.compiler}"
    console.print(escape(line), highlight=False, soft_wrap=True)
    columns = figure_columns("baseline", "now", "change", "allowed")
    table = Table(whole_column("  figure"), *columns, whole_column(""), box=None)
    colours = {"better": "green", "regression": "red"}
    for change in gate.changes:
        colour = colours.get(change.judgement)
        judged = change.judgement if colour is None else f"[{colour}]{change.judgement}[/{colour}]"
        said = FIGURES[change.figure]
        title = f"  {said.name}{',' if said.unit else ''}{said.unit}"
        table.add_row(title, *_change_words(change), judged)
    console.print(table)


def limit_reason(limit: LimitFacts) -> str:
    """Say how a limit is missed: what was found, what is allowed, which flag says so."""
    said = FIGURES[limit.figure]
    found, allowed = _limit_words(limit)
    unit = "" if limit.found is None else said.unit
    if limit.figure == ACCURACY:
        return f"{said.name}: {found}{unit}, expected at least {allowed} ({said.flag})"
    return f"{said.name}: {found}{unit}, {allowed} allowed ({said.flag})"


def change_reason(change: ChangeFacts, baseline: str) -> str:
    """Say how a figure is worse than the baseline by more than the tolerance."""
    said = FIGURES[change.figure]
    before, now, by, allowed = _change_words(change)
    if change.now is None:
        return f"{said.name}: not known, {before}{said.unit} in {baseline}"
    if change.change is None:
        allowed = "nothing"  # a share of 0
    return f"{said.name}: {now}{said.unit}, {before} in {baseline}: {by}, {allowed} allowed"


def digits_apart(least: int, *values: float | None) -> int:
    """Digits behind the point, at least so many, with which different values read differently."""
    known = {value for value in values if value is not None}
    return next(
        (d for d in range(least, MOST_DIGITS) if len({f"{v:.{d}f}" for v in known}) == len(known)),
        MOST_DIGITS,
    )


def figure_words(figure: str, *values: float | None, unknown: str) -> tuple[str, ...]:
    """'2,320', '0.9778': figures as reports print them, with more digits if two look the same."""
    digits = digits_apart(4 if figure == ACCURACY else 0, *values)
    return tuple(unknown if value is None else f"{value:,.{digits}f}" for value in values)


def _limit_words(limit: LimitFacts) -> tuple[str, ...]:
    """The figure and its limit."""
    return figure_words(limit.figure, limit.found, limit.allowed, unknown="not known")


def _found_of_allowed(limit: LimitFacts) -> str:
    found, allowed = _limit_words(limit)
    bound = "at least" if limit.figure == ACCURACY else "at most"
    return f"{FIGURES[limit.figure].name} {found} ({bound} {allowed})"


def _change_words(change: ChangeFacts) -> tuple[str, str, str, str]:
    """The baseline's figure, the present one, the change, and how far it may get worse."""
    before, now = figure_words(change.figure, change.before, change.now, unknown="-")
    by = "-"
    if change.figure == ACCURACY:
        digits = digits_apart(4, change.change, -change.allowed)
        if change.change is not None:
            by = f"{change.change:+.{digits}f}"
        return before, now, by, f"{-change.allowed:+.{digits}f}"
    if change.before is not None and change.now is not None:
        digits = digits_apart(0, change.before, change.now)
        by = f"{change.now - change.before:+,.{digits}f}"
    if change.change is not None:
        percent = 100 * change.change
        by += f" ({percent:+.{digits_apart(2, percent, 100 * change.allowed)}f} %)"
    return before, now, by, f"{100 * change.allowed:+g} %"
