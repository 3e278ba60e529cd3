# SPDX-License-Identifier: Apache-2.0
"""Tables of what each layer and each operator of an inference costs."""

from collections.abc import Iterable, Sequence

from rich.markup import escape
from rich.table import Column, Table

from mcuforge.report.console import figure_columns, layer_columns, whole_column
from mcuforge.report.model import CycleEstimate, LayerFacts, OperatorFacts, per_mac

SHAPE_COLUMNS, BAR_COLUMNS = 100, 120  # terminal widths from which they are shown
BAR = 20  # characters of the most expensive layer's bar


def operator_facts(layers: tuple[LayerFacts, ...]) -> tuple[OperatorFacts, ...]:
    """Sum measured layers by operator, the most expensive first."""
    total = sum(layer.cost or 0 for layer in layers)
    ranked = []
    for op in dict.fromkeys(layer.op for layer in layers):
        own = [layer for layer in layers if layer.op == op]
        macs, cost = sum(x.macs for x in own), sum(x.cost or 0 for x in own)
        instructions = _whole(x.instructions for x in own)
        cycles = _whole(x.cycles for x in own)
        facts = OperatorFacts(
            op=op,
            layers=len(own),
            macs=macs,
            instructions=instructions,
            instructions_per_mac=per_mac(instructions, macs),
            share=round(cost / total, 4) if total else 0.0,
            cycles=cycles,
            cycles_per_mac=per_mac(cycles, macs),
            microseconds=_sum(x.microseconds for x in own),
        )
        ranked.append((-cost, op, facts))
    return tuple(facts for _, _, facts in sorted(ranked, key=lambda x: x[:2]))


def cost_unit(layers: Sequence[LayerFacts | OperatorFacts]) -> str:
    """Name what `cost` counts, as the head of a column: instructions, cycles, or us."""
    if any(layer.cycles is not None for layer in layers):
        return "cycles"
    return "us" if any(layer.microseconds is not None for layer in layers) else "instructions"


def layer_table(layers: tuple[LayerFacts, ...], columns: int) -> Table:
    """One row per layer (operator, MACs, cost, share, live arena bytes), and their sum.

    columns: width of the terminal. A wide one also shows output shapes, a very wide one bars.
    """
    shapes, bars = columns >= SHAPE_COLUMNS, columns >= BAR_COLUMNS
    table = Table(
        *layer_columns(),
        *([whole_column("output")] if shapes else []),
        *figure_columns("MACs", cost_unit(layers), "per MAC", "share", "RAM"),
        *([whole_column("")] if bars else []),
        box=None,
    )
    total = sum(layer.cost or 0 for layer in layers)
    most = max((layer.cost or 0 for layer in layers), default=0)
    for layer in layers:
        cost = layer.cost
        table.add_row(
            *_named(layer),
            *(("x".join(map(str, layer.shape)),) if shapes else ()),
            _macs(layer.macs),
            "" if cost is None else f"{cost:,}",
            _ratio(_per_mac(layer)),
            "" if cost is None or not total else _share(cost, total),
            f"{layer.ram_live:,}",
            *(("#" * round(BAR * (cost or 0) / most) if most else "",) if bars else ()),
        )
    if total:
        macs = sum(layer.macs for layer in layers)
        blank = ("",) if shapes else ()
        ratio = f"{total / macs:.2f}" if macs and cost_unit(layers) != "us" else ""
        whole = f"{round(total, 3):,}"
        table.add_row("", "total", "", *blank, f"{macs:,}", whole, ratio, "100.0 %")
    return table


def operator_table(operators: tuple[OperatorFacts, ...]) -> Table:
    """One row per operator: layers, MACs, cost, cost per MAC, share."""
    unit = cost_unit(operators)
    figures = figure_columns("layers", "MACs", unit, "per MAC", "share")
    table = Table(Column("operator", overflow="fold"), *figures, box=None)
    for x in operators:
        costs = {"instructions": x.instructions, "cycles": x.cycles, "us": x.microseconds}
        table.add_row(
            x.op,
            str(x.layers),
            _macs(x.macs),
            f"{costs[unit] or 0:,}",
            _ratio(_per_mac(x)),
            _share(x.share, 1),
        )
    return table


def _per_mac(facts: LayerFacts | OperatorFacts) -> float | None:
    per_instruction = facts.instructions_per_mac
    return facts.cycles_per_mac if per_instruction is None else per_instruction


def _whole(costs: Iterable[int | None]) -> int | None:
    """Sum what every layer of a run has, or none has."""
    found = [cost for cost in costs if cost is not None]
    return sum(found) if found else None


def _sum(times: Iterable[float | None]) -> float | None:
    found = [time for time in times if time is not None]
    return round(sum(found), 3) if found else None


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
