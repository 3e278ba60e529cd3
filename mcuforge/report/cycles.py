# SPDX-License-Identifier: Apache-2.0
"""Prints estimated cycles; every line says that the figures are estimates."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from mcuforge.report.console import figure_columns, layer_columns
from mcuforge.report.model import CycleEstimate, LayerFacts


def print_cycles(estimate: CycleEstimate, layers: tuple[LayerFacts, ...], console: Console) -> None:
    """Print one row per layer, then the whole estimate with its error.

    layers: the same layers as in the report of the bench.
    """
    console.print()
    console.print(_table(estimate, layers))
    console.print()
    for label, text in (("estimate", cycles_words(estimate)), ("error", error_words(estimate))):
        console.print(f"{label + ':':<9} {escape(text)}", highlight=False, soft_wrap=True)


def cycles_words(estimate: CycleEstimate) -> str:
    """'5,217,424 estimated cycles per inference, 1.96 per MAC, ...'."""
    words = f"{estimate.cycles:,} estimated cycles per inference"
    if estimate.cycles_per_mac is not None:
        words += f", {estimate.cycles_per_mac:.2f} per MAC"
    words += f", {estimate.cycles_per_instruction:.2f} per instruction"
    if estimate.milliseconds is not None and estimate.clock_hz is not None:
        clock = f"{estimate.clock_hz / 1e6:g} MHz"
        words += f"; at {clock} estimated {estimate.milliseconds:,.2f} ms"
    return f"{words} ({estimate.core}, not measured)"


def error_words(estimate: CycleEstimate) -> str:
    """What the estimate leaves out, and how far published figures were from such estimates."""
    below, above = estimate.error.below_percent, estimate.error.above_percent
    return (
        "memory without wait states; published cycles of other engines were from "
        f"{below} % below to {above} % above such estimates (docs/cycles.md)"
    )


def _table(estimate: CycleEstimate, layers: tuple[LayerFacts, ...]) -> Table:
    figures = figure_columns("MACs", "estimated cycles", "per MAC", "share")
    table = Table(*layer_columns(), *figures, box=None)
    for layer, own in zip(layers, estimate.layers, strict=True):
        table.add_row(
            str(layer.index),
            escape(layer.name),
            layer.op,
            f"{layer.macs:,}" if layer.macs else "",
            f"{own.cycles:,}",
            "" if own.cycles_per_mac is None else f"{own.cycles_per_mac:.2f}",
            f"{100 * own.cycles / max(estimate.cycles, 1):.1f} %",
        )
    return table
