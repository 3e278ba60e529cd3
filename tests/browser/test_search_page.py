# SPDX-License-Identifier: Apache-2.0
"""The page of a search in a browser: legible, quiet, reachable by mouse and keyboard."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mcuforge.picture.search_page import write_search_page
from mcuforge.report.search import SearchReport
from tests.browser.chromium import Browser, installed, running
from tests.unit.picture import searches
from tests.unit.picture.test_search_page import REPORTS, hostile

SHOWN = (
    "[...document.querySelectorAll('#plot-ram .points')]"
    ".filter(p => getComputedStyle(p).display !== 'none')"
    ".reduce((sum, p) => sum + p.dataset.points.split(' ').length, 0)"
)
TIP = "document.getElementById('tip').textContent"
CONTRAST = """(() => {
  const bright = (c) => { const [r, g, b] = c.match(/[\\d.]+/g).map(Number).map((v) => v / 255)
    .map((v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const ratio = (a, b) => (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  const page = bright(getComputedStyle(document.body).backgroundColor);
  const least = (selector, key) => Math.min(99, ...[...document.querySelectorAll(selector)]
    .map((e) => ratio(bright(getComputedStyle(e)[key]), page)));
  return [page > 0.5, least("svg text", "fill"), least("p, dt, th, td, li", "color"),
    least(".legend .mark", "fill")];
})()"""
OVERLAPS = """[...document.querySelectorAll('.plot svg, svg.network')].flatMap((svg) => {
  const words = [...svg.querySelectorAll('text')]
    .map((t) => [t.textContent, t.getBoundingClientRect()]);
  const frame = svg.getBoundingClientRect();
  const over = (p, q) => p.left + 2 < q.right && q.left + 2 < p.right
    && p.top + 3 < q.bottom && q.top + 3 < p.bottom;
  return words.flatMap(([a, p], i) => [
    ...(p.left < frame.left - 1 || p.right > frame.right + 1 ? [`outside: ${a}`] : []),
    ...words.slice(i + 1).filter(([, q]) => over(p, q)).map(([b]) => `${a} over ${b}`),
  ]);
})"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    command = installed()
    if command is None:
        pytest.skip("no chromium: apt-get install chromium")
    with running(command, tmp_path_factory.mktemp("profile")) as found:
        yield found


def page(
    browser: Browser,
    folder: Path,
    report: SearchReport,
    *,
    width: int = 1280,
    dark: bool = False,
) -> Path:
    file = folder / "search.html"
    write_search_page(report, file)
    browser.open(file, width=width, dark=dark)
    return file


def centre(browser: Browser, selector: str) -> tuple[float, float]:
    box = browser.ask(
        f"(() => {{ const e = document.querySelector({selector!r});"
        "e.scrollIntoView({ block: 'center' });"
        "const b = e.getBoundingClientRect(); return [b.x + b.width / 2, b.y + b.height / 2]; })()"
    )
    assert isinstance(box, list)
    x, y = box
    return float(x), float(y)


@pytest.mark.parametrize("width", [400, 700, 1000, 1600])
@pytest.mark.parametrize("name", REPORTS)
def test_a_page_fits_its_window_and_asks_for_nothing(
    browser: Browser, name: str, width: int, tmp_path: Path
) -> None:
    file = page(browser, tmp_path, REPORTS[name], width=width)
    assert browser.ask("document.documentElement.scrollWidth") == width
    assert browser.errors == []
    assert browser.requests == [file.as_uri()]


def test_names_made_to_break_a_reader_are_only_words(browser: Browser, tmp_path: Path) -> None:
    page(browser, tmp_path, hostile(), width=400)
    assert browser.errors == []
    assert browser.ask("document.querySelectorAll('img').length") == 0
    assert browser.ask("document.querySelectorAll('script').length") == 2
    assert browser.ask("document.documentElement.scrollWidth") == 400


def test_a_method_that_is_switched_off_hides_its_points(browser: Browser, tmp_path: Path) -> None:
    page(browser, tmp_path, searches.search())
    assert browser.ask(SHOWN) == 901
    browser.click(*centre(browser, ".toggle.random"))
    assert browser.ask(SHOWN) == 601
    pressed = "document.querySelector('.toggle.random').getAttribute('aria-pressed')"
    assert browser.ask(pressed) == "false"
    browser.click(*centre(browser, ".toggle.random"))
    assert browser.ask(SHOWN) == 901


def test_the_mouse_shows_a_network_in_all_plots(browser: Browser, tmp_path: Path) -> None:
    page(browser, tmp_path, searches.search())
    browser.move(*centre(browser, "#plot-flash .ring.largest circle"))
    said = str(browser.ask(TIP))
    assert said.splitlines()[:2] == [
        "largest, seed 0: 67.6 % (finalist D)",
        "RAM 130,048 bytes, flash 201,000 bytes, 59,000,000 instructions",
    ]
    assert "stem 16; 1 " in said
    assert browser.ask("document.getElementById('tip').hidden") is False
    assert browser.ask("document.querySelectorAll('#plots .cursor:not([hidden])').length") == 3
    assert browser.ask("document.getElementById('details').textContent") == said
    browser.move(2, 2)
    assert browser.ask("document.getElementById('tip').hidden") is True


def test_the_keyboard_goes_through_the_points_and_along_the_front(
    browser: Browser, tmp_path: Path
) -> None:
    page(browser, tmp_path, searches.search(count=4, seeds=1))
    browser.ask("document.querySelector('#plot-ram svg').focus()")
    seen = set()
    browser.press("Home")
    for _ in range(13):
        seen.add(str(browser.ask(TIP)))
        browser.press("ArrowRight")
    assert len(seen) == 13
    browser.press("Home")
    accuracies = []
    for _ in range(3):
        accuracies.append(float(str(browser.ask(TIP)).split(": ")[1].split(" ")[0]))
        browser.press("ArrowUp")
    assert accuracies == sorted(set(accuracies))


@pytest.mark.parametrize("dark", [False, True])
def test_light_and_dark_have_contrast_enough_and_can_be_switched(
    browser: Browser, dark: bool, tmp_path: Path
) -> None:
    page(browser, tmp_path, searches.search(), dark=dark)
    for turned in (dark, not dark):
        seen = browser.ask(CONTRAST)
        assert isinstance(seen, list)
        light, drawn, words, marks = seen
        assert light is not turned
        assert drawn >= 4.5  # WCAG AA: text 4.5, graphics 3
        assert words >= 4.5
        assert marks >= 3
        browser.click(*centre(browser, "#theme"))


@pytest.mark.parametrize("name", ["whole", "hybrid", "one seed, one point"])
def test_no_word_of_a_plot_lies_over_another(browser: Browser, name: str, tmp_path: Path) -> None:
    page(browser, tmp_path, REPORTS[name])
    assert browser.ask(OVERLAPS) == []
