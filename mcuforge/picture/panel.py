# SPDX-License-Identifier: Apache-2.0
"""Draws the panel of one region: buffers at their addresses, and how full the region is."""

from dataclasses import dataclass
from itertools import combinations

from mcuforge.picture.labels import PAD, buffer_labels, longest_gap, spread
from mcuforge.picture.record import DrawnBuffer, PlanPicture, RegionBand, share_bytes
from mcuforge.picture.shapes import Box, Line, Panel, Shape, Shared, Text
from mcuforge.picture.words import hover_lines, layers_words, printable, share

NEAR = 1.35  # a capacity up to this many times the peak is drawn to scale, a greater one broken
TICK_DISTANCE = 13.0  # px between two words of the axis
LEAST_ROW = 4.0  # px of a ring's row below which its rows are not drawn one by one
ZIGZAG = 8.0  # px of a tooth of the broken line


@dataclass(frozen=True)
class _Scale:
    """Maps addresses of a region to heights of its panel, the lowest address at the bottom."""

    frame: Box
    column: float  # px of a layer's column
    top_bytes: float  # address at the upper edge

    def y(self, address: float) -> float:
        return self.frame.y + self.frame.height * (1 - address / self.top_bytes)

    def x(self, column: float) -> float:
        return self.frame.x + column * self.column

    def box(self, begin: int, end: int, low: int, high: float, style: str = "") -> Box:
        height = self.y(low) - self.y(high)
        return Box(self.x(begin), self.y(high), self.x(end) - self.x(begin), height, style)


def draw_panel(
    picture: PlanPicture, region: RegionBand, frame: Box, column: float
) -> tuple[Panel, tuple[Text, ...]]:
    """Draw `region` in `frame`, `column` px per layer; also returns the words of its axis."""
    broken = region.bytes > NEAR * region.peak
    top = 1.1 * region.peak if broken else 1.04 * max(region.peak, region.bytes)
    scale = _Scale(frame, column, max(top, 1.0))
    inside = [i for i in picture.in_order if picture.buffers[i].region == region.name]
    shapes = tuple(_shape(picture, i, bool(n % 2), inside, scale) for n, i in enumerate(inside))
    marks, axis = _levels(picture, region, scale, broken)
    bottom = frame.y + frame.height
    edges = (scale.x(stage.begin) for stage in picture.stages[1:])
    title = f"{printable(region.name)}: {region.peak:,} of {region.bytes:,} bytes"
    title += f" ({share(region.peak, region.bytes)})" if region.peak else ", not used"
    short = None
    if region.peak > region.bytes:
        title += f", {region.peak - region.bytes:,} too few"
        short = Box(frame.x, frame.y, frame.width, scale.y(region.bytes) - frame.y, "short")
    panel = Panel(
        ground=frame,
        title=Text(frame.x, frame.y - 8, title, "region"),
        bands=_bands(picture, scale),
        grid=tuple(Line(((x, frame.y), (x, bottom)), "grid") for x in edges),
        shapes=shapes,
        shared=_shared(picture, inside, scale),
        marks=marks,
        short=short,
    )
    return panel, axis


def _bands(picture: PlanPicture, scale: _Scale) -> tuple[Box, ...]:
    """Bands over the panel's full height: pipelines, and the deciding moment."""
    top = scale.top_bytes
    bands = [scale.box(s.begin, s.end, 0, top, "pipeline") for s in picture.pipelines]
    if picture.deciding is not None:
        bands.append(scale.box(picture.deciding.begin, picture.deciding.end, 0, top, "moment"))
    return tuple(bands)


def _shape(
    picture: PlanPicture, index: int, other: bool, inside: list[int], scale: _Scale
) -> Shape:
    buffer = picture.buffers[index]
    box = scale.box(buffer.begin, buffer.end, buffer.offset, buffer.offset + buffer.bytes)
    return Shape(
        index=index,
        kind=buffer.kind,
        other=other,
        decides=picture.deciding is not None and buffer.name in picture.deciding.buffers,
        box=box,
        facts=hover_lines(picture, buffer),
        labels=buffer_labels(buffer, _free_part(picture, buffer, inside, scale)),
        rows=_row_lines(buffer, box),
    )


def _free_part(picture: PlanPicture, buffer: DrawnBuffer, inside: list[int], scale: _Scale) -> Box:
    """The largest part of a buffer that no other overlaps, by layers or by addresses."""
    over = [b for i in inside if (b := picture.buffers[i]) is not buffer and share_bytes(b, buffer)]
    end = buffer.offset + buffer.bytes
    columns = longest_gap(buffer.begin, buffer.end, ((b.begin, b.end) for b in over))
    addresses = longest_gap(buffer.offset, end, ((b.offset, b.offset + b.bytes) for b in over))
    upright = scale.box(*columns, buffer.offset, end)
    level = scale.box(buffer.begin, buffer.end, *addresses)
    return max(upright, level, key=lambda box: box.width * box.height)


def _row_lines(buffer: DrawnBuffer, box: Box) -> tuple[Line, ...]:
    """The borders between a ring's rows, where they are far enough apart to count."""
    if buffer.rows is None or box.height < LEAST_ROW * buffer.rows[0]:
        return ()
    pitch = box.height / buffer.rows[0]
    heights = (box.y + pitch * i for i in range(1, buffer.rows[0]))
    return tuple(Line(((box.x, y), (box.x + box.width, y)), "row") for y in heights)


def _shared(picture: PlanPicture, inside: list[int], scale: _Scale) -> tuple[Shared, ...]:
    """Where two buffers overlap: the layers and the bytes they share."""
    found = []
    for first, second in combinations((picture.buffers[i] for i in inside), 2):
        if share_bytes(first, second):
            begin, end = max(first.begin, second.begin), min(first.end, second.end)
            low = max(first.offset, second.offset)
            high = min(first.offset + first.bytes, second.offset + second.bytes)
            over = f"{printable(second.name)} over {printable(first.name)}"
            when = f"{high - low:,} bytes shared during {layers_words(picture, begin, end)}"
            found.append(Shared(scale.box(begin, end, low, high, "shared"), (over, when)))
    return tuple(found)


def _levels(
    picture: PlanPicture, region: RegionBand, scale: _Scale, broken: bool
) -> tuple[tuple[Line, ...], tuple[Text, ...]]:
    """Lines at capacity, peak and bound, and the words of the axis: theirs, and addresses."""
    frame = scale.frame
    if not region.peak:
        return (), (_tick(frame, frame.y + frame.height, "0"),)
    right = frame.x + frame.width
    capacity = frame.y if broken else scale.y(region.bytes)
    levels = [(capacity, "capacity", region.bytes), (scale.y(region.peak), "peak", region.peak)]
    only = len([r for r in picture.regions if r.peak]) == 1  # the bound is that of all regions
    if only and picture.lower_bound < region.peak:
        levels.append((scale.y(picture.lower_bound), "bound", picture.lower_bound))
    levels.sort()
    marks = [
        _zigzag(frame.x, right, y)
        if broken and word == "capacity"
        else Line(((frame.x, y), (right, y)), word)
        for y, word, _ in levels
    ]
    places = spread([y for y, _, _ in levels], TICK_DISTANCE)
    named = zip(places, levels, strict=True)
    axis = [_tick(frame, y, f"{word} {count:,}", word) for y, (_, word, count) in named]
    step = _round_step(scale.top_bytes, frame.height)
    for address in range(0, int(scale.top_bytes) + 1, step):
        y = scale.y(address)
        if all(abs(y - place) >= TICK_DISTANCE for place in places):
            axis.append(_tick(frame, y, f"{address:,}"))
    return tuple(marks), tuple(axis)


def _tick(frame: Box, y: float, words: str, style: str = "") -> Text:
    return Text(frame.x - PAD - 3, y + 4, words, f"address {style}".strip(), "end")


def _round_step(top_bytes: float, height: float) -> int:
    """The least power of two whose multiples are far enough apart to read."""
    step = 1
    while step * height / top_bytes < 3 * TICK_DISTANCE:
        step *= 2
    return step


def _zigzag(begin: float, end: float, y: float) -> Line:
    """A toothed line: most addresses between it and what is drawn below are left out."""
    count = int((end - begin) // ZIGZAG)
    points = [(begin + i * ZIGZAG, y + (3 if i % 2 else -1)) for i in range(count + 1)]
    return Line((*points, (end, y)), "capacity")
