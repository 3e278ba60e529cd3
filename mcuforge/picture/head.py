# SPDX-License-Identifier: Apache-2.0
"""Draws the words above a picture: its title, the plan in figures, the legend."""

from dataclasses import dataclass

from mcuforge.picture.labels import width_of
from mcuforge.picture.record import PlanPicture
from mcuforge.picture.shapes import Box, Text
from mcuforge.picture.words import bound_words, printable, share

HEAD = 92.0  # px: height of title, figures and legend together
SWATCH = 14.0
MEANINGS = {
    "input": "input",
    "output": "output",
    "tensor": "tensor",
    "ring": "ring of rows",
    "scratch": "scratch",
    "shared": "one over another",
    "moment": "deciding moment",
    "pipeline": "pipeline",
}


@dataclass(frozen=True)
class Swatch:
    """An entry of the legend: a patch in a style of the drawing, and its meaning."""

    kind: str
    box: Box
    words: Text


def title_of(picture: PlanPicture) -> str:
    """'kws.tflite on disco_f746ng'."""
    return f"{printable(picture.model)} on {printable(picture.board)}"


def figures_of(picture: PlanPicture) -> tuple[str, ...]:
    """The plan in figures, one string per fact."""
    return (
        f"arena {picture.arena:,} bytes: {bound_words(picture)}",
        f"{share(picture.arena, picture.budget)} of the {picture.budget:,} bytes it may take",
        f"{picture.layers} layers, {len(picture.buffers)} buffers",
    )


def legend_of(picture: PlanPicture) -> tuple[tuple[str, str], ...]:
    """The kinds of shapes in the drawing, each with its meaning."""
    shown: set[str] = {buffer.kind for buffer in picture.buffers}
    if any(buffer.overlaps for buffer in picture.buffers):
        shown.add("shared")
    if picture.deciding is not None:
        shown.add("moment")
    if picture.pipelines:
        shown.add("pipeline")
    return tuple((kind, words) for kind, words in MEANINGS.items() if kind in shown)


def draw_head(picture: PlanPicture, left: float) -> tuple[tuple[Text, ...], tuple[Swatch, ...]]:
    """Draw title, figures and legend from `left` on, in the top HEAD pixels."""
    texts = (
        Text(left, 26, title_of(picture), "title"),
        Text(left, 47, " · ".join(figures_of(picture)), "figures"),
    )
    legend, x = [], left
    for kind, words in legend_of(picture):
        text = Text(x + SWATCH + 6, 72, words, "legend")
        legend.append(Swatch(kind, Box(x, 61, SWATCH, SWATCH), text))
        x = text.x + width_of(words) + 18
    return texts, tuple(legend)
