# SPDX-License-Identifier: Apache-2.0
"""The plan's pictures in a browser: whole, legible, quiet, reachable by mouse and keyboard."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mcuforge.picture.record import PlanPicture
from mcuforge.picture.write import html, svg
from tests.browser.chromium import Browser, installed, running
from tests.unit.picture import pictures

CONTRAST = Path(__file__).with_name("contrast.js").read_text(encoding="utf-8")
MEASURE = Path(__file__).with_name("measure.js").read_text(encoding="utf-8")
PICTURES = {
    "one layer": pictures.chain(1),
    "a slide": pictures.chain(12, pipeline=5),
    "60 layers": pictures.chain(60),
    "150 layers": pictures.chain(150, pipeline=9),
    "600 layers": pictures.chain(600, name="stage{}/depthwise_conv2d/BiasAdd"),
    "regions": pictures.in_regions(12),
    "many regions": pictures.in_regions(40),
    "hostile": pictures.hostile(),
}


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    command = installed()
    if command is None:
        pytest.skip("no chromium: apt-get install chromium")
    with running(command, tmp_path_factory.mktemp("profile")) as found:
        yield found


def page(browser: Browser, picture: PlanPicture, folder: Path, *, dark: bool = False) -> None:
    file = folder / "plan.html"
    file.write_text(html(picture), encoding="utf-8")
    browser.open(file, dark=dark)


def centre(browser: Browser, selector: str) -> tuple[float, float]:
    box = browser.ask(
        f"(() => {{ const e = document.querySelector({selector!r});"
        "e.scrollIntoView({ block: 'nearest', inline: 'nearest' });"
        "const b = e.getBoundingClientRect(); return [b.x + b.width / 2, b.y + b.height / 2]; })()"
    )
    assert isinstance(box, list)
    x, y = box
    return float(x), float(y)


@pytest.mark.parametrize("kind", ["svg", "html"])
@pytest.mark.parametrize("name", PICTURES)
def test_boxes_lie_inside_and_no_word_lies_over_another(
    browser: Browser, name: str, kind: str, tmp_path: Path
) -> None:
    file = tmp_path / f"plan.{kind}"
    file.write_text((svg if kind == "svg" else html)(PICTURES[name]), encoding="utf-8")
    browser.open(file)
    seen = browser.ask(MEASURE)
    assert isinstance(seen, dict)
    assert seen["faults"] == []
    assert seen["boxes"] > len(PICTURES[name].buffers)
    assert seen["texts"] > 3
    assert browser.errors == []
    assert browser.requests == [file.as_uri()]  # the file itself and nothing else


def test_the_measure_sees_words_over_words_and_boxes_outside(
    browser: Browser, tmp_path: Path
) -> None:
    file = tmp_path / "bad.svg"
    file.write_text(
        '<svg xmlns="http://www.w3.org/2000/svg" class="mcuforge-plan" width="300" height="80">'
        '<text x="20" y="20">one word</text><text x="40" y="24" transform="rotate(45 40 24)">two'
        '</text><text x="290" y="60">cut</text><rect x="280" y="5" width="40" height="9"/></svg>'
    )
    browser.open(file)
    seen = browser.ask(MEASURE)
    assert isinstance(seen, dict)
    assert seen["faults"] == ["outside: cut", "outside: a box of ", "one word over two"]


@pytest.mark.parametrize("kind", ["svg", "html"])
def test_names_made_to_break_a_reader_are_only_words(
    browser: Browser, kind: str, tmp_path: Path
) -> None:
    picture = pictures.hostile()
    file = tmp_path / f"plan.{kind}"
    file.write_text((svg if kind == "svg" else html)(picture), encoding="utf-8")
    browser.open(file)
    assert "stolen" in str(browser.ask("document.title"))  # as words, in the title we gave it
    assert browser.ask("document.title") != "stolen"
    assert browser.ask("document.querySelectorAll('img, b').length") == 0
    assert browser.ask("document.querySelectorAll('script').length") == (kind == "html")
    if kind == "html":
        assert browser.ask("document.querySelectorAll('#plot .buffer').length") == len(
            picture.buffers
        )


def test_a_script_that_is_not_ours_would_not_run(browser: Browser, tmp_path: Path) -> None:
    file = tmp_path / "plan.html"
    text = html(pictures.chain(3))
    file.write_text(text.replace("</body>", "<script>document.title = 1</script></body>"))
    browser.open(file)
    assert browser.ask("document.title") != "1"
    assert any("Content Security Policy" in error for error in browser.errors)


def test_a_drawing_by_itself_says_everything_on_hover(browser: Browser, tmp_path: Path) -> None:
    picture = pictures.chain(12, pipeline=5)
    file = tmp_path / "plan.svg"
    file.write_text(svg(picture), encoding="utf-8")
    browser.open(file)
    titles = browser.ask(
        "[...document.querySelectorAll('.buffer > title')].map(t => t.textContent)"
    )
    assert isinstance(titles, list)
    assert len(titles) == len(picture.buffers)
    ring = next(title for title in titles if title.startswith("block2/conv\n"))
    assert ring.splitlines() == [
        "block2/conv",
        "288 bytes, ring int8 1x48x6x16",
        "at ram + 20,672 (0x50c0)",
        "alive: 0 block0/conv to 4 block4/conv",
        "ring: 3 of 48 rows",
        "shares bytes with: block0/conv",
    ]


def test_the_mouse_shows_the_facts_of_what_it_points_at(browser: Browser, tmp_path: Path) -> None:
    page(browser, pictures.chain(12), tmp_path)
    browser.move(*centre(browser, "#buffer-7 .body"))
    assert browser.ask("document.getElementById('tip').hidden") is False
    said = str(browser.ask("document.getElementById('tip').textContent"))
    assert said.startswith("block7/conv\n")
    assert "alive: 6 block6/conv to 7 block7/conv" in said
    browser.move(2, 2)
    assert browser.ask("document.getElementById('tip').hidden") is True


def test_what_lies_over_another_is_told_too(browser: Browser, tmp_path: Path) -> None:
    page(browser, pictures.chain(12), tmp_path)
    browser.move(*centre(browser, ".overlap rect"))
    said = str(browser.ask("document.getElementById('tip').textContent"))
    assert said.startswith("block3/conv over block2/conv\n")
    assert said.endswith("bytes shared during 2 block2/conv")


def test_the_keyboard_reaches_every_buffer(browser: Browser, tmp_path: Path) -> None:
    picture = pictures.chain(150, pipeline=9)
    page(browser, picture, tmp_path)
    browser.ask("document.getElementById('picture').focus()")
    browser.press("Tab")
    browser.wait("document.activeElement.id !== 'picture'")
    assert browser.ask("document.activeElement.id") == "buffer-0"
    reached = []
    for _ in picture.buffers:
        reached.append(browser.ask("document.activeElement.id"))
        browser.press("ArrowRight")
    assert sorted(map(str, reached)) == sorted(f"buffer-{i}" for i in range(len(picture.buffers)))
    browser.press("Home")
    assert browser.ask("document.activeElement.id") == reached[0]
    assert str(browser.ask("document.getElementById('details').textContent")).startswith("block0")
    browser.press("End")
    seen = browser.ask(
        "(() => { const a = document.activeElement.getBoundingClientRect(),"
        "b = document.getElementById('picture').getBoundingClientRect();"
        "return a.left >= b.left && a.right <= b.right + 1; })()"
    )
    assert seen is True  # it has scrolled into view


def test_the_filter_keeps_what_it_names(browser: Browser, tmp_path: Path) -> None:
    page(browser, pictures.chain(150), tmp_path)
    browser.press("/")
    for key in "block14":
        browser.press(key)
    assert browser.ask("document.getElementById('filter').value") == "block14"
    shown = browser.ask(
        "[...document.querySelectorAll('#buffers tbody tr')].filter(r => !r.hidden).length"
    )
    dim = browser.ask("document.querySelectorAll('#plot .buffer.dim').length")
    assert isinstance(shown, int)
    assert 11 <= shown <= 14  # block14, block140 to block149, and those alive beside them
    assert dim == 151 - shown
    assert browser.ask("document.getElementById('found').textContent") == f"{shown} of 151 buffers"


def test_a_click_on_a_heading_sorts_by_it(browser: Browser, tmp_path: Path) -> None:
    page(browser, pictures.in_regions(40), tmp_path)
    sizes = "[...document.querySelectorAll('#buffers tbody tr')].map(r => +r.cells[2].dataset.key)"
    before = browser.ask(sizes)
    assert isinstance(before, list)
    for wanted in (sorted(before), sorted(before, reverse=True)):
        browser.ask("document.querySelectorAll('#buffers th button')[2].click()")
        assert browser.ask(sizes) == wanted
    assert (
        browser.ask("document.querySelectorAll('th')[2].getAttribute('aria-sort')") == "descending"
    )


def test_zoom_changes_the_size_and_fit_shows_the_whole_width(
    browser: Browser, tmp_path: Path
) -> None:
    page(browser, pictures.chain(150), tmp_path)
    wide = "document.getElementById('plot').getBoundingClientRect().width"
    before = browser.ask(wide)
    assert isinstance(before, (int, float))
    browser.click(*centre(browser, "#in"))
    assert browser.ask(wide) == pytest.approx(before * 1.25)
    browser.ask("document.getElementById('picture').focus()")
    browser.press("0")
    assert browser.ask(
        "(p => p.scrollWidth <= p.clientWidth + 1)(document.getElementById('picture'))"
    )
    browser.press("1")
    assert browser.ask(wide) == before


@pytest.mark.parametrize("dark", [False, True])
def test_light_and_dark_have_contrast_enough_to_read(
    browser: Browser, dark: bool, tmp_path: Path
) -> None:
    file = tmp_path / "plan.svg"
    file.write_text(svg(pictures.in_regions(12)), encoding="utf-8")
    browser.open(file, dark=dark)
    seen = browser.ask(CONTRAST)
    assert isinstance(seen, list)
    light, words, labels, edges = seen
    assert light is not dark
    assert words >= 4.5  # WCAG AA: text 4.5, graphics 3
    assert labels >= 4.5
    assert edges >= 3


def test_a_screenshot_shows_the_scheme_asked_for(browser: Browser, tmp_path: Path) -> None:
    shots = []
    for dark in (False, True):
        page(browser, pictures.chain(12, pipeline=5), tmp_path, dark=dark)
        shots.append(browser.screenshot())
        (tmp_path / f"plan-{'dark' if dark else 'light'}.png").write_bytes(shots[-1])
    assert all(shot.startswith(b"\x89PNG") and len(shot) > 20_000 for shot in shots)
    assert shots[0] != shots[1]
