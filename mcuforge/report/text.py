# SPDX-License-Identifier: Apache-2.0
"""Reports as tables for a terminal or a log."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from mcuforge.bench import BenchReport
from mcuforge.check import CheckReport
from mcuforge.report.model import BoardFacts, Check, LayerFacts, ModelFacts, Report, Run


def print_report(report: Report, console: Console) -> None:
    """The report of a deploy: model, memory, answers, cost, verdict."""
    _print_title(report.model, report.board, console)
    board = report.board
    console.print(
        f"{report.model.ops} operators, {report.model.macs:,} MACs, "
        f"{report.model.parameters:,} parameters; {board.cpu}, kernels {board.isa}, "
        f"{escape(report.toolchain.compiler)} {report.toolchain.version}",
        highlight=False,
    )
    console.print(_memory_table(report))
    plan = report.plan
    quality = "optimal" if plan.optimal else f"lower bound {plan.lower_bound:,}"
    console.print(
        f"arena {plan.peak:,} bytes ({quality}, {plan.solver}), "
        f"decided by {escape(plan.deciding_layer)}",
        highlight=False,
        soft_wrap=True,
    )
    _print_answers(report.check, console)
    _print_cost(report.run, console)
    _print_verdict(report.verdict, report.reasons, console)


def print_check(report: CheckReport, console: Console) -> None:
    """The report of a check: answers and verdict."""
    _print_title(report.model, report.board, console)
    _print_answers(report.check, console)
    _print_verdict(report.verdict, report.reasons, console)


def print_bench(report: BenchReport, console: Console) -> None:
    """The report of a bench: layers, then the whole."""
    _print_title(report.model, report.board, console)
    console.print(layer_table(report.layers))
    _print_cost(report.run, console)


def _print_title(model: ModelFacts, board: BoardFacts, console: Console) -> None:
    where = f"emulated on {board.stand_in}" if board.emulated else "hardware"
    console.print(f"[bold]{escape(model.name)}[/bold] on [bold]{board.id}[/bold] ({where})")


def _print_verdict(verdict: str, reasons: tuple[str, ...], console: Console) -> None:
    colour = "green" if verdict == "pass" else "red"
    console.print(f"verdict: [bold {colour}]{verdict}[/bold {colour}]")
    for reason in reasons:
        console.print(f"  {escape(reason)}", highlight=False, soft_wrap=True)


def _memory_table(report: Report) -> Table:
    table = Table("", "used for the model", "total", "budget", "test firmware", box=None)
    for column in table.columns[2:]:
        column.justify = "right"
    ram, flash = report.ram, report.flash
    painted = "" if ram.stack_painted is None else f" (painted {ram.stack_painted:,})"
    table.add_row(
        "RAM",
        f"arena {ram.arena:,} + static {ram.static:,} + stack {ram.stack:,}{painted}",
        f"{ram.total:,}",
        f"{ram.budget:,}",
        f"+{ram.test_firmware:,}",
    )
    table.add_row(
        "flash",
        f"weights {flash.weights:,} + code {flash.code:,}",
        f"{flash.total:,}",
        f"{flash.budget:,}",
        f"+{flash.test_firmware:,}",
    )
    return table


def _print_answers(check: Check, console: Console) -> None:
    console.print(
        f"answers: {check.exact_samples} of {check.samples} samples exact, "
        f"{check.mismatched_elements} elements differ (largest difference {check.max_abs_diff:g}) "
        f"from {escape(check.reference)}",
        highlight=False,
        soft_wrap=True,
    )
    console.print(f"samples: {escape(check.data)}", highlight=False)
    if check.accuracy is not None and check.reference_accuracy is not None:
        console.print(
            f"accuracy: {check.accuracy:.4f}, reference {check.reference_accuracy:.4f}",
            highlight=False,
        )


def _print_cost(run: Run, console: Console) -> None:
    if run.instructions is not None:
        per_mac = (
            "" if run.instructions_per_mac is None else f", {run.instructions_per_mac:.2f}/MAC"
        )
        console.print(
            f"cost: {run.instructions:,} instructions per inference{per_mac} (emulated, not time)",
            highlight=False,
        )
    if run.microseconds is not None:
        console.print(f"cost: {run.microseconds:,.0f} us per inference", highlight=False)


def layer_table(layers: tuple[LayerFacts, ...]) -> Table:
    """Per layer: operator, MACs, instructions, instructions per MAC, share, arena bytes alive."""
    table = Table("#", "layer", "op", "MACs", "instructions", "per MAC", "share", "RAM", box=None)
    for column in table.columns[3:]:
        column.justify = "right"
    table.columns[1].overflow = "ellipsis"
    table.columns[1].max_width = 40
    total = sum(layer.instructions or 0 for layer in layers)
    for layer in layers:
        cost = layer.instructions
        table.add_row(
            str(layer.index),
            escape(layer.name),
            layer.op,
            f"{layer.macs:,}" if layer.macs else "",
            "" if cost is None else f"{cost:,}",
            "" if cost is None or not layer.macs else f"{cost / layer.macs:.2f}",
            "" if cost is None or not total else f"{100 * cost / total:.1f} %",
            f"{layer.ram_live:,}",
        )
    macs = sum(layer.macs for layer in layers)
    if total:
        per_mac = f"{total / macs:.2f}" if macs else ""
        table.add_row("", "total", "", f"{macs:,}", f"{total:,}", per_mac, "100.0 %", "")
    return table
