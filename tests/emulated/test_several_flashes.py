# SPDX-License-Identifier: Apache-2.0
"""Weights that the internal flash does not hold: exact with the external one beside it."""

from __future__ import annotations

from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from mcuforge.boards.catalog.board import Board, emulated, load_board
from mcuforge.boards.regions import CODE_BYTES
from mcuforge.commands.deploy import Request, deploy, deploy_session
from mcuforge.compiler.builders.tflite_builder import ModelBuilder, Sliding
from mcuforge.compiler.builders.tflite_writer import write_model
from mcuforge.compiler.compile import PlanOptions
from mcuforge.compiler.frontends import read_model
from mcuforge.compiler.schedule.weights import WeightsIn
from mcuforge.errors import BoardError, CompileError
from mcuforge.flow.session import Session
from mcuforge.report.model import Report
from mcuforge.report.progress import Stages
from mcuforge.report.text import print_report

QUIET = Stages(Console(stderr=True), quiet=True)
INTERNAL_BYTES = CODE_BYTES + 32 * 1024  # what is left beside code holds the convolution
DENSE_BYTES = 12 * 12 * 8 * 128


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A convolution, whose weights are read for every pixel, and a dense layer's, read once."""
    build = ModelBuilder(746)
    x = build.input((1, 12, 12, 3), (1 / 127.5, -1))
    x = build.conv(x, 8, Sliding((3, 3)), (6 / 255, -128), "relu6")
    x = build.linear(build.reshape(x, (1, x.elements)), 128, (0.04, 0))
    path = tmp_path_factory.mktemp("model") / "dense.tflite"
    path.write_bytes(write_model(build.spec([x])))
    return path


def narrow(board_id: str) -> Board:
    """The board's stand-in with less internal flash than the model's weights."""
    return emulated(replace(load_board(board_id), flash_bytes=INTERNAL_BYTES))


def deployed(board: Board, model: Path, weights: WeightsIn) -> Report:
    session = Session(model, model.read_bytes(), read_model(model), board)
    options = PlanOptions(weights=weights)
    request = Request(model, board.id, emulate=True, samples=3, options=options)
    return deploy_session(session, request, QUIET)


@pytest.mark.parametrize("where", ["auto", "external"])
def test_weights_in_the_external_flash_give_the_reference_s_answers(
    where: WeightsIn, model: Path
) -> None:
    report = deployed(narrow("disco_f746ng"), model, where)
    assert (report.verdict, report.check.exact_samples) == ("pass", 3)
    assert [region.name for region in report.flash.regions] == ["flash", "qspi"]
    inside, outside = (region.weights for region in report.flash.regions)
    assert inside + outside == report.flash.weights > INTERNAL_BYTES
    assert outside >= DENSE_BYTES
    assert (inside > 0) == (where == "auto")
    console = Console(width=200, record=True, file=StringIO())
    print_report(report, console)
    homes = f"flash {inside:,}, qspi {outside:,}" if inside else f"qspi {outside:,}"
    assert f"weights {inside + outside:,} ({homes}) + code" in console.export_text()


def test_weights_make_room_for_more_code_than_was_estimated(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mcuforge.boards.regions.CODE_BYTES", 1024)
    board = emulated(replace(load_board("disco_f746ng"), flash_bytes=DENSE_BYTES + 5 * 1024))
    report = deployed(board, model, "auto")
    assert (report.verdict, report.check.exact_samples) == ("pass", 3)
    inside, outside = (region.weights for region in report.flash.regions)
    assert inside < outside
    with pytest.raises(CompileError, match="bytes of flash"):
        deployed(board, model, "internal")


def test_they_are_refused_where_they_may_not_lie_there(model: Path) -> None:
    with pytest.raises(CompileError) as refused:
        deployed(narrow("disco_f746ng"), model, "internal")
    assert f"over the board's {INTERNAL_BYTES:,})" in refused.value.what
    assert "of them linear" in refused.value.where
    assert "--weights auto" in refused.value.hint
    with pytest.raises(BoardError, match="'nucleo_f746zg' has no external flash"):
        deployed(narrow("nucleo_f746zg"), model, "external")


@pytest.mark.parametrize("weights", ["auto", "external"])
def test_an_image_for_the_hardware_keeps_off_a_flash_that_nobody_has_set_up(
    weights: WeightsIn, model: Path
) -> None:
    known = load_board("disco_f746ng")
    assert known.hardware is not None
    hardware = replace(known.hardware, controllers=())
    board = replace(known, flash_bytes=INTERNAL_BYTES, hardware=hardware)
    session = Session(model, model.read_bytes(), read_model(model), board, exact=True)
    options = PlanOptions(weights=weights)
    request = Request(model, board.id, exact=True, samples=1, options=options)
    with pytest.raises(CompileError, match="would lie in 'qspi', outside the chip") as refused:
        deploy_session(session, request, QUIET)
    assert "of them linear" in refused.value.where
    assert refused.value.hint.startswith("`--weights internal` if")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("board", "width", "where"),
    [("disco_f746ng", 2390, "qspi"), ("qemu-riscv32", 4700, "dram_low")],
)
def test_megabytes_of_weights_are_where_they_belong(
    board: str, width: int, where: str, tmp_path: Path
) -> None:
    # 5.7 MB, a DeiT-Tiny's, in the external flash of the F746's stand-in; 22 MB, a DeiT-Small's
    build = ModelBuilder(5)
    x = build.input((1, width), (1 / 127.5, -1))
    path = tmp_path / "wide.tflite"
    path.write_bytes(write_model(build.spec([build.linear(x, width, (0.05, 0))])))
    report = deploy(Request(path, board, emulate=True, samples=1), QUIET)
    assert (report.verdict, report.check.exact_samples) == ("pass", 1)
    held = {region.name: region.weights for region in report.flash.regions}
    assert held[where] >= width * width
    assert sum(held.values()) == report.flash.weights
