# SPDX-License-Identifier: Apache-2.0
"""Commands that look without running anything: compile, plan, boards, doctor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from mcuforge.boards.build.project import write_project
from mcuforge.boards.catalog.board import Board, all_boards, load_board
from mcuforge.boards.doctor import tools
from mcuforge.commands.deploy import board_facts
from mcuforge.commands.ops import whole_column
from mcuforge.compiler.codegen.model import GeneratedModel, example_main
from mcuforge.compiler.compile import PlanOptions, refuse_over_budget
from mcuforge.compiler.judges.interpreters import EXACT, Interpreter, installed
from mcuforge.compiler.judges.onnx import peer_name
from mcuforge.flow.session import (
    compile_session,
    layer_facts,
    model_facts,
    open_session,
    plan_facts,
    ram_budget,
    runs_emulated,
)
from mcuforge.picture.adapter import picture_of, slot_names
from mcuforge.picture.letters import WIDTH, draw
from mcuforge.picture.table import plan_table
from mcuforge.picture.write import html, svg
from mcuforge.report.files import refuse_unwritable, write_json, write_whole
from mcuforge.report.text import region_words


def compile_to_folder(
    model: Path,
    board_id: str,
    out: Path,
    options: PlanOptions,
    dump_passes: Path | None,
    console: Console,
) -> None:
    """Write the C, the kernels it calls and a main.c as a PlatformIO project in `out`."""
    session = open_session(model, board_id, emulate=runs_emulated(board_id))
    compiled = compile_session(session, options, dump_passes)
    refuse_over_budget(compiled, session.board.id)
    generated = compiled.model
    files = {**generated.files, "main.c": example_main(generated)}
    write_project(out, session.board, files, generated.kernels, firmware=False)
    console.print(
        f"{escape(str(out))}: {escape(session.path.name)} for {session.board.id} as C99",
        highlight=False,
    )
    console.print(
        f"arena {generated.arena_bytes:,} bytes, constants {weights_words(generated)}, "
        f"{len(generated.layers)} layers, {len(generated.kernels)} kernels",
        highlight=False,
    )
    console.print(
        "src/model.c, src/weights.c, src/kernels/ and include/model.h with the headers beside it: "
        "the model, for any C99 compiler; src/main.c: its use",
        highlight=False,
        soft_wrap=True,
    )
    outside = {m.name for m in session.board.flash_regions if m.external}
    for region in sorted(outside & generated.further_weights.keys()):
        console.print(f"map {region} into memory before the first inference", highlight=False)
    emulator = session.board.emulator
    target = board_id if emulator is None else f"QEMU's {emulator.machine.partition(',')[0]}"
    console.print(
        f"`pio run` builds it for {target}: start-up code in src/bsp, linker script board.ld",
        highlight=False,
        soft_wrap=True,
    )


def plan(
    model: Path,
    board_id: str,
    options: PlanOptions,
    json_file: Path | None,
    console: Console,
    *,
    svg_file: Path | None = None,
    html_file: Path | None = None,
) -> int:
    """Print the plan as a table and a map and draw it where asked; 0, or CompileError.

    A plan over the board's RAM is shown before it is refused: that is when to look at it.
    """
    for file in (json_file, svg_file, html_file):
        refuse_unwritable(file)
    session = open_session(model, board_id, emulate=runs_emulated(board_id))
    compiled = compile_session(session, options)
    facts, layers = plan_facts(compiled), layer_facts(compiled, None)
    if json_file is not None:
        content = {
            "model": asdict(model_facts(session)),
            "board": asdict(board_facts(session)),
            "plan": asdict(facts),
            "buffers": [
                {
                    "name": b.name,
                    "bytes": b.bytes,
                    "begin": b.begin,
                    "end": b.end,
                    "region": compiled.plan.placements[b.name].region,
                    "offset": compiled.plan.placements[b.name].offset,
                }
                for b in compiled.problem.buffers
            ],
            "layers": [asdict(layer) for layer in layers],
        }
        write_json(content, json_file)
    picture = picture_of(session, compiled)
    drawings = [(f, draw_as(picture)) for f, draw_as in ((svg_file, svg), (html_file, html)) if f]
    for file, text in drawings:
        write_whole(file, text)
    console.print(plan_table(picture, console.width if console.is_terminal else None))
    width = console.width if console.is_terminal else WIDTH
    console.print(
        draw(compiled.problem, compiled.plan, width=width, steps=slot_names(compiled)),
        markup=False,
        highlight=False,
        soft_wrap=True,
    )
    budget = options.ram_budget or ram_budget(session.board)
    quality = "optimal" if facts.optimal else f"lower bound {facts.lower_bound:,}"
    console.print(
        f"arena {region_words(facts)}, of {budget:,} ({quality}, "
        f"{facts.solver}); decided by {escape(facts.deciding_layer)}",
        highlight=False,
        soft_wrap=True,
    )
    console.print(f"weights {weights_words(compiled.model)}", highlight=False, soft_wrap=True)
    refuse_over_budget(compiled, session.board.id)
    return 0


def weights_words(model: GeneratedModel) -> str:
    """'1,200,000 bytes, 300,000 of them in qspi': the constants, and what lies elsewhere."""
    further = model.further_weights.items()
    beside = "".join(f", {count:,} of them in {region}" for region, count in further)
    return f"{model.weights_bytes:,} bytes{beside}"


def boards(board_id: str | None, json_file: Path | None, console: Console) -> None:
    """The catalog as a table, or one board in full."""
    chosen = all_boards() if board_id is None else (load_board(board_id),)
    if json_file is not None:
        content = {"boards": [asdict(board) for board in chosen]}
        write_json(content, json_file)
    if board_id is not None:
        _print_board(chosen[0], console)
        return
    name = Column("name", overflow="fold")
    words = (
        whole_column("id"),
        name,
        whole_column("cpu"),
        "RAM KiB",
        "flash KiB",
        "also",
        whole_column("runs"),
    )
    table = Table(*words, box=None)
    for board in chosen:
        table.add_row(
            board.id,
            escape(board.name),
            board.cpu,
            f"{board.ram_bytes // 1024}",
            f"{board.flash_bytes // 1024}",
            ", ".join(f"{name} {size // 1024}" for name, size in _further(board)),
            _how(board).partition(" ")[0],
        )
    console.print(table)


def _further(board: Board) -> list[tuple[str, int]]:
    """Name and bytes of the memories behind a gap, for arenas and weights only."""
    runs = (*board.runs("ram")[1:], *board.runs("flash")[1:])
    return [(memory.name, memory.bytes) for run in runs for memory in run]


def _how(board: Board) -> str:
    if board.emulator is not None:
        return "emulated"
    return f"--emulate ({board.stand_in})" if board.stand_in is not None else "hardware"


def _print_board(board: Board, console: Console) -> None:
    lines = [
        f"{board.id}: {board.name}",
        f"{board.cpu} at {board.clock_hz / 1e6:g} MHz, kernels {board.isa}, {_how(board)}",
        f"budget of the image: RAM {board.ram_bytes:,} bytes, flash {board.flash_bytes:,} bytes",
    ]
    lines += [
        f"  {m.name}: {m.kind} at 0x{m.origin:08x}, {m.bytes:,} bytes, speed {m.speed}"
        f"{', external' if m.external else ''}"
        for m in board.memory
    ]
    lines += [f"compiler: {board.toolchain.prefix}gcc {' '.join(board.toolchain.flags)}"]
    lines += [f"source: {board.source}"]
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def doctor(json_file: Path | None, console: Console) -> int:
    """What this machine has; 1 when something every emulated deploy needs is missing."""
    found = tools(all_boards())
    if json_file is not None:
        tool_facts = [asdict(tool) for tool in found]
        interpreters = installed()
        names = {
            "reference": interpreters[0].name if interpreters else None,
            "interpreters": [
                {"name": one.name, "differs_in": list(differing_operators(one))}
                for one in interpreters
            ],
            "peer": peer_name(),
        }
        write_json({"tools": tool_facts} | names, json_file)
    table = Table("", whole_column("tool"), "for", "found", "remedy", box=None)
    for tool in found:
        mark = "[green]ok[/green]" if tool.ok else "[red]missing[/red]"
        words = (tool.name, tool.purpose, tool.found, tool.remedy)
        table.add_row(mark, *(escape(word) for word in words))
    console.print(table)
    for line in judge_lines(installed()):
        console.print(line, highlight=False, soft_wrap=True)
    peer = peer_name() or "none: without onnxruntime no ONNX model is judged"
    console.print(f"beside it, for ONNX models: {peer}", highlight=False)
    return 0 if all(tool.ok for tool in found) else 1


def differing_operators(interpreter: Interpreter) -> tuple[str, ...]:
    """Operators that an interpreter computes otherwise than tflite-runtime 2.14.

    Without those of which only a special form differs: uint8, a slope below zero.
    """
    return tuple(d.operator for d in interpreter.deviations if d.applies is None)


def judge_lines(interpreters: Sequence[Interpreter]) -> list[str]:
    """Who judges a TFLite model on this machine, one line per interpreter."""
    lines = []
    for interpreter in interpreters:
        differs = ", ".join(differing_operators(interpreter))
        but = f", except for models with {differs}" if differs else ""
        lines.append(f"judge of TFLite models: {interpreter.name}{but}")
        if not differs:
            return lines
    models = "all others" if interpreters else "TFLite models"
    lines.append(
        f"judge of {models}: mcuforge's own integer reference, which equals {EXACT} in every "
        "golden case; an interpreter that runs the model is shown beside it"
    )
    return lines
