# SPDX-License-Identifier: Apache-2.0
"""Memories outside the chip: who may use them, who writes them, and when a plan takes them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NoReturn

import pytest

from mcuforge.boards.regions import memory_regions
from mcuforge.commands.bench import Request as Bench
from mcuforge.commands.bench import bench
from mcuforge.commands.deploy import Request as Deploy
from mcuforge.commands.deploy import deploy
from mcuforge.compiler.compile import PlanOptions
from mcuforge.compiler.schedule.planned import ArenaIn
from mcuforge.errors import BoardError, CompileError
from mcuforge.flow import target
from mcuforge.flow.firmware import build_check
from mcuforge.flow.session import compile_session, open_session, plan_session, ram_budget
from mcuforge.report.console import open_console
from mcuforge.report.progress import Stages

MODEL = Path(__file__).resolve().parents[3] / "examples" / "digits" / "digits_cnn.tflite"


def test_buffers_in_external_ram_are_refused_before_anything_is_built(tmp_path: Path) -> None:
    session = open_session(MODEL, "disco_f429zi", emulate=False)
    compiled = compile_session(session, PlanOptions())
    peaks = dict.fromkeys((region.name for region in compiled.problem.regions), 0)
    plan = replace(compiled.plan, peaks={**peaks, "sdram": 4096})
    with pytest.raises(CompileError, match="4,096 bytes of buffers would lie in 'sdram'") as found:
        build_check(session, replace(compiled, plan=plan), tmp_path / "project")
    assert "digits_cnn.tflite" in found.value.where
    assert "--emulate runs them on the stand-in" in found.value.hint
    assert not (tmp_path / "project").exists()


@pytest.mark.parametrize("protocol", ["jlink", "cmsis-dap", "dfu", "serial"])
def test_a_tool_that_does_not_write_the_external_flash_is_refused(
    protocol: str, tmp_path: Path
) -> None:
    session = open_session(MODEL, "disco_f746ng", emulate=False)
    compiled = compile_session(session, PlanOptions(weights="external"))
    with pytest.raises(CompileError, match=f"outside the chip, which {protocol}") as refused:
        build_check(session, compiled, tmp_path / "project", protocol=protocol)
    assert refused.value.hint.startswith("--protocol stlink, or `--weights internal`")
    assert not (tmp_path / "project").exists()


@pytest.mark.parametrize("run", [deploy, bench])
def test_weights_asked_for_outside_need_a_tool_that_writes_them_before_a_port_is_looked_for(
    run: Callable[..., object], monkeypatch: pytest.MonkeyPatch
) -> None:
    def look(*_: object) -> NoReturn:
        raise LookupError("a port is looked for")

    monkeypatch.setattr(target, "find_ports", look)
    request = Deploy if run is deploy else Bench
    outside = PlanOptions(weights="external")
    jlink = partial(request, MODEL, "disco_f746ng", port="auto", protocol="jlink")
    words = "all weights into 'qspi', outside the chip, which jlink does not write"
    with pytest.raises(BoardError, match=words) as refused:
        run(jlink(options=outside), Stages(open_console(stderr=True), quiet=True))
    assert refused.value.where == "board disco_f746ng, --protocol"
    assert refused.value.hint.startswith("--protocol stlink, or `--weights internal`")
    for fine in (jlink(), jlink(options=outside, protocol="stlink")):
        with pytest.raises(LookupError):
            run(fine, Stages(open_console(stderr=True), quiet=True))


@pytest.mark.parametrize(
    ("arena", "held"),
    [("internal", {"dtcm"}), ("auto", {"dtcm"}), ("external", {"sdram"})],
)
def test_a_plan_takes_ram_outside_the_chip_only_on_request(arena: ArenaIn, held: set[str]) -> None:
    session = open_session(MODEL, "disco_f746ng", emulate=False)
    planned, _ = plan_session(session, PlanOptions(arena=arena))
    used = {name for name, peak in planned.plan.peaks.items() if peak}
    assert used == held
    more = 8 << 20 if "sdram" in used else 0
    assert ram_budget(session.board, used) == (320 << 10) + more


def test_auto_stays_inside_where_the_rams_of_the_chip_hold_the_arena_together() -> None:
    session = open_session(MODEL, "disco_f429zi", emulate=False)
    board = session.board
    ram, ccm, *others = (m for m in board.memory if m.kind == "ram")
    reserved = memory_regions(board, split_groups=True)
    image = ram.bytes - next(r.bytes for r in reserved if r.name == ram.name)
    small = (replace(ram, bytes=image + 1400), replace(ccm, bytes=1400))  # the arena has 1,856
    flashes = (m for m in board.memory if m.kind == "flash")
    together = replace(board, memory=(*small, *others, *flashes))
    planned, _ = plan_session(replace(session, board=together), PlanOptions(arena="auto"))
    used = {name for name, peak in planned.plan.peaks.items() if peak}
    assert planned.fits
    assert used == {ram.name, ccm.name}


def test_auto_goes_outside_where_the_chip_has_too_little() -> None:
    session = open_session(MODEL, "disco_f746ng", emulate=False)
    board = session.board
    dtcm = replace(board.first("ram"), bytes=1024)  # less than the arena
    others = [m for m in board.memory if m.name not in ("dtcm", "sram")]
    small = replace(session, board=replace(board, memory=(dtcm, *others), ram_bytes=1024))
    inside, _ = plan_session(small, PlanOptions())
    assert not inside.fits
    planned, _ = plan_session(small, PlanOptions(arena="auto"))
    assert planned.fits
    assert planned.plan.peaks["sdram"]


def test_a_board_without_ram_outside_is_refused() -> None:
    session = open_session(MODEL, "nucleo_f746zg", emulate=False)
    with pytest.raises(BoardError, match="has no external RAM, --arena external needs one"):
        plan_session(session, PlanOptions(arena="external"))
    assert plan_session(session, PlanOptions(arena="auto"))[0].fits
