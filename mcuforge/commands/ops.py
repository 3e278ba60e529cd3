# SPDX-License-Identifier: Apache-2.0
"""`mcuforge ops`: the operators mcuforge takes, or what stands in the way of one model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from typer import Argument

from mcuforge.commands.options import Json, SignatureName
from mcuforge.report.console import open_console, whole_column
from mcuforge.report.files import write_json
from mcuforge.report.model import ModelOperators, OperatorTable
from mcuforge.runtime_c.sources import isas, kernel_names, kernels_dir

if TYPE_CHECKING:
    from mcuforge.compiler.frontends.common import OperatorSupport


def operator_table() -> OperatorTable:
    """List the operators of both formats, and the kernels with the ISAs that have them."""
    from mcuforge.compiler.frontends.onnx import reader as onnx
    from mcuforge.compiler.frontends.tflite import reader as tflite

    own = {isa: {p.stem for p in (kernels_dir() / isa).glob("*.c")} for isa in isas()}
    return OperatorTable(
        operators=dict(tflite.SUPPORTED),
        onnx=dict(onnx.SUPPORTED),
        kernels={k: tuple(isa for isa in own if k in own[isa]) for k in kernel_names()},
    )


def print_survey(found: ModelOperators, console: Console) -> None:
    """Print a model's operators, three lines for every reason to refuse some, and what to do."""
    table = Table("#", whole_column("operator"), "output", "shape", "dtype", "", box=None)
    for support in found.operators:
        table.add_row(
            str(support.index) if support.index >= 0 else "",
            escape(support.operator),
            escape(support.output),
            "x".join(str(d) for d in support.output_shape),
            support.dtype,
            "[green]ok[/green]" if support.supported else "[red]refused[/red]",
        )
    console.print(table)
    refused = [support for support in found.operators if not support.supported]
    alike: dict[tuple[str, str], list[OperatorSupport]] = {}
    for support in refused:
        alike.setdefault((support.what, support.hint), []).append(support)
    for supports in alike.values():
        _print_refusal(supports, console)
    summary = f"{len(refused)} of {len(found.operators)} operators are refused"
    if not refused:
        summary = f"all {len(found.operators)} operators are supported"
    console.print(summary, highlight=False)
    console.print(found.next_steps, markup=False, highlight=False, soft_wrap=True)
    if len(found.signatures) > 1:
        names = ", ".join(found.signatures)
        words = f"these are of signature {found.signature}; the file has {names}"
        console.print(f"{words}: --signature chooses", markup=False, highlight=False)


def _print_refusal(supports: list[OperatorSupport], console: Console) -> None:
    """Print three lines for all operators that are refused for one reason."""
    first, others = supports[0], ", ".join(str(s.index) for s in supports[1:] if s.index >= 0)
    for label, text in (
        ("error:", first.what),
        ("where:", first.where + (f"; the same in operators {others}" if others else "")),
        ("try:  ", first.hint),
    ):
        console.print(f"{label} {text}", markup=False, highlight=False, soft_wrap=True)


def print_operators(found: OperatorTable, console: Console) -> None:
    """Print the operators of each format, then the kernels by instruction set."""
    for title, supported in (("TFLite", found.operators), ("ONNX", found.onnx)):
        table = Table(whole_column(f"{title} operator"), "becomes", "takes", "note", box=None)
        for name, entry in supported.items():
            table.add_row(name, ", ".join(entry.ops), ", ".join(entry.dtypes), escape(entry.note))
        console.print(table)
    kernels = Table(whole_column("kernel"), *isas(), box=None)
    for kernel, own in found.kernels.items():
        kernels.add_row(kernel, *("own" if isa in own else "portable" for isa in isas()))
    console.print(kernels)


def command(
    model: Annotated[
        Path | None,
        Argument(metavar="MODEL", help="A .tflite or .onnx file to check; none: the whole table."),
    ] = None,
    signature: SignatureName = None,
    json: Json = None,
) -> None:
    """List the operators mcuforge takes; with MODEL, every one it does not take and why."""
    if model is None:
        table = operator_table()
        write_json(table, json)
        print_operators(table, open_console())
        return
    from mcuforge.compiler.frontends import survey_model
    from mcuforge.flow.next_steps import next_steps

    survey = survey_model(model, signature)
    operators = tuple(survey.rows)
    steps = next_steps(operators, model.name)
    found = ModelOperators(operators, steps, survey.signature, survey.signatures)
    write_json(found, json)
    print_survey(found, open_console())
    raise typer.Exit(0 if all(support.supported for support in found.operators) else 1)
