# SPDX-License-Identifier: Apache-2.0
"""A plan as a picture of letters: time from left to right, addresses from bottom to top."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from string import ascii_letters, digits
from textwrap import wrap

from mcuforge.memplan.peak import deciding_region, peak_moment
from mcuforge.memplan.problem import Buffer, Plan, Problem

WIDTH = 100
ROWS = 20
LABELS = ascii_letters + digits
FREE = "."
NARROWEST = 60  # columns below which a map says nothing
STRETCH = 4  # columns a step may take when there are few steps


def draw(problem: Problem, plan: Plan, *, width: int = WIDTH, rows: int = ROWS) -> str:
    """A map of every region in use, the deciding moment marked with ^, and a legend.

    No line is longer than `width` (60 columns at least). A cell stands for some steps and some
    bytes and shows the buffer that covers most of it, the later one where two share. Steps at which
    no buffer comes or goes are left out; what is too small to show is still in the legend.
    """
    width = max(width, NARROWEST)
    labels = _labels(problem.buffers)
    lines: list[str] = []
    for region in problem.regions:
        if plan.peaks[region.name]:
            lines += [*_title(problem, plan, region.name, width)]
            lines += [*_map(problem, plan, region.name, labels, width, rows), ""]
    lines += _legend(problem, plan, labels, width)
    return "".join(f"{line.rstrip()}\n" for line in lines)


def _labels(buffers: Iterable[Buffer]) -> dict[str, str]:
    """One letter for each, in the order they come alive; two when the letters do not suffice."""
    names = [buffer.name for buffer in sorted(buffers, key=lambda b: b.begin)]
    base = len(LABELS)
    if len(names) <= base:
        return dict(zip(names, LABELS, strict=False))
    return {name: LABELS[i // base % base] + LABELS[i % base] for i, name in enumerate(names)}


def _title(problem: Problem, plan: Plan, name: str, width: int) -> list[str]:
    """What the region needs and has, and what decides it."""
    region = next(r for r in problem.regions if r.name == name)
    text = f"{name}: {plan.peaks[name]} of {region.bytes} bytes"
    if missing := plan.overflow(problem).get(name):
        text += f", {missing} too few"
    lines = wrap(text, width)
    if name == deciding_region(problem, plan):
        step, live = peak_moment(problem, plan)
        lines += wrap(
            f"decided at step {step} (^) by {', '.join(live)}", width, subsequent_indent="  "
        )
    return lines


def _map(
    problem: Problem, plan: Plan, region: str, labels: dict[str, str], width: int, rows: int
) -> list[str]:
    """The rows of one region from the highest address down, then the axis of steps."""
    buffers = [b for b in problem.buffers if plan.placements[b.name].region == region]
    peak = plan.peaks[region]
    margin = len(str(peak)) + 2
    cell = len(next(iter(labels.values())))
    moments = sorted({step for b in buffers for step in (b.begin, b.end)})
    starts, ends = _slices(len(moments) - 1, (width - margin) // cell)
    bottoms, tops = _slices(peak, rows)
    # (bytes times moments, begin, label) of the buffer that covers most of each cell
    best: dict[tuple[int, int], tuple[int, int, str]] = {}
    for buffer in buffers:
        begin, end = moments.index(buffer.begin), moments.index(buffer.end)
        low = plan.placements[buffer.name].offset
        high = low + buffer.bytes
        for column in _touched(begin, end, starts, ends):
            moments_here = min(end, ends[column]) - max(begin, starts[column])
            for row in _touched(low, high, bottoms, tops):
                area = moments_here * (min(high, tops[row]) - max(low, bottoms[row]))
                key = (area, buffer.begin, labels[buffer.name])
                best[row, column] = max(best.get((row, column), key), key)
    stretch = max(1, min(STRETCH, (width - margin) // (cell * len(starts))))
    lines = []
    for row in reversed(range(len(bottoms))):
        cells = (
            best[row, column][2] if (row, column) in best else FREE * cell
            for column in range(len(starts))
        )
        picture = "".join(label * stretch for label in cells)
        lines.append(f"{bottoms[row]:>{margin - 2}} |{picture}")
    return lines + _axis(
        problem, plan, region, [moments[s] for s in starts], margin, cell * stretch
    )


def _axis(
    problem: Problem, plan: Plan, region: str, steps: Sequence[int], margin: int, column_width: int
) -> list[str]:
    """The steps under the map, and the mark of the deciding one."""
    axis = " " * (margin - 2) + " +" + "-" * (column_width * len(steps))
    numbers = " " * margin
    for column, step in enumerate(steps):
        at = margin + column * column_width
        text = str(step)
        if at >= len(numbers) and at + len(text) <= len(axis):
            numbers = numbers.ljust(at) + text + "  "
    lines = [axis, numbers]
    if region == deciding_region(problem, plan):
        moment, _ = peak_moment(problem, plan)
        column = max(c for c, step in enumerate(steps) if step <= moment)
        lines.insert(1, " " * (margin + column * column_width) + "^" * column_width)
    return lines


def _legend(problem: Problem, plan: Plan, labels: dict[str, str], width: int) -> list[str]:
    """A line a buffer: label, name, bytes, place, lifetime; * for those of the deciding moment."""
    _, deciding = peak_moment(problem, plan)
    facts = []
    for buffer in sorted(problem.buffers, key=lambda b: b.begin):
        place = plan.placements[buffer.name]
        size = f"{buffer.bytes}"
        where = f"{place.region}+{place.offset}"
        facts.append((buffer.name, size, where, f"steps {buffer.begin}..{buffer.end - 1}"))
    columns = [max((len(row[c]) for row in facts), default=0) for c in range(4)]
    label_width = max((len(label) for label in labels.values()), default=1)
    room = width - label_width - 4 - sum(columns[1:]) - 6 - len(" bytes")
    columns[0] = min(columns[0], max(room, 8))
    lines = []
    for name, size, where, life in facts:
        short = name if len(name) <= columns[0] else name[: columns[0] - 3] + "..."
        mark = "*" if name in deciding else " "
        line = f"{labels[name]} {mark} {short:<{columns[0]}}  {size:>{columns[1]}} bytes"
        lines.append(f"{line}  {where:<{columns[2]}}  {life}"[:width])
    return lines


def _slices(count: int, most: int) -> tuple[list[int], list[int]]:
    """[0, count) cut into at most `most` slices of nearly equal length: their begins and ends."""
    slices = max(1, min(count, most))
    edges = [i * count // slices for i in range(slices + 1)]
    return edges[:-1], edges[1:]


def _touched(begin: int, end: int, begins: Sequence[int], ends: Sequence[int]) -> range:
    """The slices that [begin, end) reaches into."""
    return range(bisect_right(ends, begin), bisect_left(begins, end))
