# SPDX-License-Identifier: Apache-2.0
"""The committed figures: the documents say what they say, and what counts as worse."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from scripts import bench_table
from scripts.bench_table import PAGES, Counted, cases
from scripts.figure_tables import DOCUMENTS, with_tables
from scripts.figures import (
    FILE,
    BoardFigure,
    Case,
    Figure,
    Figures,
    OperatorFigure,
    Peer,
    differences,
    figures_text,
    read_figures,
)

BOARD = BoardFigure("cortex-m7", "armv7em", "qemu -M machine", "gcc 12", "-O2")
FIGURE = Figure(
    sha256="ab",
    macs=1_000_000,
    instructions=1_500_000,
    per_mac=1.5,
    arena=4000,
    bound=4000,
    ram=4500,
    flash=30_000,
    code=10_000,
    weights=20_000,
    operators={"conv2d": OperatorFigure(2, 1_000_000, 1_400_000)},
)
CASE = Case("kws_ref_model.tflite", bench_table.M7)
PEERS = tuple(
    Peer(engine, "kws_ref_model", "cortex-m7", flags, count, 20_000, 16_000, 90_000)
    for engine, flags, count in (
        ("TFLM+CMSIS-NN", "-O3", 7_000_000),
        ("TFLM+CMSIS-NN", "-Os", 9_000_000),
        ("TinyEngine (int)", "-O3", 8_000_000),
    )
)
FIGURES = Figures({CASE.board: BOARD}, {CASE: FIGURE}, PEERS)
PAGE = "docs/figures.md"


@pytest.mark.parametrize("document", DOCUMENTS)
def test_a_document_says_what_the_figures_say(document: str) -> None:
    text = (PAGES / document).read_text(encoding="utf-8")
    assert text == with_tables(document, text, read_figures()), "`make bench` writes both"


def test_the_file_is_as_it_is_written() -> None:
    assert FILE.read_text(encoding="utf-8") == figures_text(read_figures())


def test_everything_that_is_counted_has_a_figure_and_nothing_else() -> None:
    assert set(read_figures().rows) == set(cases()), "`make bench` counts them all"


def test_code_of_mlperf_tiny_models_is_within_16_kib() -> None:
    rows = read_figures().rows
    boards = (bench_table.M7, "qemu-mps2-an386", "qemu-riscv32")
    over = {
        str(case): rows[case].code
        for case in (Case(model, board) for model in bench_table.MLPERF for board in boards)
        if rows[case].code > 16 * 1024
    }
    assert not over


@pytest.mark.parametrize(
    ("now", "told"),
    [
        (FIGURE, []),
        (replace(FIGURE, instructions=1_515_000, arena=4040), []),
        (replace(FIGURE, instructions=1_425_000, ram=9999), []),
        (
            replace(FIGURE, instructions=1_516_000),
            ["instructions 1,500,000 -> 1,516,000 (+1.1%): at most +1% is allowed"],
        ),
        (
            replace(FIGURE, code=10_101, flash=30_500, arena=4041),
            [
                "arena 4,000 -> 4,041 (+1.0%): at most +1% is allowed",
                "flash 30,000 -> 30,500 (+1.7%): at most +1% is allowed",
                "code 10,000 -> 10,101 (+1.0%): at most +1% is allowed",
            ],
        ),
        (
            replace(FIGURE, instructions=1_400_000),
            [
                "instructions 1,500,000 -> 1,400,000 (-6.7%): "
                "better than committed, the figures are out of date"
            ],
        ),
        (replace(FIGURE, sha256="cd"), ["the model's file is another one"]),
    ],
)
def test_one_percent_worse_is_a_fault_and_much_better_is_told(now: Figure, told: list[str]) -> None:
    assert differences(FIGURE, now) == told


def test_an_arena_that_is_not_proved_least_may_vary_with_the_solvers_time() -> None:
    loose = replace(FIGURE, bound=3900)
    assert differences(loose, replace(FIGURE, arena=4320)) == []
    assert differences(loose, replace(FIGURE, arena=3680)) == []
    assert differences(loose, replace(FIGURE, arena=4321)) == [
        "arena 4,000 -> 4,321 (+8.0%): at most +8% is allowed"
    ]
    assert len(differences(loose, replace(FIGURE, instructions=1_516_000))) == 1


def test_another_compiler_may_cost_some_more_and_any_less_but_plans_the_same() -> None:
    within = replace(FIGURE, instructions=FIGURE.instructions * 21 // 20, code=FIGURE.code // 2)
    assert differences(FIGURE, within, other_compiler=True) == []
    slow = replace(FIGURE, instructions=FIGURE.instructions * 12 // 10)
    assert differences(FIGURE, slow, other_compiler=True) == [
        "instructions 1,500,000 -> 1,800,000 (+20.0%): at most +5% is allowed"
    ]
    assert (
        len(differences(FIGURE, replace(FIGURE, arena=FIGURE.arena * 2), other_compiler=True)) == 1
    )


def marked(*names: str) -> str:
    blocks = (
        f"<!-- figures: {name} (`make bench` writes this) -->\nold\n<!-- end of figures -->\n"
        for name in names
    )
    return f"before\n{''.join(blocks)}after\n"


def test_tables_stand_between_their_marks_with_peers_beside() -> None:
    made = with_tables(PAGE, marked(*DOCUMENTS[PAGE]), FIGURES)
    assert made.startswith("before\n<!-- figures: instructions")
    assert made.endswith("<!-- end of figures -->\nafter\n")
    assert "old" not in made
    counts = next(line for line in made.splitlines() if line.startswith("| kws"))
    cells = ["kws_ref_model.tflite", "1.00 M", "1.50 M", "1.50", "7.00 M", "-", "8.00 M", "-"]
    assert counts == f"| {' | '.join(cells)} |"
    assert "| conv2d | 1,000,000 | 1.40 | - |" in made
    assert with_tables(PAGE, made, FIGURES) == made


def test_the_readmes_table_has_arenas_and_instructions_beside_peers() -> None:
    made = with_tables("README.md", marked("peers"), FIGURES)
    shown = next(line for line in made.splitlines() if line.startswith("| kws"))
    cells = ["kws_ref_model", "4,000", "20,000", "20,000", "1.50 M", "7.00 M", "8.00 M"]
    assert shown == f"| {' | '.join(cells)} |"


@pytest.mark.parametrize(
    "names", [(), (*DOCUMENTS[PAGE], "weather"), tuple(DOCUMENTS[PAGE])[1:], ("peers",)]
)
def test_a_mark_without_its_table_or_a_table_without_its_mark_is_told(
    names: tuple[str, ...],
) -> None:
    with pytest.raises(ValueError, match=r"docs/figures\.md marks"):
        with_tables(PAGE, marked(*names), FIGURES)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Documents and figures of their own, one case, which runs nothing and costs 2 % more."""
    (tmp_path / "figures.json").write_text(figures_text(FIGURES), encoding="utf-8")
    (tmp_path / "docs").mkdir()
    for name, tables in DOCUMENTS.items():
        (tmp_path / name).write_text(marked(*tables), encoding="utf-8")

    def counted(wanted: list[Case], jobs: int) -> Iterator[tuple[Case, Counted | Exception]]:
        assert jobs == 2
        for case in wanted:
            slower = replace(FIGURE, instructions=1_530_000)
            yield case, Counted(BOARD, slower, 1.0)

    monkeypatch.setattr(bench_table, "FILE", tmp_path / "figures.json")
    monkeypatch.setattr(bench_table, "PAGES", tmp_path)
    monkeypatch.setattr(bench_table, "SHARED", tmp_path)
    monkeypatch.setattr(bench_table, "count_all", counted)
    monkeypatch.setattr(bench_table, "cases", lambda: iter([CASE, Case("digits_vit.onnx", "b")]))
    return tmp_path


def test_without_the_models_of_others_their_figures_stay_and_that_is_told(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bench_table.main([]) == 0
    said = capsys.readouterr().out
    assert f"not in {folder}, their committed figures stay: ad01_int8.tflite, kws_ref" in said
    now = read_figures(folder / "figures.json")
    assert now.rows[CASE] == FIGURE
    assert now.rows[Case("digits_vit.onnx", "b")].instructions == 1_530_000
    assert now.peers == tuple(sorted(PEERS, key=lambda p: (p.engine, p.flags)))
    assert all("1.50 M" in (folder / name).read_text(encoding="utf-8") for name in DOCUMENTS)


def test_a_check_writes_nothing_and_fails_on_what_got_worse(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = folder / "models" / "mlperf_tiny" / CASE.model
    model.parent.mkdir(parents=True)
    model.touch()
    before = [path.read_text(encoding="utf-8") for path in sorted(folder.rglob("*.*"))]
    assert bench_table.main(["--check", "kws_ref_model"]) == 1
    said = capsys.readouterr().out
    assert "instructions 1,500,000 -> 1,530,000 (+2.0%): at most +1% is allowed" in said
    assert "1 of 1 are not as committed" in said
    assert "`make bench`" in said
    assert before == [path.read_text(encoding="utf-8") for path in sorted(folder.rglob("*.*"))]


def test_a_case_that_fails_is_told_and_keeps_its_figure(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(wanted: list[Case], jobs: int) -> Iterator[tuple[Case, Counted | Exception]]:
        yield CASE, RuntimeError("2 output elements differ")

    monkeypatch.setattr(bench_table, "count_all", failing)
    assert bench_table.main([]) == 1
    assert f"FAILED {CASE}: 2 output elements differ" in capsys.readouterr().out
    assert read_figures(folder / "figures.json").rows == FIGURES.rows
    assert bench_table.main(["--check"]) == 1
    assert "2 output elements differ" in capsys.readouterr().out


def test_a_model_nobody_knows_is_refused(folder: Path) -> None:
    with pytest.raises(SystemExit, match=r"no such model: digits; there are digits_cnn\.tflite"):
        bench_table.main(["--check", "digits"])
