# SPDX-License-Identifier: Apache-2.0
"""Profiles: what layers and operators cost, and that their figures add up."""

from __future__ import annotations

from dataclasses import replace
from io import StringIO

import pytest
from rich.console import Console
from rich.table import Table

from mcuforge.flow.board_check import LayerTicks
from mcuforge.report.model import LayerFacts, OperatorFacts
from mcuforge.report.profile import cost_unit, layer_table, operator_facts, operator_table

LAYERS = (
    LayerFacts(0, "conv[1]", "conv2d", 1000, 4000, 900, 4.0, (1, 8, 8, 4)),
    LayerFacts(1, "soft", "softmax", 0, 1000, 100, None, (1, 10)),
    LayerFacts(2, "conv[2]", "conv2d", 3000, 5000, 800, 1.67, (1, 4, 4, 4)),
)


def lines(table: Table, columns: int) -> list[str]:
    console = Console(width=columns, record=True, file=StringIO())
    console.print(table)
    return console.export_text().splitlines()


def test_layers_are_summed_and_shared() -> None:
    rows = [line.split() for line in lines(layer_table(LAYERS, 80), 80)]
    assert rows[1] == ["0", "conv[1]", "conv2d", "1,000", "4,000", "4.00", "40.0", "%", "900"]
    assert rows[-1] == ["total", "4,000", "10,000", "2.50", "100.0", "%"]


def test_a_wide_terminal_has_room_for_shapes_and_a_wider_one_for_bars() -> None:
    narrow, wide, wider = ("\n".join(lines(layer_table(LAYERS, n), n)) for n in (99, 100, 120))
    assert "1x8x8x4" not in narrow
    assert "1x8x8x4" in wide
    assert "#" not in wide.partition("\n")[2]
    assert [line.count("#") for line in wider.splitlines()[1:]] == [16, 4, 20, 0]


def test_layers_that_were_not_measured_have_no_total() -> None:
    layers = tuple(replace(layer, instructions=None) for layer in LAYERS)
    assert "total" not in "\n".join(lines(layer_table(layers, 120), 120))


def test_operators_are_totals_of_their_layers_dearest_first() -> None:
    facts = operator_facts(LAYERS)
    assert facts == (
        OperatorFacts("conv2d", 2, 4000, 9000, 2.25, 0.9),
        OperatorFacts("softmax", 1, 0, 1000, None, 0.1),
    )
    rows = [line.split() for line in lines(operator_table(facts), 80)]
    assert rows[1] == ["conv2d", "2", "4,000", "9,000", "2.25", "90.0", "%"]
    assert rows[2] == ["softmax", "1", "1,000", "10.0", "%"]


@pytest.mark.parametrize(
    ("timed", "whole", "parts"),
    [
        (LayerTicks((110, 220, 30), (1, 2, 3)), 300, (100, 200, 0)),
        (LayerTicks((110, 220), (1, 2)), 330, (110, 220)),  # nothing beside
        (LayerTicks((100, 5), (1, 1)), 41, (41, 0)),  # cheaper than the way to it: never negative
        (LayerTicks((7, 7, 7), (1, 1, 1)), 10, (3, 4, 3)),  # no tick is lost in rounding
        (LayerTicks((), ()), 0, ()),
    ],
)
def test_layers_add_up_to_the_inference(
    timed: LayerTicks, whole: int, parts: tuple[int, ...]
) -> None:
    assert timed.adding_up(whole) == parts
    assert sum(parts) == whole


def test_hardware_has_cycles_or_only_time() -> None:
    timed = tuple(
        replace(x, instructions=None, instructions_per_mac=None, microseconds=t)
        for x, t in zip(LAYERS, (4.5, 1.0, 0.5), strict=True)
    )
    assert operator_facts(timed)[0].microseconds == 5.0
    text = "\n".join(lines(layer_table(timed, 120), 120))
    assert (cost_unit(timed), "us" in text, "6.0" in text) == ("us", True, True)
    counted = tuple(
        replace(x, cycles=c, cycles_per_mac=2.0)
        for x, c in zip(timed, (900, 200, 100), strict=True)
    )
    (conv, soft) = operator_facts(counted)
    assert (conv.cycles, conv.cycles_per_mac, conv.share) == (1000, 0.25, 0.8333)
    assert (soft.cycles, soft.cycles_per_mac, soft.instructions) == (200, None, None)
    rows = [line.split() for line in lines(operator_table((conv, soft)), 80)]
    assert "cycles" in rows[0]
    assert "1,000" in rows[1]
