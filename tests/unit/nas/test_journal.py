# SPDX-License-Identifier: Apache-2.0
"""The journal: several writers, killed writers, and files that are none."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sqlite3
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from mcuforge.errors import CompileError
from mcuforge.nas.journal import Journal

WRITER = """
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from mcuforge.nas.journal import Journal
path, name, count = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
with Journal(path) as journal:
    for number in range(count):
        journal.put("accuracy", name, str(number), {"value": number / 7})
        print(number, flush=True)
"""


def writer(path: Path, name: str, count: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WRITER, str(path), name, str(count)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_an_answer_comes_back_as_it_was_put(tmp_path: Path) -> None:
    path = tmp_path / "new" / "journal.sqlite"
    with Journal(path) as journal:
        assert journal.get("accuracy", "a", "1.2") is None
        journal.put("accuracy", "a", "1.2", {"value": 1 / 3})
        journal.put("cost", "a", "1.2", {"value": None})
        journal.put("accuracy", "b", "1.2", {"value": 0.1 + 0.2})
        journal.put("accuracy", "b", "1.2", {"value": 0.5})  # again: the last holds
    with Journal(path) as journal:
        assert journal.get("accuracy", "a", "1.2") == {"value": 1 / 3}
        assert journal.get("cost", "a", "1.2") == {"value": None}
        assert journal.get("accuracy", "b", "1.2") == {"value": 0.5}
        assert journal.get("accuracy", "c", "1.2") is None
        assert journal.get("accuracy", "a", "1.3") is None


def test_processes_write_to_one_journal(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    writers = [writer(path, name, 40) for name in "ab"]
    for process in writers:
        process.communicate()
        assert process.returncode == 0
    with Journal(path) as journal:
        for name in "ab":
            found = [journal.get("accuracy", name, str(number)) for number in range(40)]
            assert found == [{"value": number / 7} for number in range(40)]


def opens(path: Path, together: Barrier) -> bool:
    together.wait()
    try:
        with Journal(path) as journal:
            journal.put("accuracy", "a", str(os.getpid()), {})
    except CompileError:
        return False
    return True


def test_processes_open_a_new_journal_at_one_moment(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    with context.Manager() as manager, ProcessPoolExecutor(4, context) as pool:
        together = manager.Barrier(4)
        for number in range(40):  # without the wait in write_ahead, about one in four fails
            path = tmp_path / f"{number}.sqlite"
            opened = [pool.submit(opens, path, together) for _ in range(4)]
            assert all(each.result() for each in opened)


def test_a_killed_writer_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    process = writer(path, "a", 100_000)
    assert process.stdout is not None
    said = [process.stdout.readline() for _ in range(20)]
    os.kill(process.pid, signal.SIGKILL)
    said += process.communicate()[0].splitlines()
    with Journal(path) as journal:
        for line in said:
            if line.strip():
                number = int(line)
                assert journal.get("accuracy", "a", str(number)) == {"value": number / 7}


def refused(path: Path) -> str:
    with pytest.raises(CompileError) as caught, Journal(path) as journal:
        journal.put("accuracy", "a", "1", {})
    assert caught.value.where == str(path)
    return caught.value.what


def test_what_is_no_journal_is_refused(tmp_path: Path) -> None:
    damaged = tmp_path / "damaged"
    damaged.write_bytes(b"no database at all, " * 100)
    assert "file is not a database" in refused(damaged)
    assert "unable to open" in refused(tmp_path)
    assert "Not a directory" in refused(damaged / "inside") or "exists" in refused(damaged / "in")


def test_a_journal_of_another_program_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other"
    with sqlite3.connect(path) as file:
        file.execute("CREATE TABLE answers (number INTEGER)")
    file.close()
    assert "answers" in refused(path)


def test_a_damaged_page_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    with Journal(path) as journal:
        for number in range(300):
            journal.put("accuracy", "a", str(number), {"value": number})
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xa5" * (len(content) - 4096)
    path.write_bytes(content)
    assert "malformed" in refused(path)


@pytest.mark.parametrize("error", ["database or disk is full", "attempt to write a readonly"])
def test_what_the_disk_refuses_is_said(tmp_path: Path, error: str) -> None:
    path = tmp_path / "journal.sqlite"
    with Journal(path) as journal:
        if "full" in error:
            (pages,) = journal._file.execute("PRAGMA page_count").fetchone()
            journal._file.execute(f"PRAGMA max_page_count = {pages}")
        else:
            journal._file.execute("PRAGMA query_only = 1")
        with pytest.raises(CompileError, match=error) as caught:
            journal.put("accuracy", "a", "1", {"value": "x" * 100_000})
        assert caught.value.where == str(path)
        assert journal.get("accuracy", "a", "1") is None
