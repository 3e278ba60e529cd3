# SPDX-License-Identifier: Apache-2.0
"""Tables of what each layer and each operator of an inference costs."""

from __future__ import annotations

from rich.markup import escape
from rich.table import Column, Table

from mcuforge.report.console import figure_columns, layer_columns, whole_column
from mcuforge.report.model import LayerFacts, OperatorFacts, per_mac

SHAPE_COLUMNS, BAR_COLUMNS = 100, 120  # terminal widths from which they are shown
BAR = 20  # characters of the most expensive layer's bar


def operator_facts(layers: tuple[LayerFacts, ...]) -> tuple[OperatorFacts, ...]:
    """Sum counted layers by operator, most instructions first."""
    total = sum(layer.instructions or 0 for layer in layers)
    facts = []
    for op in dict.fromkeys(layer.op for layer in layers):
        own = [layer for layer in layers if layer.op == op]
        macs, cost = sum(x.macs for x in own), sum(x.instructions or 0 for x in own)
        share = round(cost / total, 4) if total else 0.0
        facts.append(OperatorFacts(op, len(own), macs, cost, per_mac(cost, macs), share))
    return tuple(sorted(facts, key=lambda x: (-x.instructions, x.op)))


def layer_table(layers: tuple[LayerFacts, ...], columns: int) -> Table:
    """One row per layer (operator, MACs, instructions, share, live arena bytes), and their sum.

    columns: width of the terminal. A wide one also shows output shapes, a very wide one bars.
    """
    shapes, bars = columns >= SHAPE_COLUMNS, columns >= BAR_COLUMNS
    table = Table(
        *layer_columns(),
        *([whole_column("output")] if shapes else []),
        *figure_columns("MACs", "instructions", "per MAC", "share", "RAM"),
        *([whole_column("")] if bars else []),
        box=None,
    )
    total = sum(layer.instructions or 0 for layer in layers)
    most = max((layer.instructions or 0 for layer in layers), default=0)
    for layer in layers:
        cost = layer.instructions
        table.add_row(
            str(layer.index),
            escape(layer.name),
            layer.op,
            *(("x".join(map(str, layer.shape)),) if shapes else ()),
            f"{layer.macs:,}" if layer.macs else "",
            "" if cost is None else f"{cost:,}",
            "" if layer.instructions_per_mac is None else f"{layer.instructions_per_mac:.2f}",
            "" if cost is None or not total else f"{100 * cost / total:.1f} %",
            f"{layer.ram_live:,}",
            *(("#" * round(BAR * (cost or 0) / most) if most else "",) if bars else ()),
        )
    if total:
        macs = sum(layer.macs for layer in layers)
        blank = ("",) if shapes else ()
        ratio = f"{total / macs:.2f}" if macs else ""
        table.add_row("", "total", "", *blank, f"{macs:,}", f"{total:,}", ratio, "100.0 %")
    return table


def operator_table(operators: tuple[OperatorFacts, ...]) -> Table:
    """One row per operator: layers, MACs, instructions, instructions per MAC, share."""
    figures = figure_columns("layers", "MACs", "instructions", "per MAC", "share")
    table = Table(Column("operator", overflow="fold"), *figures, box=None)
    for x in operators:
        table.add_row(
            x.op,
            str(x.layers),
            f"{x.macs:,}" if x.macs else "",
            f"{x.instructions:,}",
            "" if x.instructions_per_mac is None else f"{x.instructions_per_mac:.2f}",
            f"{100 * x.share:.1f} %",
        )
    return table
