# SPDX-License-Identifier: Apache-2.0
"""Reads the stimuli of an MLPerf Tiny benchmark: a folder with files of bytes and their labels.

The folder is as the benchmark gives it: y_labels.csv has a line for each file, without a header,
"file,classes,class", and for ad01 also the bytes of a window and its stride. Source:
mlcommons/tiny, benchmark/runner/datasets.py.
"""

import csv
from dataclasses import dataclass
from pathlib import Path

from mcuforge.errors import CompileError

LABELS = "y_labels.csv"


@dataclass(frozen=True)
class Stimulus:
    """One file: the bytes of each window that is sent, and the class it belongs to."""

    name: str
    label: int
    windows: tuple[bytes, ...]


def read_stimuli(folder: Path, benchmark: str, wire_bytes: int) -> tuple[Stimulus, ...]:
    """Read all stimuli of `benchmark` from `folder`, or from its folder of the benchmark's name.

    wire_bytes: what the board takes as one input. Raises CompileError for a missing or broken file.
    """
    own = folder / benchmark
    place = folder if (folder / LABELS).is_file() or not own.is_dir() else own
    path = place / LABELS
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = [row for row in csv.reader(file) if row]
    except (OSError, UnicodeDecodeError) as error:
        raise CompileError(
            f"the labels cannot be read: {getattr(error, 'strerror', None) or error}",
            str(path),
            f"give the folder with {LABELS} and the files of {benchmark} as the benchmark has them",
        ) from error
    found = tuple(_stimulus(place, row, number, wire_bytes) for number, row in enumerate(rows, 1))
    if not found:
        raise CompileError(
            "the file of labels is empty", str(path), "one line each: file,classes,class"
        )
    return found


def _stimulus(folder: Path, row: list[str], line: int, wire_bytes: int) -> Stimulus:
    where = f"{folder / LABELS}, line {line}"
    try:
        name, classes, label = row[0].strip(), int(row[1]), int(row[2])
        size, stride = (int(row[3]), int(row[4])) if len(row) > 4 else (wire_bytes, wire_bytes)
    except (IndexError, ValueError):
        raise CompileError(
            f"the line reads '{','.join(row)}'", where, "expected: file,classes,class"
        ) from None
    if not 0 <= label < max(classes, 1) or stride < 1:
        raise CompileError(
            f"class {label} of {classes}, stride {stride}: one of them is out of range",
            where,
            "classes count from 0, and a stride is at least 1",
        )
    try:
        data = (folder / name).read_bytes()
    except OSError as error:
        raise CompileError(
            f"'{name}' cannot be read: {error.strerror or error}",
            where,
            "put the file of bytes beside the labels",
        ) from error
    windows = tuple(data[at : at + size] for at in range(0, len(data) - size + 1, stride))
    if size != wire_bytes or not windows or (len(row) <= 4 and len(data) != size):
        raise CompileError(
            f"'{name}' has {len(data)} bytes in windows of {size}, the model takes {wire_bytes}",
            where,
            "give the stimuli of this model's benchmark",
        )
    return Stimulus(name, label, windows)
