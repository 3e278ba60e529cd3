# SPDX-License-Identifier: Apache-2.0
"""What a search has found out so far, in one SQLite file, so that nothing is asked twice.

An entry does not depend on when or in which order it was asked: an interrupted search that starts
again gets the same answers from here, and goes the same way.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

from mcuforge.errors import CompileError

SCHEMA = """
CREATE TABLE IF NOT EXISTS answers (
    question TEXT NOT NULL,  -- "accuracy", "cost", ...
    context TEXT NOT NULL,   -- a digest of everything else that the answer depends on
    subject TEXT NOT NULL,   -- the architecture
    answer TEXT NOT NULL,    -- JSON
    PRIMARY KEY (question, context, subject)
) WITHOUT ROWID
"""
PATIENCE_S = 60.0  # for another process that writes
Answer = dict[str, object]


def write_ahead(file: sqlite3.Connection) -> None:
    """Let the file keep a write-ahead log, with which a killed writer loses nothing.

    SQLite does not wait when two processes turn the log of a new file on at the same moment: one of
    them is told at once that the file is locked, whatever the time limit of the connection says.
    So the waiting is done here. Raises sqlite3.Error.
    """
    until = time.monotonic() + PATIENCE_S
    while True:
        try:
            file.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
        time.sleep(0.01)


class Journal:
    """Answers by question, context and subject; a context manager that closes the file."""

    def __init__(self, path: Path) -> None:
        """Open or make the file; raises CompileError when it is not a journal or not writable."""
        self._path = path
        with self._named():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = sqlite3.connect(path, timeout=PATIENCE_S)
            try:
                write_ahead(self._file)
                self._file.execute(SCHEMA)
            except sqlite3.Error:
                self._file.close()
                raise

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def get(self, question: str, context: str, subject: str) -> Answer | None:
        """The answer, None when there is none yet."""
        with self._named():
            row = self._file.execute(
                "SELECT answer FROM answers WHERE question = ? AND context = ? AND subject = ?",
                (question, context, subject),
            ).fetchone()
            if row is None:
                return None
            answer: Answer = json.loads(row[0])
            return answer

    def put(self, question: str, context: str, subject: str, answer: Answer) -> None:
        """Write an answer; it is on disk when this returns."""
        with self._named(), self._file:
            self._file.execute(
                "INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?)",
                (question, context, subject, json.dumps(answer)),
            )

    @contextmanager
    def _named(self) -> Iterator[None]:
        """Turn what SQLite and the disk raise into an error that names the file."""
        try:
            yield
        except (sqlite3.Error, OSError, ValueError) as error:
            raise CompileError(
                f"the journal of the search cannot be used: {error}",
                str(self._path),
                "free space on the disk, or delete the file: what it holds is then done again",
            ) from error
