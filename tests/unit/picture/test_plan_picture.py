# SPDX-License-Identifier: Apache-2.0
"""A plan's picture: everything in it, nothing from outside, names as words, the same every time."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from io import StringIO
from pathlib import Path
from xml.etree import ElementTree

import pytest
from rich.cells import cell_len
from rich.console import Console

from mcuforge.compiler.compile import PlanOptions
from mcuforge.flow.session import compile_session, open_session
from mcuforge.picture.adapter import picture_of, slot_names
from mcuforge.picture.labels import longest_gap, spread
from mcuforge.picture.layout import layout
from mcuforge.picture.record import PlanPicture, live_bytes
from mcuforge.picture.table import plan_table, plan_text
from mcuforge.picture.words import LONGEST_NAME, cells_of, printable, share, shortened
from mcuforge.picture.write import html, svg
from tests.unit.picture import pictures

DIGITS = Path(__file__).resolve().parents[3] / "examples" / "digits" / "digits_cnn.tflite"
SPACE = "{http://www.w3.org/2000/svg}"
MEGABYTE = 1_000_000
ALL = {
    "one layer": pictures.chain(1),
    "pipeline": pictures.chain(12, pipeline=5),
    "150 layers": pictures.chain(150, pipeline=9),
    "regions": pictures.in_regions(20),
    "hostile": pictures.hostile(),
}


Draw = Callable[[PlanPicture], str]


class Page(HTMLParser):
    """Tags, attributes and words of a document, as a browser's parser splits them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.attributes: list[tuple[str, str, str]] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def buffers_in(document: str) -> list[ElementTree.Element]:
    root = ElementTree.fromstring(document)
    return [g for g in root.iter(f"{SPACE}g") if "buffer" in g.get("class", "").split()]


@pytest.mark.parametrize("picture", ALL.values(), ids=list(ALL))
def test_a_drawing_is_xml_with_a_titled_box_for_every_buffer(picture: PlanPicture) -> None:
    drawn = buffers_in(svg(picture))
    titles = sorted(group.findtext(f"{SPACE}title", "").split("\n")[0] for group in drawn)
    assert titles == sorted(printable(b.name) for b in picture.buffers)
    assert all(group.find(f"{SPACE}rect") is not None for group in drawn)


@pytest.mark.parametrize("picture", ALL.values(), ids=list(ALL))
def test_a_page_has_a_box_and_a_row_for_every_buffer(picture: PlanPicture) -> None:
    page = Page(html(picture))
    boxes = [v for _, name, v in page.attributes if name == "id" and v.startswith("buffer-")]
    rows = [v for tag, name, v in page.attributes if (tag, name) == ("tr", "data-buffer")]
    assert sorted(boxes) == sorted(f"buffer-{row}" for row in rows)
    assert len(set(boxes)) == len(picture.buffers)


@pytest.mark.parametrize("draw", [svg, html])
@pytest.mark.parametrize("picture", ALL.values(), ids=list(ALL))
def test_a_file_holds_all_it_needs_and_says_the_same_every_time(
    picture: PlanPicture, draw: Draw
) -> None:
    text = draw(picture)
    assert text == draw(picture)
    assert len(text.encode()) < MEGABYTE
    links = {"href", "src", "xlink:href", "action", "srcset", "data"}
    assert not [a for a in Page(text).attributes if a[1] in links]
    outside = re.findall(r"(?:url\((?!#)|@import|https?://)[^\s\"']*", text)
    assert [o for o in outside if o != "http://www.w3.org/2000/svg"] == []


@pytest.mark.parametrize("draw", [svg, html])
def test_names_are_words_whatever_they_hold(draw: Draw) -> None:
    plain, page = Page(draw(pictures.in_regions(len(pictures.HOSTILE)))), Page(draw(ALL["hostile"]))
    assert set(page.tags) == set(plain.tags)
    assert page.tags["script"] == plain.tags["script"]
    assert not [a for a in page.attributes if a[1].startswith("on")]
    said = "".join(page.words)
    assert "{{ 7 * 7 }}{% raw %}" in said  # not a template either
    assert "nul\\x00 bell\\x07 escape\\x1b[31m line\\nbreak \\u202eturned" in said
    assert not [c for c in draw(ALL["hostile"]) if ord(c) < 32 and c != "\n"]


@pytest.mark.parametrize("name", ["\U0010ffff" * 300, "<&\"'" * 100, "long/" * 1000])
def test_150_layers_of_the_worst_names_stay_under_a_megabyte(name: str) -> None:
    picture = pictures.chain(150, pipeline=9, name=name + "{}")
    assert len(svg(picture).encode()) < MEGABYTE
    assert len(html(picture).encode()) < MEGABYTE


def test_1000_layers_are_drawn_within_a_megabyte_and_the_widest_plot() -> None:
    picture = pictures.chain(1000)
    assert len(svg(picture).encode()) < MEGABYTE
    assert layout(picture).width < 6200


def test_the_content_security_policy_names_the_script_the_page_has() -> None:
    text = html(pictures.chain(3))
    policy = re.search(r'content="(default-src [^"]*)"', text)
    assert policy is not None
    assert policy[1].startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy[1]


def test_the_bytes_over_each_other_are_marked_with_who_and_when() -> None:
    shared = layout(pictures.chain(6)).panels[0].shared
    assert [s.facts for s in shared] == [
        ("block3/conv over block2/conv", "17,872 bytes shared during 2 block2/conv"),
    ]


def test_a_ring_shows_its_rows_or_a_hatch_when_they_are_too_thin() -> None:
    picture = pictures.chain(6, pipeline=4)
    ring = next(i for i, b in enumerate(picture.buffers) if b.kind == "ring")
    large = replace(picture.buffers[ring], bytes=12000, rows=(3, 48))
    many = replace(large, rows=(400, 4000))
    for buffer, lines in ((large, 2), (many, 0)):
        buffers = (*picture.buffers[:ring], buffer, *picture.buffers[ring + 1 :])
        shapes = layout(replace(picture, buffers=buffers)).panels[0].shapes
        assert len(next(s for s in shapes if s.index == ring).rows) == lines


def test_regions_show_what_they_have_and_lack() -> None:
    picture = pictures.in_regions(12)
    ram, dtcm, sdram = picture.regions
    drawing = layout(picture)
    assert [panel.title.words for panel in drawing.panels] == [
        f"ram: {ram.peak:,} of {ram.bytes:,} bytes (101.5 %), 700 too few",
        f"dtcm: {dtcm.peak:,} of {dtcm.bytes:,} bytes (92.8 %)",
        f"sdram: 0 of {sdram.bytes:,} bytes, not used",
    ]
    assert [panel.short is not None for panel in drawing.panels] == [True, False, False]
    words = {text.words for text in drawing.axis}
    assert {f"capacity {ram.bytes:,}", f"peak {ram.peak:,}", f"peak {dtcm.peak:,}"} <= words


def test_the_deciding_moment_and_the_pipelines_are_named_over_the_drawing() -> None:
    words = [text.words for text in layout(pictures.chain(12, pipeline=5)).texts]
    assert "pipeline 1" in words
    assert words[-1] == "fullest during 6 block6/conv: 27,144 bytes of ram in use"


def test_a_plan_without_buffers_is_an_empty_drawing() -> None:
    picture = replace(
        pictures.chain(1), buffers=(), deciding=None, arena=0, lower_bound=0, optimal=True
    )
    picture = replace(picture, regions=(replace(picture.regions[0], peak=0),))
    assert buffers_in(svg(picture)) == []
    assert Page(html(picture)).tags["table"] == 1


def test_a_compiled_model_is_drawn_as_it_is_planned() -> None:
    session = open_session(DIGITS, "nucleo_l4r5zi", emulate=True)
    compiled = compile_session(session)
    picture = picture_of(compiled, session.path.name, session.board.id)
    places = {b.name: (b.region, b.offset, b.bytes) for b in picture.buffers}
    assert places == {
        b.name: (p.region, p.offset, b.bytes)
        for b in compiled.problem.buffers
        if (p := compiled.plan.placements[b.name])
    }
    assert [c.label for c in picture.columns] == [x.node.name for x in compiled.schedule.layers]
    assert picture.arena == compiled.arena_bytes
    assert picture.budget == session.board.ram_bytes
    assert max(live_bytes(picture)) <= picture.arena
    assert {c.buffer for c in picture.columns} <= set(places)
    assert {b.kind for b in picture.buffers} >= {"input", "output"}
    assert picture.deciding is not None
    label = picture.columns[picture.deciding.begin].label
    assert f"'{label}'" in compiled.deciding_layer() or picture.deciding.end > 1
    assert all(b.end <= len(picture.columns) and b.begin < b.end for b in picture.buffers)
    assert slot_names(compiled)


def test_the_table_has_a_line_a_layer_and_marks_the_deciding_ones() -> None:
    out = StringIO()
    Console(file=out, width=160).print(plan_table(pictures.chain(12, pipeline=5)))
    lines = out.getvalue().splitlines()
    assert len(lines) == 13
    assert " ".join(lines[0].split()) == (
        "# layer op output stage rows held bytes region offset in use"
    )
    assert " ".join(lines[2].split()).startswith(
        "1 block1/conv depthwise_conv2d 1x48x2x16 pipeline 1 3 of 48 288 ram 20,672 "
    )
    assert any(line.rstrip().endswith("*") for line in lines)


@pytest.mark.parametrize("width", [120, 100, 80, 60, 44])
def test_a_narrow_table_leaves_columns_out_and_cuts_no_figure(width: int) -> None:
    out = StringIO()
    picture = pictures.chain(12, pipeline=5)
    Console(file=out, width=width).print(plan_table(picture, width))
    text = out.getvalue()
    header = text.splitlines()[0].split()
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= width
    assert {"#", "bytes", "offset"} <= set(header)
    assert ("op" in header) == (width >= 100)
    assert all(f"{buffer.offset:,}" in text for buffer in picture.buffers if buffer.kind == "ring")


@pytest.mark.parametrize("name", ["block{}", "[red]{}[/red]\x1b[31m", "\u5c64{}"])
@pytest.mark.parametrize("pipeline", [0, 5])
def test_the_table_in_plain_lines_is_the_same(pipeline: int, name: str) -> None:
    out = StringIO()
    picture = pictures.chain(12, pipeline=pipeline, name=name)
    Console(file=out, width=400).print(plan_table(picture))
    assert f"{plan_text(picture, 400)}\n" == out.getvalue()
    assert plan_text(picture, max(map(cell_len, out.getvalue().splitlines())) - 1) is None


def test_names_in_the_table_are_no_markup() -> None:
    out = StringIO()
    picture = pictures.chain(2, name="[red]{}[/red]\x1b[31m")
    Console(file=out, width=160).print(plan_table(picture))
    assert "[red]0[/red]\\x1b[31m" in out.getvalue()


@pytest.mark.parametrize(
    ("text", "cells", "short"),
    [
        ("conv2d", 6, "conv2d"),
        ("depthwise_conv2d_12", 10, "dept…2d_12"),
        ("名前名前名前", 7, "名前…前"),
        ("conv2d", 2, ""),
    ],
)
def test_names_are_shortened_in_the_middle(text: str, cells: int, short: str) -> None:
    assert shortened(text, cells) == short
    assert cells_of(short) <= cells


def test_long_names_are_cut_and_unseen_characters_escaped() -> None:
    assert len(printable("x" * 5000)) == LONGEST_NAME
    assert printable("a\u200bb\x7f\ud800") == "a\\u200bb\\x7f\\ud800"
    assert printable("naïve 名前/é") == "naïve 名前/é"


def test_shares_are_never_rounded_to_nothing_or_all() -> None:
    shares = [share(*pair) for pair in ((0, 9), (1, 10**6), (1, 3), (99_999, 10**5), (3, 2))]
    assert shares == ["0 %", "< 0.1 %", "33.3 %", "99.9 %", "150.0 %"]


def test_the_longest_gap_is_what_nothing_else_covers() -> None:
    assert longest_gap(0, 10, [(2, 4), (3, 5)]) == (5, 10)
    assert longest_gap(0, 10, [(6, 20)]) == (0, 6)
    assert longest_gap(3, 10, [(-5, 12)]) == (3, 3)
    assert longest_gap(3, 10, []) == (3, 10)


def test_crowded_labels_give_way_downwards() -> None:
    assert spread([0, 5, 40], 13) == (0, 13, 40)


def test_pipelines_rings_and_streamed_inputs_are_drawn_as_they_are_scheduled() -> None:
    session = open_session(DIGITS, "nucleo_l4r5zi", emulate=True)
    compiled = compile_session(session, PlanOptions("ram", streamed=True))
    picture = picture_of(compiled, session.path.name, session.board.id)
    schedule = compiled.schedule
    rings = {b.name: b.rows for b in picture.buffers if b.kind == "ring"}
    assert {name: rows[0] for name, rows in rings.items() if rows} == dict(schedule.rings)
    assert rings
    spans = [(s.begin, s.end) for s in picture.stages if s.name]
    assert [end - begin for begin, end in spans] == [
        len(stage.layers) for stage in schedule.stages if stage.is_pipeline
    ]
    assert picture.columns[0].op == "input"  # the rows of a streamed input arrive
    for buffer in picture.buffers:
        if buffer.kind == "ring":  # inside its pipeline
            assert any(begin <= buffer.begin and buffer.end <= end for begin, end in spans)
    words = [text.words for text in layout(picture).texts]
    assert "pipeline 1" in words
