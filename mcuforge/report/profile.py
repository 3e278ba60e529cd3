# SPDX-License-Identifier: Apache-2.0
"""Tables of what each layer and each operator of an inference costs."""

from rich.markup import escape
from rich.table import Column, Table

from mcuforge.report.console import figure_columns, layer_columns, whole_column
from mcuforge.report.model import CycleEstimate, LayerFacts, OperatorFacts, per_mac

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
            *_named(layer),
            *(("x".join(map(str, layer.shape)),) if shapes else ()),
            _macs(layer.macs),
            "" if cost is None else f"{cost:,}",
            _ratio(layer.instructions_per_mac),
            "" if cost is None or not total else _share(cost, total),
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
            _macs(x.macs),
            f"{x.instructions:,}",
            _ratio(x.instructions_per_mac),
            _share(x.share, 1),
        )
    return table


def cycles_table(estimate: CycleEstimate, layers: tuple[LayerFacts, ...]) -> Table:
    """One row per layer of the same bench: MACs, estimated cycles, their share."""
    figures = figure_columns("MACs", "estimated cycles", "per MAC", "share")
    table = Table(*layer_columns(), *figures, box=None)
    for layer, own in zip(layers, estimate.layers, strict=True):
        share = _share(own.cycles, max(estimate.cycles, 1))
        cost = (f"{own.cycles:,}", _ratio(own.cycles_per_mac), share)
        table.add_row(*_named(layer), _macs(layer.macs), *cost)
    return table


def _named(layer: LayerFacts) -> tuple[str, str, str]:
    """The cells of `layer_columns`."""
    return str(layer.index), escape(layer.name), layer.op


def _macs(macs: int) -> str:
    return f"{macs:,}" if macs else ""


def _ratio(ratio: float | None) -> str:
    return "" if ratio is None else f"{ratio:.2f}"


def _share(part: float, whole: float) -> str:
    return f"{100 * part / whole:.1f} %"
