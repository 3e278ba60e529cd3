# SPDX-License-Identifier: Apache-2.0
"""Records of a drawing: shapes with coordinates in pixels from the top left."""

from dataclasses import dataclass

from mcuforge.picture.record import Kind


@dataclass(frozen=True)
class Text:
    """Words at a point; `style` is their class, turned by `rotation` degrees, clockwise."""

    x: float
    y: float
    words: str
    style: str
    anchor: str = "start"
    rotation: int = 0


@dataclass(frozen=True)
class Line:
    """A straight line or, with more than two points, a polyline."""

    points: tuple[tuple[float, float], ...]
    style: str


@dataclass(frozen=True)
class Box:
    """A rectangle."""

    x: float
    y: float
    width: float
    height: float
    style: str = ""


@dataclass(frozen=True)
class Shape:
    """A buffer: its rectangle, its facts on hover, its labels, the lines between a ring's rows."""

    index: int  # of the buffer in the picture
    kind: Kind
    other: bool  # drawn in the second shade of its kind, so that neighbours differ
    decides: bool  # alive at the deciding moment, in the deciding region
    box: Box
    facts: tuple[str, ...]
    labels: tuple[Text, ...]
    rows: tuple[Line, ...]


@dataclass(frozen=True)
class Shared:
    """The bytes and the time in which two buffers overlap."""

    box: Box
    facts: tuple[str, ...]


@dataclass(frozen=True)
class Panel:
    """One region: its ground, the buffers on it, and the lines across it."""

    ground: Box
    title: Text
    bands: tuple[Box, ...]  # pipelines and the deciding moment, behind everything
    grid: tuple[Line, ...]
    shapes: tuple[Shape, ...]
    shared: tuple[Shared, ...]
    marks: tuple[Line, ...]  # capacity, peak, bound: over the buffers
    short: Box | None  # the part above the capacity of a region that is too small


@dataclass(frozen=True)
class Drawing:
    """The whole picture without its title. The axis is left of `left`, the plot right of it."""

    width: float
    height: float
    left: float
    panels: tuple[Panel, ...]
    axis: tuple[Text, ...]  # addresses
    brackets: tuple[Line, ...]
    moment: Line | None
    texts: tuple[Text, ...]  # names of layers, pipelines and the deciding moment
