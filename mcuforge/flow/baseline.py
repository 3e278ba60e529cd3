# SPDX-License-Identifier: Apache-2.0
"""Reads the JSON report of an earlier deploy, which a later one is held against."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING

from mcuforge.errors import CompileError
from mcuforge.report.files import SCHEMA
from mcuforge.report.gate_text import ACCURACY

if TYPE_CHECKING:
    from mcuforge.flow.data import Samples

AGAIN = "write it anew with `mcuforge deploy ... --json FILE`"
FIGURES = {  # figure -> its key in the JSON, which is its place in a Report too
    "ram": "ram.total",
    "flash": "flash.total",
    "instructions": "run.instructions",
    "time": "run.microseconds",
    ACCURACY: "check.accuracy",
}
SPEED = {"emulate": "instructions", "exact": "instructions", "port": "time"}  # way -> its figure


@dataclass(frozen=True)
class Baseline:
    """An earlier report: what it is of, and its figures by name, None where it has none."""

    path: Path
    model: str
    sha256: str
    board: str
    compiler: str  # with its version
    way: str  # a key of SPEED; `--` and the way is the flag
    data: str
    data_sha256: str
    samples: int
    figures: Mapping[str, float | None]

    def refuse_other(self, model: str, board: str, way: str) -> None:
        """Raise CompileError for a report of another model file name, board or way to run it.

        The model's bytes may differ: to compare those is what a baseline is for.
        """
        for what, theirs, ours in (("model", self.model, model), ("board", self.board, board)):
            if theirs != ours:
                raise self._other(f"of another {what}: '{theirs}', expected '{ours}'", what)
        if self.way != way:
            raise self._other(f"of a run with --{self.way}, expected one with --{way}", "flag")

    def refuse_other_samples(self, samples: Samples) -> None:
        """Raise CompileError where the two accuracies would be of different samples or labels."""
        if samples.labels is None or self.figures[ACCURACY] is None:
            return
        if samples.sha256 == self.data_sha256:
            return
        theirs, ours = (
            f"{count} samples of {data}"
            for count, data in ((self.samples, self.data), (samples.count, samples.origin))
        )
        differ = f"this run's would be of {ours}"
        if theirs == ours:
            differ = "whose samples or labels have changed since"
        raise CompileError(
            f"the baseline's accuracy is of {theirs}, {differ}",
            str(self.path),
            f"give the same --data and --samples, or {AGAIN}",
        )

    def _other(self, what: str, same: str) -> CompileError:
        return CompileError(
            f"the baseline is {what}",
            str(self.path),
            f"give the report of a run with the same {same}, or {AGAIN}",
        )


def read_baseline(path: Path) -> Baseline:
    """Read a report that `mcuforge deploy --json` wrote.

    Raises CompileError for a file that cannot be read, is not JSON, has another schema, lacks a key
    or has a value under it that no deploy writes, among them the report of a deploy that was
    refused.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise _unusable(path, f"cannot be read: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:  # of JSON, and of bytes that are not UTF-8
        raise _unusable(path, f"is not JSON: {error}") from error
    report = _Reader(path, content)
    if report.count("schema") != SCHEMA:
        raise _unusable(path, f"has schema {report.count('schema')}, expected {SCHEMA}")
    emulated, virtual = report.truth("board.emulated"), report.text("board.virtual", or_null=True)
    way = "exact" if virtual else "emulate" if emulated else "port"
    may_lack = {ACCURACY, *SPEED.values()} - {SPEED[way]}
    return Baseline(
        path=path,
        model=report.text("model.name"),
        sha256=report.text("model.sha256"),
        board=report.text("board.id"),
        compiler=f"{report.text('toolchain.compiler')} {report.text('toolchain.version')}",
        way=way,
        data=report.text("check.data"),
        data_sha256=report.text("check.data_sha256"),
        samples=report.count("check.samples"),
        figures={
            figure: report.number(
                key, or_null=figure in may_lack, most=1 if figure == ACCURACY else None
            )
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

    def count(self, key: str) -> int:
        """The integer under `key`, not negative."""
        value = self.number(key)
        if not isinstance(value, int):
            raise self._other(key, value, "an integer")
        return value

    def number(self, key: str, *, or_null: bool = False, most: float | None = None) -> float | None:
        """The number under `key`, at least 0 and finite as a float; None for null if allowed.

        most: the greatest that is accepted.
        """
        value = self._value(key)
        if value is None and or_null:
            return None
        expected = "a number" if most is None else f"a number from 0 to {most:g}"
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self._other(key, value, expected)
        try:
            fits = 0 <= float(value) < inf and (most is None or value <= most)
        except OverflowError:  # of an integer that no float holds
            fits = False
        if not fits:
            raise self._other(key, value, expected)
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
