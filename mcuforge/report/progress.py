# SPDX-License-Identifier: Apache-2.0
"""Shows what a long command is doing: bars on a terminal, plain lines in a log."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

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
        if self._live and not self._quiet:
            with self._console.status(text):
                yield
            self._say(f"[dim]{text} {time.monotonic() - started:.1f} s[/dim]")
        else:
            yield
            self._say(f"{text} {time.monotonic() - started:.1f} s")

    @contextmanager
    def counted(self, text: str, total: int, done: int = 0) -> Iterator[Counter]:
        """Announce a stage of `total` equal parts; call `advance()` on the counter after each.

        done: parts that an earlier run did. What is shown says how many parts a second there are,
        and how long the rest will take.
        """
        started = time.monotonic()

        def pace(now_done: int) -> str:
            return pace_text(now_done - done, total - now_done, time.monotonic() - started)

        def tell(words: str) -> None:
            self._say(f"{text}: {words} in {time.monotonic() - started:.1f} s")

        if self._live and not self._quiet:
            bar, count, seconds = BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
            speed = TextColumn("{task.fields[pace]}")
            columns = (
                SpinnerColumn(),
                TextColumn("{task.description}"),
                bar,
                count,
                seconds,
                speed,
            )
            with Progress(*columns, console=self._console, transient=True) as progress:
                task = progress.add_task(text, total=total, completed=done, pace="")
                yield Counter(
                    lambda now: progress.update(task, completed=now, pace=pace(now)), done=done
                )
        else:
            yield Counter(lambda now: tell(f"{now} of {total}{pace(now)}"), LINE_SECONDS, done=done)
        tell(f"{total}")

    @contextmanager
    def paced(self, text: str, unit: str) -> Iterator[Callable[[int, int, float], None]]:
        """Announce a long stage; call what is yielded with (done, total, loss) now and then.

        The line says how many `unit` a second there are, and how long the rest will take.
        """
        started = time.monotonic()
        pace = Pace(text, unit)
        told_s, before = started, -1

        def tell(done: int, total: int, loss: float) -> None:
            nonlocal told_s, before
            if before < 0:
                before = done  # an earlier run may have done them
            now = time.monotonic()
            line = pace.line(done - before, done, total, loss, now - started)
            if status is not None:
                status.update(line)
            elif now - told_s >= LINE_SECONDS:
                told_s = now
                self._say(line)

        status = None
        if self._live and not self._quiet:
            with self._console.status(text) as status:
                yield tell
        else:
            yield tell
        self._say(f"[dim]{text} {time.monotonic() - started:.1f} s[/dim]")

    def note(self, line: str) -> None:
        """Say something that the user should know beside the stages."""
        self._say(line)

    def _say(self, line: str) -> None:
        if not self._quiet:
            self._console.print(line, highlight=False)


class Counter:
    """Counts the finished parts of a stage; `tell` hears of them once per `seconds` at most."""

    def __init__(self, tell: Callable[[int], None], seconds: float = 0.0, *, done: int = 0) -> None:
        self._tell = tell
        self._seconds = seconds
        self._done = done
        self._told_s = time.monotonic()

    def advance(self) -> None:
        """Count one more finished part."""
        self._done += 1
        if time.monotonic() - self._told_s >= self._seconds:
            self._told_s = time.monotonic()
            self._tell(self._done)


@dataclass(frozen=True)
class Pace:
    """Says how fast a stage goes."""

    text: str
    unit: str

    def line(self, fresh: int, done: int, total: int, loss: float, seconds: float) -> str:
        """One line: `fresh` of the `done` were done in the last `seconds`."""
        line = f"{self.text}: {done:,} of {total:,} {self.unit}, loss {loss:.3f}"
        return line + pace_text(fresh, total - done, seconds)


def pace_text(fresh: int, left: int, seconds: float) -> str:
    """Say the pace of `fresh` parts in `seconds`, and when the parts that are left will be done.

    Begins with a comma; empty while nothing can be said.
    """
    if fresh <= 0 or seconds <= 0:
        return ""
    rate = fresh / seconds
    rest = round(left / rate)
    shown = f"{rate:,.0f}" if rate >= 10 else f"{rate:.2g}"
    return f", {shown} a second, {rest // 60}:{rest % 60:02d} left"
