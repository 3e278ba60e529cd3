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
