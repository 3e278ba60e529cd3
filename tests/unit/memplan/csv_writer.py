# SPDX-License-Identifier: Apache-2.0
"""Writes planning problems as minimalloc's CSV, which scripts only read."""

from __future__ import annotations

import csv
from io import StringIO

from mcuforge.memplan.problem import Problem, ProblemError
from scripts.minimalloc import OPTIONAL, REQUIRED


def write_csv(problem: Problem) -> str:
    """The text of a problem; ProblemError when the format cannot say it (regions, overlaps)."""
    if len(problem.regions) > 1 or problem.overlaps:
        raise ProblemError("minimalloc's CSV has one region and no overlaps")
    aligned = any(buffer.alignment > 1 for buffer in problem.buffers)
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(REQUIRED + OPTIONAL if aligned else REQUIRED)
    for buffer in problem.buffers:
        row = (buffer.name, buffer.begin, buffer.end, buffer.bytes)
        writer.writerow((*row, buffer.alignment) if aligned else row)
    return text.getvalue()
