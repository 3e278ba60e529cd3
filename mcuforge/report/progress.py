# SPDX-License-Identifier: Apache-2.0
"""Shows what a long command is doing: bars on a terminal, plain lines in a log."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)

LINE_SECONDS = 60.0  # between two log lines about the same stage


class Stages:
    """Announces the stages of a command on stderr, so that stdout holds only the report."""

    def __init__(self, console: Console, quiet: bool = False) -> None:
        self._console = console
        self._quiet = quiet
        self._live = console.is_terminal and not console.is_dumb_terminal

    @contextmanager
    def stage(self, text: str) -> Iterator[None]:
        """Announce a stage and time it."""
        started = time.monotonic()
        if self._quiet:
            yield
        elif self._live:
            with self._console.status(text):
                yield
            self._console.print(
                f"[dim]{text} {time.monotonic() - started:.1f} s[/dim]", highlight=False
            )
        else:
            yield
            self._console.print(f"{text} {time.monotonic() - started:.1f} s", highlight=False)

    @contextmanager
    def counted(self, text: str, total: int) -> Iterator[Counter]:
        """Announce a stage of `total` equal parts; call `advance()` on the counter after each."""
        started = time.monotonic()
        if self._quiet:
            yield Counter(None)
            return

        def tell(done: int) -> None:
            seconds = time.monotonic() - started
            self._console.print(f"{text}: {done} of {total} in {seconds:.1f} s", highlight=False)

        if self._live:
            columns = (
                SpinnerColumn(),
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
            )
            with Progress(*columns, console=self._console, transient=True) as bar:
                bar.add_task(text, total=total)
                yield Counter(bar)
        else:
            yield Counter(None, tell)
        self._console.print(
            f"{text}: {total} in {time.monotonic() - started:.1f} s", highlight=False
        )


class Counter:
    """Counts the finished parts of a stage; `tell` logs them at most once per `LINE_SECONDS`."""

    def __init__(self, bar: Progress | None, tell: Callable[[int], None] | None = None) -> None:
        self._bar = bar
        self._tell = tell
        self._done = 0
        self._told_s = time.monotonic()

    def advance(self) -> None:
        """Count one more finished part."""
        self._done += 1
        if self._bar is not None:
            self._bar.advance(self._bar.task_ids[0])
        if self._tell is not None and time.monotonic() - self._told_s >= LINE_SECONDS:
            self._told_s = time.monotonic()
            self._tell(self._done)
