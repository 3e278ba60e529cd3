# SPDX-License-Identifier: Apache-2.0
"""Prints what a gate found, and says in words why it failed."""

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from mcuforge.report.console import figure_columns, whole_column
from mcuforge.report.gate import ChangeFacts, GateFacts, LimitFacts

NAMES = {  # figure -> its name and its unit
    "ram": ("RAM", " bytes"),
    "flash": ("flash", " bytes"),
    "instructions": ("instructions", ""),
    "time": ("time", " us"),
    "accuracy": ("accuracy", ""),
    "arena": ("arena", " bytes"),
    "weights": ("weights", " bytes"),
    "estimated_instructions": ("estimated instructions", ""),
}
FLAGS = {  # figure -> the flag that limits it
    "ram": "--max-ram",
    "flash": "--max-flash",
    "instructions": "--max-instructions",
    "accuracy": "--min-accuracy",
    "arena": "--max-arena",
    "weights": "--max-weights",
    "estimated_instructions": "--max-instructions",
}
ACCURACY = "accuracy"  # more of it is better; a change is a difference, not a share


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
        name, unit = NAMES[change.figure]
        title = f"  {name}{',' if unit else ''}{unit}"
        table.add_row(title, *_change_words(change), judged)
    console.print(table)


def limit_reason(limit: LimitFacts) -> str:
    """Say how a limit is missed: what was found, what is allowed, which flag says so."""
    name, unit = NAMES[limit.figure]
    flag, allowed = FLAGS[limit.figure], figure_words(limit.figure, limit.allowed)
    found = "not known"
    if limit.found is not None:
        found = f"{figure_words(limit.figure, limit.found)}{unit}"
    if limit.figure == ACCURACY:
        return f"{name}: {found}, expected at least {allowed} ({flag})"
    return f"{name}: {found}, {allowed} allowed ({flag})"


def change_reason(change: ChangeFacts, baseline: str) -> str:
    """Say how a figure is worse than the baseline by more than the tolerance."""
    name, unit = NAMES[change.figure]
    before, now, by, allowed = _change_words(change)
    if change.now is None:
        return f"{name}: not known, {before}{unit} in {baseline}"
    return f"{name}: {now}{unit}, {before} in {baseline}: {by}, {allowed} allowed"


def figure_words(figure: str, value: float) -> str:
    """'2,320', '0.9778': a figure as reports print it."""
    return f"{value:.4f}" if figure == ACCURACY else f"{value:,.0f}"


def _found_of_allowed(limit: LimitFacts) -> str:
    name = NAMES[limit.figure][0]
    allowed = figure_words(limit.figure, limit.allowed)
    found = "not known" if limit.found is None else figure_words(limit.figure, limit.found)
    return f"{name} {found} ({'at least' if limit.figure == ACCURACY else 'at most'} {allowed})"


def _change_words(change: ChangeFacts) -> tuple[str, str, str, str]:
    """The baseline's figure, the present one, the change, and how far it may get worse."""
    before, now = (
        "-" if value is None else figure_words(change.figure, value)
        for value in (change.before, change.now)
    )
    if change.figure == ACCURACY:
        by = "-" if change.change is None else f"{change.change:+.4f}"
        return before, now, by, f"{-change.allowed:+.4f}"
    by = "-"
    if change.change is not None and change.before is not None and change.now is not None:
        by = f"{change.now - change.before:+,.0f} ({100 * change.change:+.2f} %)"
    return before, now, by, f"{100 * change.allowed:+g} %"
