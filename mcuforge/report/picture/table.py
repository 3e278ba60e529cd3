# SPDX-License-Identifier: Apache-2.0
"""A plan's layers as a table for the terminal, its buffers and figures as rows of the page."""

from __future__ import annotations

from dataclasses import dataclass

from rich.markup import escape
from rich.table import Table

from mcuforge.report.picture.record import PlanPicture, live_bytes
from mcuforge.report.picture.words import (
    bound_words,
    brief,
    layer_words,
    lifetime_words,
    listed,
    printable,
    rows_words,
    shape_words,
    share,
    shortened,
)

LONGEST_FIGURE = 40  # characters of a layer's name in the page's header


@dataclass(frozen=True)
class Cell:
    """A cell of the page's table: what is read, and what it is sorted by."""

    words: str
    key: int | None = None  # None: its words


@dataclass(frozen=True)
class BufferRow:
    """A buffer in the page's table; `index` is that of its rectangle."""

    index: int
    name: str
    cells: tuple[Cell, ...]  # under BUFFER_COLUMNS


BUFFER_COLUMNS = (
    ("name", "text"),
    ("kind", "text"),
    ("bytes", "number"),
    ("rows held", "number"),
    ("region", "text"),
    ("offset", "number"),
    ("alive", "number"),
    ("shape", "text"),
    ("shares bytes with", "text"),
)


def plan_table(picture: PlanPicture) -> Table:
    """Per layer its output: shape, pipeline, ring rows, bytes and place; and the bytes in use.

    The layers of the deciding moment are marked with *.
    """
    table = Table(box=None)
    pipelines = any(stage.name for stage in picture.stages)
    rings = any(buffer.rows is not None for buffer in picture.buffers)
    table.add_column("#", justify="right")
    table.add_column("layer", overflow="fold")
    table.add_column("op", no_wrap=True)
    table.add_column("output", no_wrap=True)
    if pipelines:
        table.add_column("stage", no_wrap=True)
    if rings:
        table.add_column("rows held", justify="right", no_wrap=True)
    for header in ("bytes", "region", "offset", "in use"):
        table.add_column(header, justify="left" if header == "region" else "right", no_wrap=True)
    buffers = {buffer.name: buffer for buffer in picture.buffers}
    deciding = picture.deciding
    for i, (column, live) in enumerate(zip(picture.columns, live_bytes(picture), strict=True)):
        buffer = buffers.get(column.buffer)
        if buffer is None:  # a model without layers
            continue
        marked = deciding is not None and deciding.begin <= i < deciding.end
        cells = [str(i), escape(printable(column.label)), column.op, shape_words(column.shape)]
        if pipelines:
            cells.append(escape(brief(picture.stages[column.stage].name)))
        if rings:
            cells.append("" if buffer.rows is None else "{} of {}".format(*buffer.rows))
        cells += [f"{buffer.bytes:,}", escape(brief(buffer.region)), f"{buffer.offset:,}"]
        table.add_row(*cells, f"{live:,}{'*' if marked else ' '}")
    return table


def buffer_rows(picture: PlanPicture) -> tuple[BufferRow, ...]:
    """Every buffer with its facts, in the order they come alive."""
    order = sorted(
        range(len(picture.buffers)),
        key=lambda i: (picture.buffers[i].begin, picture.buffers[i].offset),
    )
    rows = []
    for i in order:
        b = picture.buffers[i]
        shape = " ".join(filter(None, (b.dtype, shape_words(b.shape))))
        cells = (
            Cell(printable(b.name)),
            Cell(b.kind),
            Cell(f"{b.bytes:,}", b.bytes),
            Cell(rows_words(b), 0 if b.rows is None else b.rows[0]),
            Cell(brief(b.region)),
            Cell(f"{b.offset:,}", b.offset),
            Cell(lifetime_words(picture, b), b.begin),
            Cell(shape),
            Cell(listed(b.overlaps)),
        )
        rows.append(BufferRow(i, printable(b.name), cells))
    return tuple(rows)


def facts_of(picture: PlanPicture) -> tuple[tuple[str, str, str], ...]:
    """The page's header: name, figure and remark of each fact."""
    deciding = picture.deciding
    pipelines = [stage for stage in picture.stages if stage.name]
    facts = [
        ("arena", f"{picture.arena:,} bytes", f"found by the {picture.solver} solver"),
        ("lower bound", f"{picture.lower_bound:,} bytes", bound_words(picture)),
        ("budget", f"{picture.budget:,} bytes", f"{share(picture.arena, picture.budget)} used"),
    ]
    if len(picture.regions) > 1:
        for r in picture.regions:
            name = shortened(printable(r.name), LONGEST_FIGURE)
            facts.append((name, f"{r.peak:,} bytes", f"{share(r.peak, r.bytes)} of {r.bytes:,}"))
    if deciding is not None:
        when = shortened(layer_words(picture, deciding.begin), LONGEST_FIGURE)
        if deciding.end - deciding.begin > 1:
            when += f" to {shortened(layer_words(picture, deciding.end - 1), LONGEST_FIGURE)}"
        facts.append(("decided during", when, f"by {listed(deciding.buffers)}"))
    layers = len([c for c in picture.columns if c.op])
    remark = f"{len(picture.buffers)} buffers"
    if pipelines:
        remark += f", {len(pipelines)} pipeline{'s' if len(pipelines) > 1 else ''}"
    facts.append(("layers", f"{layers}", remark))
    return tuple(facts)
