# SPDX-License-Identifier: Apache-2.0
"""A model that no RAM of a board holds alone, exact where they are used together."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from mcuforge.boards.catalog.board import load_board
from mcuforge.commands.deploy import Request, deploy
from mcuforge.compiler.builders.tflite_writer import write_model
from mcuforge.errors import CompileError
from mcuforge.report.progress import Stages
from mcuforge.report.text import print_report
from scripts.make_segmenter import segmenter

QUIET = Stages(Console(stderr=True), quiet=True)
BOARD = "disco_f407vg"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "segmenter.tflite"
    path.write_bytes(write_model(segmenter(60)))
    return path


def test_what_neither_ram_holds_alone_is_exact_in_both_together(
    model: Path, tmp_path: Path
) -> None:
    request = Request(model, BOARD, emulate=True, samples=1, out=tmp_path / "fw", poison=True)
    report = deploy(request, QUIET)
    assert (report.verdict, report.check.exact_samples) == ("pass", 1)
    used = {region.name: region.peak for region in report.plan.regions}
    sizes = {m.name: m.bytes for m in load_board(BOARD).ram_memories}
    assert used.keys() == sizes.keys() == {"sram", "ccm"}
    assert report.ram.arena == report.plan.peak == sum(used.values())
    assert report.plan.lower_bound > max(sizes.values())
    assert all(0 < used[name] <= sizes[name] for name in used)
    code = (tmp_path / "fw" / "src" / "check_model.c").read_text()
    for name in used:
        assert f'section(".mcuforge_arena.{name}")' in code
    console = Console(width=200, record=True, file=StringIO())
    print_report(report, console)
    parts = f"{report.ram.arena:,} bytes = sram {used['sram']:,} + ccm {used['ccm']:,} ("
    assert parts in console.export_text()


def test_it_is_refused_where_one_of_the_two_is_not_there(model: Path) -> None:
    with pytest.raises(CompileError) as refused:
        deploy(Request(model, "nucleo_f446re", emulate=True), QUIET)
    assert "the model needs 144," in refused.value.what
    assert "nucleo_f446re has 131,072 bytes" in refused.value.what
    assert "alive at once" in refused.value.where
    assert "a board with more RAM" in refused.value.hint
