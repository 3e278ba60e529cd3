# SPDX-License-Identifier: Apache-2.0
"""Lays out the scatter plots of a search: accuracy against a cost, shared weights against alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from mcuforge.picture.search.front import front
from mcuforge.picture.search.scale import Scale, Unit, byte_unit, count_unit, spread, ticks
from mcuforge.report.search import Point, RankCheck, Refused, SearchReport
from mcuforge.report.search_words import bytes_words, count_words, percent

WIDTH, HEIGHT = 400.0, 330.0
LEFT, RIGHT, TOP, BOTTOM = 46.0, 388.0, 24.0, 258.0
RUG = 12.0  # px: height of the strip of refused examples, below the plot
LETTER = 15.0  # px: side of the square that a finalist's letter takes
PERCENT = Unit("%", 0.01)
STYLES = ("evolution", "random", "local", "largest")  # with a mark of their own; others share one
# px from a finalist to its letter, the first that lies over no other is taken
OFFSETS = ((0, -15), (0, 17), (-17, 0), (17, 0), (-14, -13), (14, -13), (0, -30), (0, 32), (30, 0))

Cost = Literal["ram", "flash", "instructions"]


@dataclass(frozen=True)
class Marks:
    """The points of one method: (index of the point in the report, x, y)."""

    style: str
    places: tuple[tuple[int, float, float], ...]

    @property
    def path(self) -> str:
        """A path with a corner at each point, where the mark of the style is drawn."""
        return "M" + "L".join(f"{x:.1f} {y:.1f}" for _, x, y in self.places)

    @property
    def points(self) -> str:
        """The indices, with spaces between them."""
        return " ".join(str(index) for index, _, _ in self.places)


@dataclass(frozen=True)
class Ring:
    """A finalist: a ring about its point, and its letter beside it."""

    style: str
    letter: str
    x: float
    y: float
    letter_x: float
    letter_y: float

    @property
    def far(self) -> bool:
        """Whether the letter lies so far from its ring that a line must join them."""
        return max(abs(self.letter_x - self.x), abs(self.letter_y - self.y)) > 20


@dataclass(frozen=True)
class RugMark:
    """A refused example below the plot. `own`: the limit of this plot refused it."""

    x: float
    own: bool
    words: str


@dataclass(frozen=True)
class Plot:
    """A plot, ready to draw. `about` says in words what it shows."""

    id: str
    title: str
    x_title: str
    y_title: str
    about: str
    x_ticks: tuple[tuple[float, str], ...]
    y_ticks: tuple[tuple[float, str], ...]
    marks: tuple[Marks, ...]
    front: str = ""
    limit: float | None = None  # x of the limit's line
    limit_words: str = ""
    rings: tuple[Ring, ...] = ()
    rug: tuple[RugMark, ...] = ()
    beyond: int = 0  # refused examples farther right than the axis


def style_of(method: str) -> str:
    """The style of a method's marks: its name where it has its own, else 'other'."""
    return method if method in STYLES else "other"


def cost_plots(report: SearchReport, letters: Mapping[str, str]) -> tuple[Plot, ...]:
    """Accuracy against RAM, flash and instructions.

    letters: by genome, of the finalists.
    """
    limits = report.limits
    return (
        _cost_plot(report, letters, "ram", limits.ram, byte_unit, bytes_words),
        _cost_plot(report, letters, "flash", limits.flash, byte_unit, bytes_words),
        _cost_plot(report, letters, "instructions", limits.instructions, count_unit, count_words),
    )


def _cost_plot(
    report: SearchReport,
    letters: Mapping[str, str],
    cost: Cost,
    limit: float | None,
    unit_of: Callable[[float], Unit],
    words: Callable[[float], str],
) -> Plot:
    points, refused = report.points, report.feasibility.examples
    name = "RAM" if cost == "ram" else cost
    low, high = _range([_cost(point, cost) for point in points], limit, refused, cost)
    unit = unit_of(high)
    x = Scale(low, high, LEFT, RIGHT)
    y = _accuracy_scale([point.accuracy for point in points])
    places = [(x.at(_cost(point, cost)), y.at(point.accuracy)) for point in points]
    best = front([(_cost(point, cost), point.accuracy) for point in points])
    shown = limit if limit is not None and x.holds(limit) else None
    examples = [(example, _cost(example, cost)) for example in refused]
    return Plot(
        cost,
        f"Accuracy against {name}",
        f"{name} in {unit.name}" if unit.name in ("KB", "MB", "bytes") else _counted(name, unit),
        "accuracy with shared weights in %",
        _about(points, cost, limit, len(best), words),
        tuple((x.at(value), text) for value, text in ticks(low, high, unit)),
        tuple((y.at(value), text) for value, text in ticks(y.low, y.high, PERCENT)),
        _marks(points, places),
        _steps([(x.at(a), y.at(b)) for a, b in best], RIGHT if shown is None else x.at(shown)),
        None if shown is None else x.at(shown),
        "" if limit is None else f"limit {words(limit)}{'' if shown is not None else ' →'}",
        _rings(points, places, letters),
        tuple(
            RugMark(x.at(value), cost in example.limits, _refused_words(example))
            for example, value in examples
            if x.holds(value)
        ),
        sum(value > high for _, value in examples),
    )


def rank_plot(ranks: RankCheck) -> Plot:
    """Accuracy alone against accuracy with shared weights."""
    low, high = spread(ranks.shared, least=0.02)
    x = Scale(low, high, LEFT, RIGHT)
    y = _accuracy_scale(ranks.alone)
    places = zip(ranks.shared, ranks.alone, strict=True)
    marks = tuple((i, x.at(a), y.at(b)) for i, (a, b) in enumerate(places))
    return Plot(
        "ranks",
        "Accuracy alone against accuracy with shared weights",
        "accuracy with shared weights in %",
        "accuracy trained alone in %",
        f"{len(ranks.genomes)} networks; the nearer they lie to a rising line, the better the "
        "search was led.",
        tuple((x.at(value), text) for value, text in ticks(low, high, PERCENT)),
        tuple((y.at(value), text) for value, text in ticks(y.low, y.high, PERCENT)),
        (Marks("other", marks),),
    )


def _cost(of: Point | Refused, cost: Cost) -> float:
    value: float = getattr(of, cost)
    return value


def _range(
    values: Sequence[float], limit: float | None, refused: Sequence[Refused], cost: Cost
) -> tuple[float, float]:
    """The range of an axis: all points, and the limit unless it lies far beyond them."""
    top = max(values, default=0.0) or limit or max((_cost(r, cost) for r in refused), default=1.0)
    high = 1.12 * top
    if limit is not None and limit <= 2 * top:
        high = max(high, 1.2 * limit)
    low = min(values, default=0.0)
    return (low - 0.06 * (high - low) if low > high / 2 else 0.0), high


def _accuracy_scale(accuracies: Sequence[float]) -> Scale:
    low, high = spread(accuracies, least=0.02) if accuracies else (0.0, 1.0)
    high += 0.07 * (high - low)  # letters of finalists lie above the best points
    return Scale(max(low, -0.01), min(high, 1.05), BOTTOM, TOP)


def _counted(name: str, unit: Unit) -> str:
    """'instructions in M (millions)': what the letter of a unit means."""
    meaning = {"k": "thousands", "M": "millions", "G": "thousands of millions"}
    return f"{name} in {meaning[unit.name]}" if unit.name else name


def _marks(points: Sequence[Point], places: Sequence[tuple[float, float]]) -> tuple[Marks, ...]:
    """Points by style; evolution comes last and lies on top."""
    found: dict[str, list[tuple[int, float, float]]] = {}
    for index, (point, (x, y)) in enumerate(zip(points, places, strict=True)):
        found.setdefault(style_of(point.method), []).append((index, x, y))
    order = ("other", "random", "local", "largest", "evolution")
    return tuple(Marks(style, tuple(found[style])) for style in order if style in found)


def _steps(corners: Sequence[tuple[float, float]], end: float) -> str:
    """The front as a path of steps: at each cost, the best accuracy that is to be had for it."""
    if not corners:
        return ""
    path = f"M{corners[0][0]:.1f} {BOTTOM:.1f}"
    for x, y in corners:
        path += f"H{x:.1f}V{y:.1f}"
    return f"{path}H{max(end, corners[-1][0]):.1f}"


def _rings(
    points: Sequence[Point], places: Sequence[tuple[float, float]], letters: Mapping[str, str]
) -> tuple[Ring, ...]:
    """A ring for every finalist among the points; no letter lies over another or a ring."""
    found = {
        point.genome: (place, style_of(point.method))
        for point, place in zip(points, places, strict=True)
        if point.genome in letters
    }
    taken = [place for place, _ in found.values()]
    rings = []
    for genome in sorted(found, key=letters.__getitem__):
        (x, y), style = found[genome]
        around = [
            (x + dx, y + dy)
            for dx, dy in OFFSETS
            if LEFT + 8 < x + dx < RIGHT - 8 and TOP + 8 < y + dy < BOTTOM - 8
        ]
        free = (
            spot
            for spot in around
            if all(max(abs(spot[0] - a), abs(spot[1] - b)) >= LETTER for a, b in taken)
        )
        spot = next(free, around[0] if around else (x, y))
        taken.append(spot)
        rings.append(Ring(style, letters[genome], x, y, *spot))
    return tuple(rings)


def _about(
    points: Sequence[Point],
    cost: Cost,
    limit: float | None,
    on_front: int,
    words: Callable[[float], str],
) -> str:
    """The plot in a sentence, for those who cannot see it."""
    bound = "there is no limit" if limit is None else f"the limit is {words(limit)}"
    if not points:
        return f"No network was evaluated; {bound}."
    best = max(points, key=lambda point: point.accuracy)
    name = "RAM" if cost == "ram" else cost
    return (
        f"{len(points):,} networks, {on_front} of them on the front. The most accurate one, "
        f"{percent(best.accuracy)}, takes {words(_cost(best, cost))} of {name}; {bound}."
    )


def _refused_words(example: Refused) -> str:
    return (
        f"refused by {', '.join(example.limits)}: RAM {bytes_words(example.ram)}, "
        f"flash {bytes_words(example.flash)}, {count_words(example.instructions)} instructions"
    )
