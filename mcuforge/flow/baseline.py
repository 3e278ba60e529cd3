# SPDX-License-Identifier: Apache-2.0
"""Reads the JSON report of an earlier deploy, which a later one is held against."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from pathlib import Path

from mcuforge.errors import CompileError
from mcuforge.report.model import Check

WAYS = {"emulate": "--emulate", "exact": "--exact", "port": "--port"}
AGAIN = "write it anew with `mcuforge deploy ... --json FILE`"
FIGURES = {  # figure -> its key in the JSON
    "ram": "ram.total",
    "flash": "flash.total",
    "instructions": "run.instructions",
    "time": "run.microseconds",
    "accuracy": "check.accuracy",
}
MAY_LACK = ("instructions", "time", "accuracy")  # null where a run does not have it


@dataclass(frozen=True)
class Baseline:
    """An earlier report: what it is of, and its figures by name, None where it has none."""

    path: Path
    model: str
    sha256: str
    board: str
    compiler: str  # with its version
    way: str  # "emulate", "exact" or "port"
    data: str
    samples: int
    figures: Mapping[str, float | None]

    def refuse_other(self, model: str, board: str, way: str) -> None:
        """Raise CompileError for a report of another model file name, board or way to run it.

        The model's bytes may differ: to compare those is what a baseline is for.
        """
        for what, theirs, ours in (
            ("model", self.model, model),
            ("board", self.board, board),
            ("way", WAYS[self.way], WAYS[way]),
        ):
            if theirs != ours:
                raise CompileError(
                    f"the baseline is of another {what}: '{theirs}', expected '{ours}'",
                    str(self.path),
                    f"give the report of a run with the same {what}, or {AGAIN}",
                )

    def refuse_other_data(self, data: str) -> None:
        """Raise CompileError for an accuracy of another data file; known before a run."""
        if self.figures["accuracy"] is not None and self.data != data:
            raise CompileError(
                f"the baseline's accuracy is of samples of {self.data}, --data names {data}",
                str(self.path),
                f"give the same --data, or {AGAIN}",
            )

    def refuse_other_samples(self, check: Check) -> None:
        """Raise CompileError where the two accuracies are of different samples."""
        if check.accuracy is None or self.figures["accuracy"] is None:
            return
        if (self.data, self.samples) != (check.data, check.samples):
            raise CompileError(
                f"the baseline's accuracy is of {self.samples} samples of {self.data}, this run's "
                f"of {check.samples} of {check.data}",
                str(self.path),
                f"give the same --samples, or {AGAIN}",
            )


def read_baseline(path: Path) -> Baseline:
    """Read a report that `mcuforge deploy --json` wrote.

    Raises CompileError for a file that cannot be read, is not JSON, lacks a key or has a value of
    another type under it, among them the report of a deploy that was refused.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise _unusable(path, f"cannot be read: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:  # of JSON, and of bytes that are not UTF-8
        raise _unusable(path, f"is not JSON: {error}") from error
    report = _Reader(path, content)
    emulated, virtual = report.truth("board.emulated"), report.text("board.virtual", or_null=True)
    return Baseline(
        path=path,
        model=report.text("model.name"),
        sha256=report.text("model.sha256"),
        board=report.text("board.id"),
        compiler=f"{report.text('toolchain.compiler')} {report.text('toolchain.version')}",
        way="exact" if virtual else "emulate" if emulated else "port",
        data=report.text("check.data"),
        samples=int(report.number("check.samples") or 0),
        figures={
            figure: report.number(key, or_null=figure in MAY_LACK)
            for figure, key in FIGURES.items()
        },
    )


@dataclass(frozen=True)
class _Reader:
    """Gets values of a report by key, or says what is wrong with them."""

    path: Path
    content: object

    def text(self, key: str, *, or_null: bool = False) -> str:
        """The string under `key`; empty for null where that is allowed."""
        value = self._value(key)
        if value is None and or_null:
            return ""
        if not isinstance(value, str):
            raise self._other(key, value, "a string")
        return value

    def truth(self, key: str) -> bool:
        """The boolean under `key`."""
        value = self._value(key)
        if not isinstance(value, bool):
            raise self._other(key, value, "true or false")
        return value

    def number(self, key: str, *, or_null: bool = False) -> float | None:
        """The number under `key`, finite and not negative; None for null where that is allowed."""
        value = self._value(key)
        if value is None and or_null:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < inf:
            raise self._other(key, value, "a number")
        return value

    def _value(self, key: str) -> object:
        value = self.content
        for part in key.split("."):
            if not isinstance(value, dict) or part not in value:
                raise _unusable(self.path, f"has no key '{key}'")
            value = value[part]
            if value is None and part != key.rpartition(".")[2]:
                raise _unusable(self.path, "is of a deploy that was refused: nothing was measured")
        return value

    def _other(self, key: str, value: object, expected: str) -> CompileError:
        found = json.dumps(value)[:40]
        return _unusable(self.path, f"has {found} under '{key}', expected {expected}")


def _unusable(path: Path, what: str) -> CompileError:
    return CompileError(f"the baseline {what}", str(path), AGAIN)
