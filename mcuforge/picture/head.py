# SPDX-License-Identifier: Apache-2.0
"""Draws the words above a picture: its title, the plan in figures, the legend."""

from __future__ import annotations

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
}


@dataclass(frozen=True)
class Swatch:
    """An entry of the legend: a patch in a style of the drawing, and its meaning."""

    kind: str
    box: Box
    words: Text


@dataclass(frozen=True)
class Head:
    """The words and the legend above the drawing."""

    texts: tuple[Text, ...]
    legend: tuple[Swatch, ...]


def title_of(picture: PlanPicture) -> str:
    """'kws.tflite on disco_f746ng'."""
    return f"{printable(picture.model)} on {printable(picture.board)}"


def figures_of(picture: PlanPicture) -> tuple[str, ...]:
    """The plan in figures, one string per fact."""
    layers = len([c for c in picture.columns if c.op])
    return (
        f"arena {picture.arena:,} bytes: {bound_words(picture)}",
        f"{share(picture.arena, picture.budget)} of the {picture.budget:,} bytes it may take",
        f"{layers} layers, {len(picture.buffers)} buffers",
    )


def legend_of(picture: PlanPicture) -> tuple[tuple[str, str], ...]:
    """The kinds of shapes in the drawing, each with its meaning."""
    kinds = {buffer.kind for buffer in picture.buffers}
    found: list[tuple[str, str]] = [(k, words) for k, words in MEANINGS.items() if k in kinds]
    if any(buffer.overlaps for buffer in picture.buffers):
        found.append(("shared", "one over another"))
    if picture.deciding is not None:
        found.append(("moment", "deciding moment"))
    if any(stage.name for stage in picture.stages):
        found.append(("pipeline", "pipeline"))
    return tuple(found)


def draw_head(picture: PlanPicture, left: float) -> Head:
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
    return Head(texts, tuple(legend))
