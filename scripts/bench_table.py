# SPDX-License-Identifier: Apache-2.0
"""Count every model on every emulated board: bench/figures.json, and the documents' tables.

    python -m scripts.bench_table                 all of it, as `make bench` does
    python -m scripts.bench_table MODEL ...       these models only (file names, suffix or not)
    python -m scripts.bench_table --board ID ...  on this board only; may be given several times
    python -m scripts.bench_table --check [...]   compare with what is committed, write nothing
    python -m scripts.bench_table --tables        the tables from the file, nothing is run

The tables stand in README.md and docs/figures.md. Models of others are counted if they lie in
../shared beside the checkout; otherwise their committed figures stay. A figure is only written
after a verdict of pass.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console

from mcuforge.boards.catalog.board import all_boards
from mcuforge.commands.deploy import Request, deploy
from mcuforge.compiler.compile import PlanOptions
from mcuforge.errors import UserError
from mcuforge.report.files import write_whole
from mcuforge.report.model import Report
from mcuforge.report.profile import operator_facts
from mcuforge.report.progress import Stages
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

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared"
PAGES = ROOT  # of the documents with tables
OWN = ("digits_cnn.tflite", "digits_vit.onnx")
MLPERF = (
    "ad01_int8.tflite",
    "kws_ref_model.tflite",
    "pretrainedResnet_quant.tflite",
    "str_ww_ref_model.tflite",
    "vww_96_int8.tflite",
)
VITS = (  # the third is the second with other zero points: counted on one core only
    "vit_cifar10_tf_int8_erf.tflite",
    "vit_cifar10_int8_qdq_default.onnx",
    "vit_cifar10_int8_qdq_op20_asym.onnx",
)
M7 = "qemu-mps2-an500"
BOARDS = (M7, "qemu-mps2-an386", "qemu-riscv32", "qemu-mps3-an547", "qemu-mps2-m0plus")
ROWLESS = ("ad01_int8.tflite",)  # its input is one vector, without rows to stream
ENGINES = ("TFLM+CMSIS-NN", "TinyEngine")
PEER_OPERATORS = "per_op_tflm_cmsis_nn_cortex_m7_O3"
REMEDY = f"if that is meant: `make bench`, and commit bench/figures.json, {', '.join(DOCUMENTS)}"


@dataclass(frozen=True)
class Counted:
    """The result of a case that ran."""

    board: BoardFigure
    figure: Figure
    seconds: float


def model_file(model: str) -> Path:
    """The path of a model's file, whether it exists or not."""
    if model in OWN:
        return ROOT / "examples" / "digits" / model
    return SHARED / "models" / ("vit" if model in VITS else "mlperf_tiny") / model


def cases() -> Iterator[Case]:
    """Every case that is counted, on the boards of the catalog."""
    known = {board.id for board in all_boards()}
    for board in (board for board in BOARDS if board in known):
        for model in (*OWN, *MLPERF, *(VITS if board == M7 else VITS[:2])):
            yield Case(model, board)
    for model in (*MLPERF, *VITS):
        yield Case(model, M7, "speed")
    for model in MLPERF:
        if model not in ROWLESS:
            yield Case(model, M7, streamed=True)


def count(case: Case) -> Counted:
    """Deploy the case on its emulated board; RuntimeError unless the verdict is pass."""
    options = PlanOptions(goal=case.optimize, streamed=case.streamed)
    request = Request(model_file(case.model), case.board, emulate=True, samples=1, options=options)
    started = time.monotonic()
    try:
        report = deploy(request, Stages(Console(stderr=True), quiet=True))
    except UserError as error:
        raise RuntimeError(str(error)) from error
    if report.verdict != "pass":
        raise RuntimeError("; ".join(report.reasons))
    return Counted(board_of(report), figure_of(report), time.monotonic() - started)


def board_of(report: Report) -> BoardFigure:
    """Core, emulator and compiler of a deploy."""
    board, tools = report.board, report.toolchain
    compiler = f"{tools.compiler} {tools.version}"
    return BoardFigure(board.cpu, board.isa, board.stand_in or "", compiler, tools.flags)


def figure_of(report: Report) -> Figure:
    """The figure that a deploy counted."""
    run, ram, flash = report.run, report.ram, report.flash
    assert run.instructions is not None, "emulated boards count"
    return Figure(
        sha256=report.model.sha256,
        macs=report.model.macs,
        instructions=run.instructions,
        per_mac=round(run.instructions / report.model.macs, 2),
        arena=ram.arena,
        bound=report.plan.lower_bound,
        ram=ram.total,
        flash=flash.total,
        code=flash.code,
        weights=flash.weights,
        operators={
            x.op: OperatorFigure(x.layers, x.macs, x.instructions or 0)
            for x in operator_facts(report.layers)
        },
    )


def table_row(case: Case, figure: Figure) -> str:
    """One line of output: a case and its figure."""
    return (
        f"| {case} | {figure.instructions:,} instructions (emulated) "
        f"| {figure.per_mac:.2f} per MAC | arena {figure.arena:,} "
        f"| flash {figure.flash:,} | code {figure.code:,} |"
    )


def peers() -> tuple[tuple[Peer, ...], dict[str, OperatorFigure]] | None:
    """The measured figures of peers, and TFLM's by operator; None without ../shared."""
    file = SHARED / "baselines.json"
    if not file.exists():
        return None
    content = json.loads(file.read_text(encoding="utf-8"))
    found = tuple(
        Peer(
            engine=row["engine"],
            model=row["model"],
            cpu=row["cpu"],
            flags=row["flags"],
            instructions=row["instructions"],
            ram=row["ram_bytes"],
            tensors=row.get("ram_tensors_and_scratch", row["ram_bytes"]),
            flash=row["flash_bytes"],
        )
        for row in content["rows"]
        if row["engine"].startswith(ENGINES)
    )
    operators: dict[str, OperatorFigure] = {}
    for layers in content[PEER_OPERATORS].values():
        for layer in layers:
            op = layer["op"].lower().replace("_2d", "2d")  # CONV_2D: our conv2d
            sums = operators.get(op, OperatorFigure(0, 0, 0))
            operators[op] = OperatorFigure(
                sums.layers + 1, sums.macs + layer["macs"], sums.instructions + layer["instr"]
            )
    return found, operators


def select(wanted: list[str], boards: list[str]) -> list[Case]:
    """Cases of these models on these boards, or of all; prints which models are missing."""
    models = (*OWN, *MLPERF, *VITS)
    chosen = [model for model in models if not wanted or {model, Path(model).stem} & set(wanted)]
    unknown = set(wanted) - {name for model in models for name in (model, Path(model).stem)}
    if unknown:
        sys.exit(f"no such model: {', '.join(sorted(unknown))}; there are {', '.join(models)}")
    missing = [model for model in chosen if not model_file(model).exists()]
    if missing:
        print(f"not in {SHARED}, their committed figures stay: {', '.join(missing)}")
    return [
        case
        for case in cases()
        if case.model in set(chosen) - set(missing) and (not boards or case.board in boards)
    ]


def count_all(wanted: list[Case], jobs: int) -> Iterator[tuple[Case, Counted | Exception]]:
    """Each case as soon as it is counted, or its error; the long ones start first."""
    order = sorted(wanted, key=lambda case: case.model not in VITS)
    with ProcessPoolExecutor(jobs) as pool:
        futures = {pool.submit(count, case): case for case in order}
        for future in as_completed(futures):
            error = future.exception()
            if error is not None and not isinstance(error, Exception):
                raise error
            yield futures[future], future.result() if error is None else error


def updated(figures: Figures, counted: dict[Case, Counted]) -> Figures:
    """The figures with new ones; figures of cases that no longer exist are dropped."""
    kept = set(cases())
    rows = {case: figure for case, figure in figures.rows.items() if case in kept}
    rows |= {case: result.figure for case, result in counted.items()}
    boards = figures.boards | {case.board: result.board for case, result in counted.items()}
    used = {case.board for case in rows}
    boards = {board: told for board, told in boards.items() if board in used}
    figures = replace(figures, boards=boards, rows=rows)
    told = peers()
    return figures if told is None else replace(figures, peers=told[0], peer_operators=told[1])


def write_tables(figures: Figures) -> None:
    """The documents with the tables of these figures."""
    for name in DOCUMENTS:
        document = PAGES / name
        text = with_tables(name, document.read_text(encoding="utf-8"), figures)
        write_whole(document, text)


def renew(chosen: list[Case], jobs: int) -> int:
    """Count the cases, write each figure at once and the tables at the end; how many failed.

    The file is read again each time: another run may count other cases meanwhile.
    """
    failed = 0
    for number, (case, result) in enumerate(count_all(chosen, jobs), 1):
        if isinstance(result, Exception):
            failed += 1
            print(f"{number}/{len(chosen)} FAILED {case}: {result}", flush=True)
            continue
        write_whole(FILE, figures_text(updated(read_figures(FILE), {case: result})))
        row = table_row(case, result.figure)
        print(f"{number}/{len(chosen)} {row} {result.seconds:.0f} s", flush=True)
    figures = updated(read_figures(FILE), {})
    write_whole(FILE, figures_text(figures))
    write_tables(figures)
    return failed


def check(chosen: list[Case], jobs: int) -> int:
    """Count the cases and print what differs from the committed figures; how many differ."""
    committed, failed = read_figures(FILE), 0
    for number, (case, result) in enumerate(count_all(chosen, jobs), 1):
        if isinstance(result, Exception):
            found = [str(result)]
        elif case not in committed.rows:
            found = ["no figure is committed"]
        else:
            found = differences(committed.rows[case], result.figure)
            was, now = committed.boards[case.board].compiler, result.board.compiler
            found += [f"counted with {now}, committed is {was}"] if found and was != now else []
        row = str(case) if isinstance(result, Exception) else table_row(case, result.figure)
        print(f"{number}/{len(chosen)} {row}", flush=True)
        for line in found:
            print(f"    {line}", flush=True)
        failed += bool(found)
    if failed:
        print(f"{failed} of {len(chosen)} are not as committed; {REMEDY}")
    return failed


def main(arguments: list[str] | None = None) -> int:
    """Count and write, or count and compare; 1 if a case failed or differs."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("models", nargs="*", metavar="MODEL")
    parser.add_argument("--board", action="append", default=[], choices=BOARDS, metavar="ID")
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    parser.add_argument(
        "--tables", action="store_true", help="the tables from the file, run nothing"
    )
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="at once; 2 by default")
    wanted = parser.parse_args(arguments)
    chosen = [] if wanted.tables else select(wanted.models, wanted.board)
    flow = check if wanted.check else renew
    return 1 if flow(chosen, wanted.jobs) else 0


if __name__ == "__main__":
    sys.exit(main())
