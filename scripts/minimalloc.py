# SPDX-License-Identifier: Apache-2.0
"""Reads problems from the CSV of the minimalloc allocator, the format of public hard problems."""

from __future__ import annotations

import csv
from io import StringIO

from mcuforge.memplan.problem import Buffer, Problem, ProblemError, Region

REQUIRED = ("id", "lower", "upper", "size")  # lifetime [lower, upper) in steps, size in bytes
OPTIONAL = ("alignment",)


def read_csv(text: str, capacity: int | None = None) -> Problem:
    """Read a problem in one region "memory" of `capacity` bytes (None: room for all at once).

    Raises ProblemError, with the line, for a missing or unknown column or a value that is not a
    number.
    """
    rows = csv.reader(StringIO(text))
    columns = [name.strip() for name in next(rows, [])]
    if missing := [name for name in REQUIRED if name not in columns]:
        raise ProblemError(f"line 1: no column '{missing[0]}', expected {','.join(REQUIRED)}")
    if unknown := [name for name in columns if name not in REQUIRED + OPTIONAL]:
        accepted = ",".join(REQUIRED + OPTIONAL)
        raise ProblemError(f"line 1: unknown column '{unknown[0]}', accepted: {accepted}")
    buffers = []
    for row in rows:
        if not row:
            continue
        try:
            cells = dict(zip(columns, row, strict=True))
            lower, upper, size = (int(cells[name]) for name in REQUIRED[1:])
            alignment = int(cells.get("alignment", 1))
        except ValueError:
            raise ProblemError(
                f"line {rows.line_num}: expected numbers for {','.join(columns)}"
            ) from None
        buffers.append(Buffer(cells["id"].strip(), size, lower, upper, alignment))
    room = sum(b.bytes + b.alignment for b in buffers) or 1
    return Problem(tuple(buffers), (Region("memory", room if capacity is None else capacity),))
