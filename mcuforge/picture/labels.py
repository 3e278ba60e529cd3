# SPDX-License-Identifier: Apache-2.0
"""Places words: in a buffer's rectangle, along the address axis, and under a layer.

Widths are counted in cells of a monospaced font, so a label that fits here fits in any viewer.
"""

from collections.abc import Iterable, Sequence
from math import ceil

from mcuforge.picture.record import DrawnBuffer
from mcuforge.picture.shapes import Box, Text
from mcuforge.picture.words import cells_of, printable, rows_words, shortened

CELL = 6.75  # px: advance of an 11 px monospaced character, 0.6 em, with a little to spare
LINE = 14  # px from one line of text to the next
PAD = 5  # px between a label and the edge of its rectangle
LEAST_CELLS = 8  # fewer characters of a name say nothing
LONGEST_LAYER = 24  # cells of a layer's name under the picture
TIGHT = 12.5  # px between two parallel lines of text that do not touch


def buffer_labels(buffer: DrawnBuffer, free: Box) -> tuple[Text, ...]:
    """Place name, bytes and ring rows in the free part of a buffer's rectangle, upright or turned.

    Empty when there is no room for a recognizable name.
    """
    name = printable(buffer.name)
    facts = [f"{buffer.bytes:,} B"]
    if buffer.rows is not None:
        facts.insert(0, rows_words(buffer))
    wanted = min(cells_of(name), LEAST_CELLS)
    flat, tall = _cells(free.width), _cells(free.height)
    if flat >= wanted and free.height >= LINE:
        room = int((free.height - 2) // LINE)
        lines = [shortened(name, flat), *(fact for fact in facts if cells_of(fact) <= flat)]
        if room < len(lines):  # low and wide: put the facts side by side
            together = "  ".join((name, *facts))
            lines = [together] if cells_of(together) <= flat else lines[: max(room, 1)]
        return tuple(
            Text(free.x + PAD, free.y + 11 + LINE * i, line, "label")
            for i, line in enumerate(lines)
        )
    if free.width >= LINE - 1 and tall >= wanted:
        words = " ".join((name, *facts))
        if cells_of(words) > tall:
            words = shortened(name, tall)
        x = free.x + min(free.width / 2, LINE) + 3.5
        return (Text(x, free.y + free.height - PAD, words, "label", rotation=-90),)
    return ()


def _cells(pixels: float) -> int:
    return int((pixels - 2 * PAD) // CELL)


def width_of(words: str) -> float:
    """The width of a line of monospaced text, in pixels."""
    return cells_of(words) * CELL


def spread(wanted: Sequence[float], distance: float) -> tuple[float, ...]:
    """Positions near the rising `wanted`, at least `distance` apart; later ones move."""
    placed: list[float] = []
    for position in wanted:
        placed.append(max(position, placed[-1] + distance) if placed else position)
    return tuple(placed)


def layer_labels(
    names: Sequence[str], left: float, top: float, column: float, marked: Iterable[int]
) -> tuple[tuple[Text, ...], float]:
    """Place the layers' names under columns of `column` px; also returns their height.

    The names are horizontal where all fit, else slanted or vertical. Where columns are narrower
    than a line of text, only every second, third, ... name is shown, and the first `marked` one.
    """
    bold = set(marked)
    words = [shortened(name, LONGEST_LAYER) for name in names]
    longest = max(width_of(word) for word in words)
    rotation, anchor = 0, "middle"
    if longest + PAD > column:
        rotation, anchor = (45, "start") if column * 0.7 >= TIGHT else (-90, "end")
    step = 1 if rotation != -90 else ceil(TIGHT / column)
    first = min(bold, default=-step)  # of a deciding pipeline; the others if there is room
    shown = {i for i in range(0, len(words), step) if abs(i - first) >= step} | ({first} & bold)
    x_shift, y_shift = {0: (0, 16), 45: (-5, 13), -90: (4, 8)}[rotation]
    texts = []
    for i in sorted(shown):
        style = "layer deciding" if i in bold else "layer"
        x = left + (i + 0.5) * column + x_shift
        texts.append(Text(x, top + y_shift, words[i], style, anchor, rotation))
    height = {0: 24.0, 45: longest * 0.71 + 24, -90: longest + 14}[rotation]
    return tuple(texts), height


def longest_gap(begin: int, end: int, taken: Iterable[tuple[int, int]]) -> tuple[int, int]:
    """The longest part of [begin, end) that is outside every range of `taken`; may be empty."""
    best, reached = (begin, begin), begin
    for low, high in sorted((max(b, begin), min(e, end)) for b, e in taken):
        if low - reached > best[1] - best[0]:
            best = (reached, low)
        reached = max(reached, high)
    return (reached, end) if end - reached > best[1] - best[0] else best
