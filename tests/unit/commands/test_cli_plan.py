# SPDX-License-Identifier: Apache-2.0
"""`mcuforge plan` draws where it is asked to: whole files, or none and three lines that say why."""

from __future__ import annotations

import signal
import sys
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from mcuforge import cli
from mcuforge.boards.catalog import board as catalog
from mcuforge.boards.catalog.board import Board, load_board
from mcuforge.flow import session

DIGITS = str(Path(__file__).resolve().parents[3] / "examples" / "digits" / "digits_cnn.tflite")


def plan(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """Exit code of the command."""
    words = ["mcuforge", "plan", DIGITS, "--board", "qemu-mps2-an386", *arguments]
    monkeypatch.setattr(sys, "argv", words)
    before = signal.getsignal(signal.SIGTERM)
    try:
        cli.main()
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 0
    finally:
        signal.signal(signal.SIGTERM, before)
    return 0


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_plan_is_drawn_beside_its_table(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    svg, html = tmp_path / "p.svg", tmp_path / "p.html"
    assert plan(monkeypatch, "--svg", str(svg), "--html", str(html)) == 0
    assert names(tmp_path) == ["p.html", "p.svg"]
    root = ElementTree.fromstring(svg.read_text(encoding="utf-8"))
    title = root.findtext("{http://www.w3.org/2000/svg}title")
    assert title == "digits_cnn.tflite on qemu-mps2-an386"
    assert html.read_text(encoding="utf-8").startswith("<!doctype html>\n")
    said = capsys.readouterr().out
    assert "block2/pointwise" in said
    assert "decided at step" in said
    assert max(map(len, said.splitlines())) < 400


def test_a_plan_is_explained_where_asked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert plan(monkeypatch) == 0
    plain = capsys.readouterr().out
    assert "schedule of" not in plain
    assert plan(monkeypatch, "--explain") == 0
    said = capsys.readouterr().out
    assert said.startswith(plain)
    assert "schedule of digits_cnn: 10 layers in 9 stages, 20 steps\n" in said
    assert "\n  order 2 x (2), 3 x (2 3 2), 3\n" in said


def test_a_plan_that_took_a_second_attempt_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    told = "the first attempt did not fit, this one does: portable kernels need less scratch\n"
    assert plan(monkeypatch, "--ram-budget", "1900") == 0
    assert "attempt" not in capsys.readouterr().out
    assert plan(monkeypatch, "--ram-budget", "1800") == 0
    assert capsys.readouterr().out.endswith(told)
    assert plan(monkeypatch, "--ram-budget", "1600") == 1  # the last attempt does not fit either
    assert "attempt" not in capsys.readouterr().out


def test_the_same_plan_is_drawn_the_same(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    texts = []
    for name in ("a.html", "b.html"):
        assert plan(monkeypatch, "--html", str(tmp_path / name)) == 0
        texts.append((tmp_path / name).read_bytes())
    assert texts[0] == texts[1]


@pytest.mark.parametrize(("good", "bad"), [("--svg", "--html"), ("--html", "--svg")])
def test_a_file_that_cannot_be_written_is_refused_before_any_is(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    good: str,
    bad: str,
) -> None:
    missing = tmp_path / "no_folder" / "p"
    assert plan(monkeypatch, good, str(tmp_path / "p"), bad, str(missing)) == 1
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "error: cannot write the file: No such file or directory"
    assert lines[1] == f"where: {missing}"
    assert lines[2].startswith("try:   ")
    assert names(tmp_path) == []


def test_a_plan_that_does_not_fit_is_drawn_before_it_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def load(board_id: str, folder: Path = catalog.FOLDER) -> Board:
        return replace(load_board(board_id, folder), ram_bytes=300)

    monkeypatch.setattr(session, "load_board", load)
    file = tmp_path / "p.svg"
    assert plan(monkeypatch, "--svg", str(file)) == 1
    assert "too few" in file.read_text(encoding="utf-8")
    assert "has 300 bytes" in capsys.readouterr().err
