# SPDX-License-Identifier: Apache-2.0
"""Output files that are whole or not there; reports as JSON."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, fields, is_dataclass
from pathlib import Path

import mcuforge
from mcuforge.errors import CompileError, InternalError, UserError

SCHEMA = 1  # docs/report.md describes it; raised when a key changes its meaning


def write_whole(path: Path, content: str | bytes) -> None:
    """Write `content` (text as UTF-8) to `path` by rename: nobody ever sees half of it.

    A pipe or a device (/dev/stdout) is written to. Raises CompileError when the folder is missing
    or not writable, and for a folder in the file's place.
    """
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
    """Raise now, before minutes of work, the CompileError that `write_json` would end them with."""
    if path is None or (path.exists() and not path.is_file() and not path.is_dir()):
        return
    if path.is_dir():
        raise _unwritable(path, "Is a directory")
    if not path.resolve().parent.is_dir():
        raise _unwritable(path, "No such file or directory")
    if not os.access(path.resolve().parent, os.W_OK | os.X_OK):
        raise _unwritable(path, "Permission denied")


def _unwritable(path: Path, reason: str) -> CompileError:
    return CompileError(
        f"cannot write the file: {reason}",
        str(path.resolve()),
        "name a file in a folder that exists and is writable",
    )


def write_json(report: object, path: Path | None) -> None:
    """A report (a dataclass, or a mapping) as one JSON object; None: no file.

    `schema` and the version of mcuforge come first in each. Raises CompileError as write_whole.
    """
    if path is None:
        return
    if isinstance(report, Mapping):
        content = dict(report)
    elif is_dataclass(report) and not isinstance(report, type):
        content = asdict(report)
    else:
        raise InternalError(f"{type(report).__name__} is no report")
    text = json.dumps(
        {"schema": SCHEMA, "mcuforge": mcuforge.__version__, **content}, indent=2, allow_nan=False
    )
    write_whole(path, text + "\n")


@contextmanager
def refusals_written(kind: type, path: Path | None) -> Iterator[None]:
    """Leave a failing report of `kind` (a report dataclass) when a UserError ends the block.

    Nothing was measured, so every key is null but verdict "fail" and the three lines as reasons. A
    pass that an earlier run left in the file would otherwise be read as this run's.
    """
    try:
        yield
    except UserError as error:
        empty = dict.fromkeys(f.name for f in fields(kind) if f.name != "mcuforge")
        reasons = [error.what, f"where: {error.where}", f"try: {error.hint}"]
        write_json(empty | {"verdict": "fail", "reasons": reasons}, path)
        raise
