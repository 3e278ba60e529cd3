# SPDX-License-Identifier: Apache-2.0
"""Writes output files whole or not at all, and reports as JSON."""

import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, fields, is_dataclass
from pathlib import Path

from mcuforge.errors import CompileError, InternalError, UserError
from mcuforge.version import VERSION

SCHEMA = 2  # docs/report.md describes it; raised when a key changes its meaning


def write_whole(path: Path, content: str | bytes) -> None:
    """Write `content` (text as UTF-8) to `path` by rename, so that nobody ever sees half of it.

    A pipe or a device (/dev/stdout) is written to directly. Raises CompileError when the folder is
    missing or not writable, and when `path` is a folder.
    """
    _refuse_dash(path)
    data = content.encode() if isinstance(content, str) else content
    try:
        if path.exists() and not path.is_file():  # asked before the link /dev/stdout is resolved
            path.write_bytes(data)
            return
        path = path.resolve()
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        fresh = Path(name)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
            fresh.chmod(0o644)
            fresh.replace(path)
        finally:
            fresh.unlink(missing_ok=True)
    except OSError as error:
        raise _unwritable(path, error.strerror or str(error)) from error


def refuse_unwritable(path: Path | None) -> None:
    """Raise the CompileError of `write_whole` now, instead of after minutes of work."""
    if path is None or (path.exists() and not path.is_file() and not path.is_dir()):
        return
    _refuse_dash(path)
    if path.is_dir():
        raise _unwritable(path, "Is a directory")
    if not path.resolve().parent.is_dir():
        raise _unwritable(path, "No such file or directory")
    if not os.access(path.resolve().parent, os.W_OK | os.X_OK):
        raise _unwritable(path, "Permission denied")


def _refuse_dash(path: Path) -> None:
    """Refuse the name that other programs take for their standard output."""
    if str(path) == "-":
        raise CompileError(
            "'-' is not taken for the standard output",
            "the name of a file to write",
            "/dev/stdout prints there",
        )


def _unwritable(path: Path, reason: str) -> CompileError:
    return CompileError(
        f"cannot write the file: {reason}",
        str(path.resolve()),
        "name a file in a folder that exists and is writable",
    )


def write_json(report: object, path: Path | None) -> None:
    """Write a report (a record of `report/model.py`) as one JSON object; None: write no file.

    `schema` and the version of mcuforge come first. Raises CompileError as `write_whole` does.
    """
    if path is None:
        return
    if not is_dataclass(report) or isinstance(report, type):
        raise InternalError(f"{type(report).__name__} is not a report")
    _write_object(asdict(report), path)


def _write_object(content: Mapping[str, object], path: Path) -> None:
    head = {"schema": SCHEMA, "mcuforge": VERSION}
    write_whole(path, json.dumps({**head, **content}, indent=2, allow_nan=False) + "\n")


@contextmanager
def refusals_written(kind: type, path: Path | None) -> Iterator[None]:
    """Write a failing report of `kind` (a report's dataclass) when a UserError ends the block.

    Nothing was measured: `verdict` is "fail", `reasons` holds the error's three lines, and every
    other key is null. Otherwise a reader would take the "pass" that an earlier run left in the file
    for the result of this run. Refuses an unwritable `path` before the block.
    """
    refuse_unwritable(path)
    try:
        yield
    except UserError as error:
        if path is not None:
            empty = dict.fromkeys(f.name for f in fields(kind))
            reasons = [error.what, f"where: {error.where}", f"try: {error.hint}"]
            _write_object({**empty, "verdict": "fail", "reasons": reasons}, path)
        raise
