# SPDX-License-Identifier: Apache-2.0
"""`mcuforge compile`: the model as C, to put into the user's own firmware."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from rich.console import Console
from rich.markup import escape
from typer import Option

from mcuforge.commands.options import BoardId, DumpPasses, Model, SignatureName, with_flags
from mcuforge.report.console import open_console

if TYPE_CHECKING:
    from mcuforge.compiler.compile import PlanOptions
    from mcuforge.flow.gate import PlanLimits


@dataclass(frozen=True)
class Request:
    """The arguments of `mcuforge compile`."""

    model: Model
    board: BoardId
    _: KW_ONLY
    out: Annotated[Path, Option("--out", "-o", metavar="DIR", help="Folder to write.")]
    signature: SignatureName = None
    options: PlanOptions | None = None
    plan_limits: PlanLimits | None = None
    dump_passes: DumpPasses = None


def compile_to_folder(request: Request, console: Console) -> None:
    """Write the C, the kernels it calls and a main.c as a PlatformIO project in `request.out`.

    Raises CompileError or BoardError, as do an exceeded limit and a folder that holds other
    files; nothing is written then.
    """
    from mcuforge.boards.build.project import write_project
    from mcuforge.compiler.codegen.model import example_main
    from mcuforge.compiler.compile import refuse_over_budget
    from mcuforge.flow.firmware import outside_weights
    from mcuforge.flow.gate import PlanLimits, gate_plan, refuse_over_limits
    from mcuforge.flow.session import compile_session, open_session
    from mcuforge.report.gate_text import print_limits
    from mcuforge.report.text import weights_words

    session = open_session(request.model, request.board, signature=request.signature)
    compiled = compile_session(session, request.options, request.dump_passes)
    refuse_over_budget(compiled, session.board.id)
    generated = compiled.model
    gate = gate_plan(compiled, generated.weights_bytes, request.plan_limits or PlanLimits())
    refuse_over_limits(gate, compiled)
    files = {**generated.files, "main.c": example_main(generated)}
    unmapped = {m.name for m in session.board.flash_memories if m.external}
    unmapped -= {controller.memory for controller in session.board.controllers}
    flashed = outside_weights(session.board, compiled)
    write_project(
        request.out,
        session.board,
        files,
        generated.kernels,
        firmware=False,
        outside=bool(flashed),
    )
    emulator = session.board.emulator
    target = request.board if emulator is None else f"QEMU's {emulator.machine.partition(',')[0]}"
    weights = weights_words(generated.weights_bytes, generated.further_weights)
    for line in (
        f"{escape(str(request.out))}: {escape(session.path.name)} for {session.board.id} as C99",
        f"arena {generated.arena_bytes:,} bytes, constants {weights}, "
        f"{len(generated.layers)} layers, {len(generated.kernels)} kernels",
        "src/model.c, src/weights.c, src/kernels/ and include/model.h with the headers beside it: "
        "the model, for any C99 compiler; src/main.c: an example of its use",
        *(
            f"map {region} into memory before the first inference"
            for region in sorted(unmapped & generated.further_weights.keys())
        ),
        *(
            f"start-up code sets {region} up; in your own firmware, "
            f"map {region} into memory before the first inference"
            for region in sorted(flashed.keys() - unmapped)
        ),
        f"`pio run` builds it for {target}: start-up code in src/bsp, linker script board.ld",
    ):
        console.print(line, highlight=False, soft_wrap=True)
    print_limits(gate.limits, console)


@with_flags
def command(request: Request) -> None:
    """Write the model as C with a main.c that shows its use, to put into your own firmware."""
    compile_to_folder(request, open_console())
