# SPDX-License-Identifier: Apache-2.0
"""A search's page: everything in it, nothing from outside, names as words, correct fronts."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcuforge.errors import CompileError
from mcuforge.nas.architecture import Layers, Task, lay
from mcuforge.nas.space import load_space, shipped
from mcuforge.picture.search.front import front
from mcuforge.picture.search.network import drawn, parts, summary
from mcuforge.picture.search.plots import BOTTOM, LEFT, RIGHT, TOP, cost_plots, rank_plot
from mcuforge.picture.search.scale import MOST_TICKS, Scale, byte_unit, count_unit, spread, ticks
from mcuforge.picture.search.tables import cards
from mcuforge.picture.search_page import search_page, write_search_page
from mcuforge.report.search import Point, RankCheck, SearchReport
from tests.unit.picture import searches

HOSTILE = "<b>.npz\"'</script><img src=x onerror=stolen()>\u202e\x07"
REPORTS = {
    "whole": searches.search(),
    "hybrid": searches.search(choices=searches.HYBRID),
    "series": searches.search(choices=searches.SERIES),
    "one seed, one point": searches.search(count=1, seeds=1),
    "no instruction limit": searches.search(instructions=None),
    "no ranks": searches.search(ranks=False),
    "no points": replace(searches.search(), points=(), methods=()),
    "hardware": searches.search(emulated=False),
}
PAIRS = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), max_size=40)


class Page(HTMLParser):
    """Tags, attributes and words of a page, as a browser's parser splits them."""

    def __init__(self, report: SearchReport) -> None:
        super().__init__()
        self.text = search_page(report)
        self.tags: Counter[str] = Counter()
        self.attributes: list[tuple[str, str, str]] = []
        self.words = ""
        self.feed(self.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.words += data

    def facts(self) -> Mapping[str, list[list[object]]]:
        """The figures that the script shows."""
        found = re.search(r'<script type="application/json" id="facts">(.*?)</script>', self.text)
        assert found is not None
        facts: Mapping[str, list[list[object]]] = json.loads(found[1])
        return facts


@pytest.mark.parametrize("report", REPORTS.values(), ids=list(REPORTS))
def test_a_page_has_every_point_and_every_finalist(report: SearchReport) -> None:
    page = Page(report)
    paths = [value for _, name, value in page.attributes if name == "data-points"]
    marks = [index for path in paths for index in path.split()]
    plots = 3 * len(report.points) + (len(report.ranks.genomes) if report.ranks else 0)
    assert len(marks) == plots
    assert len(page.facts()["points"]) == len(report.points)
    for finalist in report.finalists:
        assert finalist.file in page.words
    assert report.command in page.words
    assert report.space.digest in page.words
    assert ("emulated" in page.words) == report.board.emulated


@pytest.mark.parametrize("report", REPORTS.values(), ids=list(REPORTS))
def test_a_page_loads_nothing_and_has_no_link(report: SearchReport) -> None:
    page = Page(report)
    assert "http" not in page.text.replace("http-equiv", "")
    assert not page.tags.keys() & {"a", "img", "link", "iframe", "image", "object"}
    for _, name, value in page.attributes:
        assert name not in ("src", "style", "action")
        assert name != "href" or value.startswith("#")
    ids = Counter(value for _, name, value in page.attributes if name == "id")
    assert max(ids.values()) == 1
    named = [v for _, n, v in page.attributes if n in ("aria-labelledby", "aria-describedby")]
    assert set(named) <= ids.keys()


def test_the_same_report_makes_the_same_page(tmp_path: Path) -> None:
    for name in ("a.html", "b.html"):
        write_search_page(searches.search(), tmp_path / name)
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()
    with pytest.raises(CompileError, match="cannot write the file"):
        write_search_page(searches.search(), tmp_path / "missing" / "a.html")


def hostile() -> SearchReport:
    """A report in which every name tries to break out."""
    report = searches.search(count=3, seeds=1, origin=HOSTILE)
    choices = {**searches.CNN, "stage1.kind": HOSTILE}
    layers = tuple(replace(layer, name=HOSTILE) for layer in report.winner.layers)
    method, *others = report.methods
    return replace(
        report,
        command=HOSTILE,
        budget=HOSTILE,
        points=tuple(replace(p, method=HOSTILE, genome=HOSTILE) for p in report.points),
        methods=(method, *(replace(m, name=HOSTILE) for m in others)),
        finalists=tuple(
            replace(f, name=HOSTILE, file=HOSTILE, choices=choices, genome=HOSTILE)
            for f in report.finalists
        ),
        winner=replace(report.winner, layers=layers),
        stages={HOSTILE: 1.0},
        versions={HOSTILE: HOSTILE},
        verdict="fail",
        reasons=(HOSTILE,),
    )


def test_names_made_to_break_a_reader_are_only_words() -> None:
    page = Page(hostile())
    assert page.tags["script"] == 2
    assert not page.tags.keys() & {"img"}
    assert page.tags["b"] == Page(searches.search()).tags["b"]
    assert "<b>.npz" in page.words
    assert not any("onerror" in name for _, name, _ in page.attributes)
    assert "\u202e" not in page.text
    assert "\x07" not in page.text
    assert len(page.facts()["points"]) == 10


@given(PAIRS)
def test_a_front_holds_exactly_what_nothing_dominates(points: list[tuple[int, int]]) -> None:
    def dominated(point: tuple[int, int]) -> bool:
        return any(p != point and p[0] <= point[0] and p[1] >= point[1] for p in points)

    assert set(front(points)) == {point for point in points if not dominated(point)}
    assert all(a[0] < b[0] and a[1] < b[1] for a, b in pairwise(front(points)))


@given(st.floats(0, 1e9), st.floats(1e-3, 1e9), st.sampled_from((byte_unit, count_unit)))
def test_ticks_are_round_few_and_on_the_axis(low: float, span: float, unit_of: object) -> None:
    high = low + span
    if span < 1e-6 * high:
        return
    assert callable(unit_of)
    unit = unit_of(high)
    found = ticks(low, high, unit)
    assert 1 <= len(found) <= MOST_TICKS + 1
    slack = 1e-6 * span
    assert all(low - slack <= value <= high + slack for value, _ in found)
    assert len({words for _, words in found}) == len(found)
    for value, words in found:
        assert float(words.replace(",", "")) * unit.size == pytest.approx(value, abs=slack)


def test_ticks_of_known_axes_read_well() -> None:
    kb = 1024
    assert [w for _, w in ticks(0, 320 * kb, byte_unit(320 * kb))] == ["0", "100", "200", "300"]
    assert [w for _, w in ticks(0, 6e7, count_unit(6e7))] == [
        "0",
        "10",
        "20",
        "30",
        "40",
        "50",
        "60",
    ]
    assert byte_unit(1000).name == "bytes"
    assert byte_unit(8 * kb * kb).name == "MB"
    assert count_unit(900).name == ""
    assert spread([0.5], least=0.02) == (0.49, 0.51)
    assert Scale(0, 10, 100, 0).at(2.5) == 75


@pytest.mark.parametrize("report", REPORTS.values(), ids=list(REPORTS))
def test_every_point_lies_in_its_plot_and_on_the_right_side_of_the_limit(
    report: SearchReport,
) -> None:
    letters = {finalist.genome: finalist.name[0] for finalist in report.finalists}
    for plot in cost_plots(report, letters):
        places = [place for marks in plot.marks for place in marks.places]
        assert len(places) == len(report.points)
        for _, x, y in places:
            assert LEFT <= x <= (RIGHT if plot.limit is None else plot.limit)
            assert TOP <= y <= BOTTOM
        spots = [(ring.letter_x, ring.letter_y) for ring in plot.rings]
        assert all(max(abs(a - c), abs(b - d)) > 9 for (a, b), (c, d) in pairwise(spots))
        examples = report.feasibility.examples
        assert len(plot.rug) + plot.beyond == len(examples)
        own = [mark for mark in plot.rug if mark.own and plot.limit is not None]
        assert all(mark.x >= (plot.limit or 0) for mark in own)


def test_a_limit_far_beyond_all_points_is_told_and_leaves_the_room_to_them() -> None:
    ram, flash, instructions = cost_plots(searches.search(), {})
    assert (flash.limit, flash.limit_words) == (None, "limit 512 KB →")
    assert ram.limit is not None
    assert instructions.limit_words == "limit 60.0 M"
    *_, free = cost_plots(searches.search(instructions=None), {})
    assert (free.limit, free.limit_words) == (None, "")
    assert "there is no limit" in free.about


def test_marks_of_evolution_lie_on_top_and_unknown_methods_share_a_mark() -> None:
    point = Point("1", "annealing", 0, 0.5, 1000, 1000, 1e6)
    report = replace(searches.search(count=2, seeds=1), points=(*searches.points(2, 1), point))
    styles = [marks.style for marks in cost_plots(report, {})[0].marks]
    assert styles == ["other", "random", "local", "largest", "evolution"]


def test_networks_of_one_accuracy_are_still_drawn() -> None:
    plot = rank_plot(RankCheck(("1", "2"), (0.5, 0.5), (0.8, 0.8), None))
    assert all(LEFT < x < RIGHT and TOP < y < BOTTOM for _, x, y in plot.marks[0].places)


class Shapes:
    """Lays layers that are only shapes, and keeps the last one of every block by name."""

    def __init__(self) -> None:
        self.outputs: dict[str, tuple[int, ...]] = {}

    def shape(self, x: tuple[int, ...]) -> tuple[int, ...]:
        return x

    def conv(
        self,
        name: str,
        x: tuple[int, ...],
        filters: int,
        kernel: object,
        stride: tuple[int, int],
        act: object,
    ) -> tuple[int, ...]:
        made = (-(-x[0] // stride[0]), -(-x[1] // stride[1]), filters)
        if not name.endswith(".shortcut"):
            self.outputs[name.partition(".")[0]] = made
        return made

    def depthwise(
        self, name: str, x: tuple[int, ...], kernel: object, stride: tuple[int, int], act: object
    ) -> tuple[int, ...]:
        return self.conv(name, x, x[2], kernel, stride, act)

    def patches(
        self, name: str, x: tuple[int, ...], filters: int, side: tuple[int, int]
    ) -> tuple[int, ...]:
        return (x[0] // side[0], x[1] // side[1], filters)

    def add(self, a: tuple[int, ...], b: tuple[int, ...], act: object) -> tuple[int, ...]:
        assert a == b
        return a

    def tokens(self, x: tuple[int, ...]) -> tuple[int, ...]:
        return (x[0] * x[1], x[2])

    def class_token(self, name: str, x: tuple[int, ...]) -> tuple[int, ...]:
        return (x[0] + 1, x[1])

    def positions(self, name: str, x: tuple[int, ...], grid: object) -> tuple[int, ...]:
        self.outputs["tokens"] = x
        return x

    def norm(self, name: str, x: tuple[int, ...]) -> tuple[int, ...]:
        return x

    def attention(
        self, name: str, x: tuple[int, ...], heads: int, head_width: int, rank: int
    ) -> tuple[int, ...]:
        return x

    def linear(self, name: str, x: tuple[int, ...], features: int, rank: int) -> tuple[int, ...]:
        return (*x[:-1], features)

    def gelu(self, x: tuple[int, ...]) -> tuple[int, ...]:
        return x

    def mean(self, x: tuple[int, ...]) -> tuple[int, ...]:
        return x[-1:]

    def first(self, x: tuple[int, ...]) -> tuple[int, ...]:
        return x[-1:]


@pytest.mark.parametrize("name", shipped())
@pytest.mark.parametrize("seed", range(8))
def test_the_diagram_has_the_shapes_of_the_network(name: str, seed: int) -> None:
    space = load_space(name)
    genome = space.sample(Random(seed))
    boxes = parts(space.genes.values(genome), space.task.shape, space.task.classes)
    laid = Shapes()
    layers: Layers[tuple[int, ...]] = laid
    task = Task(space.task.shape, space.task.classes)
    lay(layers, space.architecture(genome), task.image, task.classes)
    flat = len(space.task.shape) == 2
    found = {
        part.layers[0].removesuffix(".").replace("patches", "tokens"): part for part in boxes[1:]
    }
    for place, shape in laid.outputs.items():
        expected = (shape[0], shape[2]) if flat and len(shape) == 3 else shape
        assert found[place].shape == expected, place
    assert boxes[-1].shape == (space.task.classes,)
    assert len(summary(boxes)) > 5


def test_the_diagram_says_what_was_chosen() -> None:
    cnn = parts(searches.CNN, (32, 32, 3), 10)
    times = "\N{MULTIPLICATION SIGN}"
    assert [part.title for part in cnn] == [
        "input",
        "stem",
        f"stage 0: 1 {times} plain",
        f"stage 1: 2 {times} inverted",
        f"stage 2: 3 {times} residual",
        "last",
        "head",
    ]
    assert cnn[3].detail == f"kernel 5, stride 2, expands 3{times}"
    hybrid = parts(searches.HYBRID, (32, 32, 3), 10)
    assert [part.title for part in hybrid[-4:]] == ["tokens", "blocks 0 to 1", "block 2", "head"]
    assert hybrid[-3].detail == f"3 heads of 32, MLP 2.0{times}"


def test_costs_of_layers_are_summed_by_box() -> None:
    report = searches.search()
    boxes = drawn(parts(searches.CNN, (32, 32, 3), 10), report.winner.layers)
    shares = [box.share for box in boxes if box.share is not None]
    assert sum(shares) == pytest.approx(1)
    stem, stage1 = boxes[1], boxes[3]
    total = sum(layer.instructions or 0 for layer in report.winner.layers)
    assert stem.share == pytest.approx(3_100_000 / total)
    assert stage1.share == pytest.approx(11_700_000 / total)
    assert stage1.cost.endswith(", 99.0 KB")
    assert all(box.share is None for box in drawn(parts(searches.CNN, (32, 32, 3), 10), ()))


def test_cards_say_where_a_figure_comes_from_and_what_has_no_limit() -> None:
    report = searches.search(instructions=None, emulated=False)
    winner = report.finalists[0]
    silent = replace(winner, board_accuracy=None, deployed=replace(winner.deployed, ram=140_000))
    accuracy, ram, _, instructions = cards(replace(report, finalists=(silent,)))
    assert accuracy.name == "accuracy of the int8 file, not on the board"
    assert accuracy.figure == "84.5 %"
    assert ram.part is not None
    assert ram.part > 1
    assert (instructions.part, instructions.remark) == (None, "hardware; no limit was set")
    assert cards(searches.search())[0].name == "accuracy on the emulated board"
