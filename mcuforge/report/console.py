# SPDX-License-Identifier: Apache-2.0
"""Where the commands print: as wide as a terminal, and without folds in a file or a pipe."""

from rich.console import Console

LOG_COLUMNS = 400  # wider than any line of ours: in a log a line is a line


def open_console(*, stderr: bool = False) -> Console:
    """A console on stdout or stderr; only numbers and words we mark have a colour."""
    console = Console(stderr=stderr, highlight=False)
    if console.is_terminal:
        return console
    return Console(stderr=stderr, highlight=False, width=LOG_COLUMNS)
