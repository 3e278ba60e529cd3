# SPDX-License-Identifier: Apache-2.0
"""Opens the console that commands print to; lines fold on a terminal, never in a file or pipe."""

from rich.console import Console
from rich.table import Column

LOG_COLUMNS = 400  # wider than every line we print, so that a log has one line per fact


def open_console(*, stderr: bool = False) -> Console:
    """Open a console on stdout or stderr that colours only what our own markup colours."""
    console = Console(stderr=stderr, highlight=False)
    if console.is_terminal:
        return console
    return Console(stderr=stderr, highlight=False, width=LOG_COLUMNS)


def whole_column(header: str) -> Column:
    """A table column for words to be copied: never cut, however narrow the terminal."""
    return Column(header, no_wrap=True)


def figure_columns(*headers: str) -> list[Column]:
    """Table columns for figures: on the right, never cut."""
    return [Column(header, justify="right", no_wrap=True) for header in headers]


def layer_columns() -> tuple[Column, ...]:
    """The table columns that name a layer: its number, its name, its operator."""
    return Column("#", justify="right"), Column("layer", overflow="fold"), whole_column("op")
