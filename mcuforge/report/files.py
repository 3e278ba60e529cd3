# SPDX-License-Identifier: Apache-2.0
"""Output files that are whole or not there; reports as JSON."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from pathlib import Path

from mcuforge.errors import CompileError, InternalError

SCHEMA = 1  # docs/report.md describes it; raised when a key changes its meaning


def write_whole(path: Path, text: str) -> None:
    """Write `text` to `path` by rename: no reader and no crash ever sees half of it.

    Raises CompileError when the folder is missing or not writable.
    """
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except OSError as error:
        raise CompileError(
            f"cannot write the file: {error.strerror or error}",
            str(path),
            "name a file in a folder that exists and is writable",
        ) from error


def write_json(report: object, path: Path | None) -> None:
    """A report (a dataclass, or a mapping) as one JSON object, schema first; None: no file."""
    if path is None:
        return
    if isinstance(report, Mapping):
        content = dict(report)
    elif is_dataclass(report) and not isinstance(report, type):
        content = asdict(report)
    else:
        raise InternalError(f"{type(report).__name__} is no report")
    text = json.dumps({"schema": SCHEMA, **content}, indent=2, allow_nan=False)
    write_whole(path, text + "\n")
