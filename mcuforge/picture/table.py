# SPDX-License-Identifier: Apache-2.0
"""Makes the table of layers for the terminal, and the rows of the page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from rich.cells import cell_len
from rich.markup import escape
from rich.table import Table

from mcuforge.picture.record import PlanPicture, live_bytes
from mcuforge.picture.words import (
    bound_words,
    brief,
    layer_words,
    layers_words,
    listed,
    printable,
    rows_words,
    shape_words,
    share,
    shortened,
)

LONGEST_FIGURE = 40  # characters of a layer's name in the page's header

LAYER = "layer"
LAYER_COLUMNS = (
    *("#", LAYER, "op", "output", "stage"),
    *("rows held", "bytes", "region", "offset", "in use"),
)
RIGHT = frozenset({"#", "rows held", "bytes", "offset", "in use"})
SPARE = ("output", "op", "stage", "rows held", "region", LAYER)  # left out in this order
FOLDED_LAYER = 12  # characters a layer's name keeps at least
PADDING = 2  # characters round a cell


@dataclass(frozen=True)
class Cell:
    """A cell of the page's table: its words, and the key it is sorted by."""

    words: str
    key: int | None = None  # None: sorted by its words


BUFFER_HEADERS = (
    *("name", "kind", "bytes", "rows held", "region"),
    *("offset", "alive", "shape", "shares bytes with"),
)
BUFFER_COLUMNS = tuple((h, "number" if h in {*RIGHT, "alive"} else "text") for h in BUFFER_HEADERS)


def plan_table(picture: PlanPicture, width: int | None = None) -> Table:
    """One row per layer: its output's shape, pipeline, ring rows, bytes and place; bytes in use.

    A * marks the layers of the deciding moment. Figures are never cut: columns are left out until
    the rest fits into `width` characters (None: any width), and names of layers are folded.
    """
    rows = _rows(picture)
    table = Table(box=None)
    shown = _columns(rows, width)
    for header in shown:
        justify: Literal["left", "right"] = "right" if header in RIGHT else "left"
        table.add_column(header, justify=justify, no_wrap=header != LAYER, overflow="fold")
    for row in rows:
        table.add_row(*(escape(row[header]) for header in shown))
    return table


def plan_text(picture: PlanPicture, most: int) -> str | None:
    """The same table in plain lines, for a file or a pipe; None where it is wider than `most`.

    A rich Table takes as long to print as a large network takes to plan.
    """
    rows = _rows(picture)
    columns = []
    for header in _columns(rows, None):
        cells = [header, *(row[header] for row in rows)]
        widths = [cell_len(cell) for cell in cells]
        width = max(widths)
        if header in RIGHT:
            columns.append([f" {cell.rstrip():>{width}} " for cell in cells])
        else:
            pairs = zip(cells, widths, strict=True)
            columns.append([f" {cell}{' ' * (width - own)} " for cell, own in pairs])
    lines = ["".join(cells) for cells in zip(*columns, strict=True)]
    return None if cell_len(lines[0]) > most else "\n".join(lines)


def _rows(picture: PlanPicture) -> list[dict[str, str]]:
    """The cells of every layer, by the headers of their columns."""
    buffers = {buffer.name: buffer for buffer in picture.buffers}
    deciding = picture.deciding
    rows: list[dict[str, str]] = []
    for i, (column, live) in enumerate(zip(picture.columns, live_bytes(picture), strict=True)):
        buffer = buffers.get(column.buffer)
        if buffer is None:  # a model without layers
            continue
        marked = deciding is not None and deciding.begin <= i < deciding.end
        rows.append(
            {
                "#": str(i),
                "layer": printable(column.label),
                "op": column.op,
                "output": shape_words(column.shape),
                "stage": brief(picture.stages[column.stage].name),
                "rows held": "" if buffer.rows is None else "{} of {}".format(*buffer.rows),
                "bytes": f"{buffer.bytes:,}",
                "region": brief(buffer.region),
                "offset": f"{buffer.offset:,}",
                "in use": f"{live:,}{'*' if marked else ' '}",
            }
        )
    return rows


def _columns(rows: Sequence[Mapping[str, str]], width: int | None) -> list[str]:
    """The headers of the columns that are not empty and fit, in their order."""
    shown = [
        header
        for header in LAYER_COLUMNS
        if header not in ("stage", "rows held") or any(row[header] for row in rows)
    ]
    alone = len({row["region"] for row in rows}) < 2
    for spare in ("region", *SPARE) if alone else SPARE:
        widest = {h: max([len(h), *(len(row[h]) for row in rows)]) for h in shown}
        if LAYER in widest:
            widest[LAYER] = min(widest[LAYER], FOLDED_LAYER)
        if width is None or sum(widest.values()) + PADDING * len(shown) <= width:
            break
        shown = [header for header in shown if header != spare]
    return shown


def buffer_rows(picture: PlanPicture) -> tuple[tuple[int, tuple[Cell, ...]], ...]:
    """One row per buffer, in the order they come alive: its index, its cells by BUFFER_COLUMNS."""
    rows = []
    for i in picture.in_order:
        b = picture.buffers[i]
        shape = " ".join(filter(None, (b.dtype, shape_words(b.shape))))
        cells = (
            Cell(printable(b.name)),
            Cell(b.kind),
            Cell(f"{b.bytes:,}", b.bytes),
            Cell(rows_words(b), 0 if b.rows is None else b.rows[0]),
            Cell(brief(b.region)),
            Cell(f"{b.offset:,}", b.offset),
            Cell(layers_words(picture, b.begin, b.end), b.begin),
            Cell(shape),
            Cell(listed(b.overlaps)),
        )
        rows.append((i, cells))
    return tuple(rows)


def facts_of(picture: PlanPicture) -> tuple[tuple[str, str, str], ...]:
    """The facts in the page's header, each as (name, figure, remark)."""
    deciding = picture.deciding
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
    remark = f"{len(picture.buffers)} buffers"
    if count := len(picture.pipelines):
        remark += f", {count} pipeline{'s' if count > 1 else ''}"
    facts.append(("layers", f"{picture.layers}", remark))
    return tuple(facts)
