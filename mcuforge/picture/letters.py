# SPDX-License-Identifier: Apache-2.0
"""Draws a plan in letters: time from left to right, addresses from bottom to top."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from string import ascii_letters, digits
from textwrap import wrap

from mcuforge.memplan.peak import deciding_region, peak_moment
from mcuforge.memplan.problem import Buffer, Plan, Problem

WIDTH = 100
ROWS = 20
LABELS = ascii_letters + digits
FREE = "."
SHARED = "#"
NARROWEST = 60  # columns; a narrower map is unreadable
STRETCH = 8  # columns a step may take when there are few steps
MOST_NAMES = 6  # buffers named in a title; the legend has them all


def draw(problem: Problem, plan: Plan, *, width: int = WIDTH, steps: Sequence[str] = ()) -> str:
    """Draw one map per region, with the deciding moment between v and ^, and a legend.

    No line is longer than `width` (60 columns at least). A cell stands for some steps and some
    bytes. It shows the buffer that covers most of it (the later one of two equal ones), or # where
    buffers overlap. Steps at which no buffer starts or ends are left out. Buffers too small to show
    are still in the legend. steps: a name per step, for the title.
    """
    width = max(width, NARROWEST)
    lines: list[str] = []
    for region in problem.regions:
        if plan.peaks[region.name]:
            inside = sorted(
                (b for b in problem.buffers if plan.placements[b.name].region == region.name),
                key=lambda b: b.begin,
            )
            labels = _labels(inside)
            picture = _map(problem, plan, region.name, inside, labels, width)
            lines += _title(problem, plan, region.name, steps, width)
            if any(SHARED in line for line in picture):
                lines += [f"{SHARED} one buffer over another"]
            lines += [*picture, "", *_legend(problem, plan, inside, labels, width), ""]
    return "".join(f"{_plain(line).rstrip()}\n" for line in lines[:-1])


def _plain(line: str) -> str:
    """`line` with ? for control characters in names, which a terminal would obey."""
    return "".join(c if c.isprintable() else "?" for c in line)


def _labels(buffers: Sequence[Buffer]) -> dict[str, str]:
    """One letter per buffer, in the order they come alive.

    Buffers of different moments may have the same letter; the legend's steps tell them apart. Where
    a letter would occur twice at one moment, every buffer gets two letters.
    """
    base = len(LABELS)
    for first, again in zip(buffers, buffers[base:], strict=False):
        if again.begin <= first.end:
            return {
                b.name: LABELS[i // base % base] + LABELS[i % base] for i, b in enumerate(buffers)
            }
    return {b.name: LABELS[i % base] for i, b in enumerate(buffers)}


def _title(problem: Problem, plan: Plan, name: str, steps: Sequence[str], width: int) -> list[str]:
    """What the region needs and has, and which buffers decide it."""
    region = next(r for r in problem.regions if r.name == name)
    peak = plan.peaks[name]
    text = f"{name}: {peak:,} of {region.bytes:,} bytes ({100 * peak / region.bytes:.1f} %)"
    if missing := plan.overflow(problem).get(name):
        text += f", {missing:,} too few"
    lines = wrap(text, width)
    if name == deciding_region(problem, plan):
        step, live = peak_moment(problem, plan)
        when = f"step {step} {steps[step]}" if step < len(steps) else f"step {step}"
        names = ", ".join(live[:MOST_NAMES])
        if len(live) > MOST_NAMES:
            names += f" and {len(live) - MOST_NAMES} more"
        lines += wrap(f"decided at {when} (^) by {names}", width, subsequent_indent="  ")
    return lines


def _map(
    problem: Problem,
    plan: Plan,
    region: str,
    buffers: Sequence[Buffer],
    labels: dict[str, str],
    width: int,
) -> list[str]:
    """The rows of one region's map, highest address first, with marks and axis."""
    peak = plan.peaks[region]
    margin = len(f"{peak:,}") + 2
    cell = len(next(iter(labels.values())))
    moments = sorted({step for b in buffers for step in (b.begin, b.end)})
    starts, ends = _slices(len(moments) - 1, (width - margin) // cell)
    bottoms, tops = _slices(peak, ROWS)
    # (bytes times moments, begin, label) of the buffer that covers most of each cell
    best: dict[tuple[int, int], tuple[int, int, str]] = {}
    covered: dict[tuple[int, int], int] = {}
    for buffer in buffers:
        begin, end = bisect_left(moments, buffer.begin), bisect_left(moments, buffer.end)
        low = plan.placements[buffer.name].offset
        high = low + buffer.bytes
        for column in _touched(begin, end, starts, ends):
            moments_here = min(end, ends[column]) - max(begin, starts[column])
            for row in _touched(low, high, bottoms, tops):
                area = moments_here * (min(high, tops[row]) - max(low, bottoms[row]))
                key = (area, buffer.begin, labels[buffer.name])
                best[row, column] = max(best.get((row, column), key), key)
                covered[row, column] = covered.get((row, column), 0) + area
    stretch = max(1, min(STRETCH, (width - margin) // (cell * len(starts))))
    lines = []
    for row in reversed(range(len(bottoms))):
        cells = []
        for column in range(len(starts)):
            area = (tops[row] - bottoms[row]) * (ends[column] - starts[column])
            if covered.get((row, column), 0) > area:  # covers more than the cell: buffers overlap
                cells.append(SHARED * cell)
            else:
                cells.append(best[row, column][2] if (row, column) in best else FREE * cell)
        picture = "".join(label * stretch for label in cells)
        lines.append(f"{bottoms[row]:>{margin - 2},} |{picture}")
    drawn = [moments[s] for s in starts]
    axis, numbers = _axis(drawn, margin, cell * stretch)
    if region != deciding_region(problem, plan):
        return [*lines, axis, numbers]
    moment, _ = peak_moment(problem, plan)
    column = max(c for c, step in enumerate(drawn) if step <= moment)
    before = " " * (margin + column * cell * stretch)
    down, up = (before + mark * (cell * stretch) for mark in "v^")
    return [down, *lines, axis, up, numbers]


def _axis(steps: Sequence[int], margin: int, column_width: int) -> tuple[str, str]:
    """The edge under the map, and the numbers of the steps that have room."""
    axis = " " * (margin - 2) + " +" + "-" * (column_width * len(steps))
    numbers = " " * margin
    for column, step in enumerate(steps):
        at = margin + column * column_width
        text = str(step)
        if at >= len(numbers) and at + len(text) <= len(axis):
            numbers = numbers.ljust(at) + text + "  "
    return axis, numbers


def _legend(
    problem: Problem, plan: Plan, buffers: Sequence[Buffer], labels: dict[str, str], width: int
) -> list[str]:
    """One line per buffer: label, name, bytes, place, lifetime; * at the deciding moment."""
    _, deciding = peak_moment(problem, plan)
    facts = []
    for buffer in buffers:
        place = plan.placements[buffer.name]
        where = f"{place.region}+{place.offset:,}"
        steps = f"steps {buffer.begin}..{buffer.end - 1}"
        facts.append((buffer.name, f"{buffer.bytes:,}", where, steps))
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
    """Begins and ends of at most `most` slices of [0, count), nearly equal in length."""
    slices = max(1, min(count, most))
    edges = [i * count // slices for i in range(slices + 1)]
    return edges[:-1], edges[1:]


def _touched(begin: int, end: int, begins: Sequence[int], ends: Sequence[int]) -> range:
    """The slices that [begin, end) overlaps."""
    return range(bisect_right(ends, begin), bisect_left(begins, end))
