# SPDX-License-Identifier: Apache-2.0
"""Lays a PlanPicture out as a Drawing: the place of every rectangle, line and word."""

from mcuforge.picture.labels import CELL, PAD, layer_labels, width_of
from mcuforge.picture.panel import draw_panel
from mcuforge.picture.record import Deciding, PlanPicture, RegionBand
from mcuforge.picture.shapes import Box, Drawing, Line, Panel, Text
from mcuforge.picture.words import brief, layer_words, layers_words, shortened

LEFT = 140.0  # room of the addresses
RIGHT = 20.0
PLOT_WIDTH = 1080.0  # of the plot: fits a slide and a laptop
WIDEST = 6000.0  # beyond it columns become narrower than a line of text
NARROW_COLUMN = 16.0  # px per layer while the plot may still grow
HEIGHT = 440.0  # of the panels of all regions in use
LEAST_PANEL = 130.0
UNUSED_PANEL = 14.0
HEADER = 26.0  # over each panel: name and figures
GAP = 14.0
MOMENT = 20.0  # height of the line that names the deciding moment
BRACKET = 24.0  # height of the pipelines' brackets


def layout(picture: PlanPicture) -> Drawing:
    """Lay the picture out in pixels, as wide as its layers need and at least as wide as a slide."""
    count = len(picture.columns)
    plot = min(max(PLOT_WIDTH, count * NARROW_COLUMN), WIDEST)
    column = plot / count
    right = LEFT + plot
    top = MOMENT + (BRACKET if picture.pipelines else 0.0)
    panels: list[Panel] = []
    axis: list[Text] = []
    y = top
    for region, height in zip(picture.regions, _heights(picture.regions), strict=True):
        frame = Box(LEFT, y + HEADER, plot, height, "ground")
        panel, words = draw_panel(picture, region, frame, column)
        panels.append(panel)
        axis += words
        y += HEADER + height + GAP
    bottom = y - GAP
    deciding = picture.deciding
    marked = range(deciding.begin, deciding.end) if deciding is not None else range(0)
    names = [layer_words(picture, i) for i in range(count)]
    texts, label_height = layer_labels(names, LEFT, bottom, column, marked)
    brackets, above = [], []
    for stage in picture.pipelines:
        begin, end = LEFT + stage.begin * column, LEFT + stage.end * column
        brackets.append(_bracket(begin, end, top - 6))
        above.append(_inside(brief(stage.name), (begin + end) / 2, top - 11, (begin, end), "stage"))
    moment = None
    if deciding is not None:
        x = LEFT + (deciding.begin + deciding.end) / 2 * column
        moment = Line(((x, MOMENT - 3), (x, bottom)), "moment")
        above.append(_inside(_moment_words(picture, deciding), x, 12, (LEFT, right), "moment"))
    return Drawing(
        width=max(right + RIGHT, *(_end_of(t) + PAD for t in texts)),
        height=bottom + label_height,
        left=LEFT,
        panels=tuple(panels),
        axis=tuple(axis),
        brackets=tuple(brackets),
        moment=moment,
        texts=(*texts, *(t for t in above if t.words)),
    )


def _heights(regions: tuple[RegionBand, ...]) -> tuple[float, ...]:
    """Heights of the regions: used ones in proportion to their peaks, unused ones a thin line."""
    used = sum(region.peak for region in regions)
    return tuple(
        max(LEAST_PANEL, HEIGHT * region.peak / used) if region.peak else UNUSED_PANEL
        for region in regions
    )


def _end_of(text: Text) -> float:
    """The right end of a layer's name, in pixels."""
    share = {0: 0.5, 45: 0.75, -90: 0.0}[text.rotation]
    return text.x + width_of(text.words) * share


def _bracket(begin: float, end: float, y: float) -> Line:
    return Line(((begin + 1, y + 5), (begin + 1, y), (end - 1, y), (end - 1, y + 5)), "bracket")


def _inside(words: str, centre: float, y: float, room: tuple[float, float], style: str) -> Text:
    """Words centred at `centre`, moved or shortened to stay inside `room`."""
    begin, end = room
    words = shortened(words, int((end - begin) // CELL))
    x = min(max(centre - width_of(words) / 2, begin), end - width_of(words))
    return Text(x, y, words, style)


def _moment_words(picture: PlanPicture, deciding: Deciding) -> str:
    """'fullest during 3 conv: 16,000 bytes of ram in use'."""
    when = layers_words(picture, deciding.begin, deciding.end)
    if stage := picture.stages[picture.columns[deciding.begin].stage].name:
        when += f" ({brief(stage)})"
    return f"fullest during {when}: {deciding.bytes:,} bytes of {brief(deciding.region)} in use"
