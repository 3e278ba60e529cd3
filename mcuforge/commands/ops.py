# SPDX-License-Identifier: Apache-2.0
"""The command `ops`: what mcuforge takes, or what stands in the way of one model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from mcuforge.compiler.frontends.common import OperatorSupport, SupportedOperator
from mcuforge.compiler.frontends.detect import is_onnx, read_file
from mcuforge.compiler.frontends.onnx import reader as onnx
from mcuforge.compiler.frontends.onnx.reader import survey_onnx
from mcuforge.compiler.frontends.tflite.reader import SUPPORTED, survey
from mcuforge.report.files import write_json
from mcuforge.runtime_c.sources import isas, kernel_names, kernels_dir


def whole_column(header: str) -> Column:
    """A column whose words are to be copied: never cut, however narrow the terminal."""
    return Column(header, no_wrap=True)


def ops(model: Path | None, json_file: Path | None, console: Console) -> int:
    """The operator table, or a model's operators with everything refused; 1 when any is."""
    if model is None:
        return _operator_table(json_file, console)
    found = survey_model(model)
    if json_file is not None:
        content = {"operators": [asdict(support) for support in found]}
        write_json(content, json_file)
    table = Table("#", whole_column("operator"), "output", "shape", "dtype", "", box=None)
    for support in found:
        table.add_row(
            str(support.index) if support.index >= 0 else "",
            escape(support.operator),
            escape(support.output),
            "x".join(str(d) for d in support.output_shape),
            support.dtype,
            "[green]ok[/green]" if support.supported else "[red]refused[/red]",
        )
    console.print(table)
    refused = [support for support in found if not support.supported]
    alike: dict[tuple[str, str], list[OperatorSupport]] = {}
    for support in refused:
        alike.setdefault((support.what, support.hint), []).append(support)
    for supports in alike.values():
        _print_refusal(supports, console)
    summary = f"{len(refused)} of {len(found)} operators are refused"
    if not refused:
        summary = f"all {len(found)} operators are supported"
    console.print(summary, highlight=False)
    return 1 if refused else 0


def survey_model(model: Path) -> tuple[OperatorSupport, ...]:
    """Every operator of a model file of either format, with what is wrong with it."""
    if model.suffix == ".onnx" or is_onnx(read_file(model)):
        return survey_onnx(model)
    return survey(model)


def _print_refusal(supports: list[OperatorSupport], console: Console) -> None:
    """Three lines for all operators that are refused for one reason."""
    first, others = supports[0], ", ".join(str(s.index) for s in supports[1:] if s.index >= 0)
    for label, text in (
        ("error:", first.what),
        ("where:", first.where + (f"; the same in operators {others}" if others else "")),
        ("try:  ", first.hint),
    ):
        console.print(f"{label} {text}", markup=False, highlight=False, soft_wrap=True)


def _operator_table(json_file: Path | None, console: Console) -> int:
    own = {isa: {p.stem for p in (kernels_dir() / isa).glob("*.c")} for isa in isas()}
    if json_file is not None:
        content = {
            "operators": _as_json(SUPPORTED),
            "onnx": _as_json(onnx.SUPPORTED),
            "kernels": {k: [isa for isa in own if k in own[isa]] for k in kernel_names()},
        }
        write_json(content, json_file)
    for title, supported in (("TFLite", SUPPORTED), ("ONNX", onnx.SUPPORTED)):
        table = Table(whole_column(f"{title} operator"), "becomes", "takes", "note", box=None)
        for name, entry in supported.items():
            table.add_row(name, ", ".join(entry.ops), ", ".join(entry.dtypes), escape(entry.note))
        console.print(table)
    kernels = Table(whole_column("kernel"), *own, box=None)
    for kernel in kernel_names():
        kernels.add_row(kernel, *("own" if kernel in own[isa] else "portable" for isa in own))
    console.print(kernels)
    return 0


def _as_json(supported: Mapping[str, SupportedOperator]) -> dict[str, dict[str, object]]:
    return {
        name: {"ops": entry.ops, "dtypes": entry.dtypes, "note": entry.note}
        for name, entry in supported.items()
    }
