# SPDX-License-Identifier: Apache-2.0
"""The numbers of the worked example in ARCHITECTURE.md, section "Attention"."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from mcuforge.compiler.attention.forms import attention_forms
from mcuforge.compiler.compile import Compiled, PlanOptions, compile_graph
from mcuforge.compiler.graph import Graph
from mcuforge.compiler.schedule.candidates import Candidates
from mcuforge.compiler.schedule.estimate import Estimates, Known
from mcuforge.compiler.schedule.kernels import Calls
from mcuforge.compiler.schedule.order import orders
from mcuforge.compiler.schedule.search import Goal, fewest_instructions
from mcuforge.memplan.solve import DEFAULT_EFFORT
from scripts.live_tensor_peak import live_tensor_peak
from tests.unit.schedule.transformers import Shape, transformer

TEXT = (Path(__file__).resolve().parents[3] / "ARCHITECTURE.md").read_text(encoding="utf-8")
SECTION = TEXT.partition("\n## Attention\n")[2].partition("\n## ")[0]
WORDS = " ".join(SECTION.split())
SHAPE = Shape(image=32)  # 64 tokens, 12 wide, 3 heads, one block
N, D, E = SHAPE.tokens, SHAPE.width, SHAPE.width // SHAPE.heads
AMPLE = 1 << 20


def planned(goal: Goal, *, streamed: bool = True, effort: float = 0.0) -> Compiled:
    options = PlanOptions(goal=goal, streamed=streamed)
    graph = replace(transformer(SHAPE), name="tiny")
    return compile_graph(graph, "portable", AMPLE, options=options, effort=effort)


@pytest.fixture(scope="module")
def compiled() -> Compiled:
    return planned("balanced", effort=DEFAULT_EFFORT)


def rows_of_table(heading: str) -> list[list[str]]:
    """The cells of the table whose first line begins with `heading`."""
    _, found, rest = SECTION.partition(f"\n| {heading}")
    assert found, heading
    lines = rest.partition("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def candidates(graph: Graph, known: Known | None = None) -> Candidates:
    return Candidates(Estimates(graph, orders(graph, graph.inputs)[0], Calls("portable"), known))


@cache
def candidates_of_forms() -> tuple[Candidates, ...]:
    """Those of the network as it is, with kept heads, by queries and by heads."""
    return tuple(candidates(form) for form in attention_forms(transformer(SHAPE)))


def bytes_held(compiled: Compiled, slot: int) -> int:
    """Distinct bytes of the arena that hold something while a layer runs."""
    held = np.zeros(compiled.arena_bytes, np.bool_)
    for buffer in compiled.problem.buffers:
        if buffer.begin <= slot < buffer.end:
            begin = compiled.plan.placements[buffer.name].offset
            held[begin : begin + buffer.bytes] = True
    return int(held.sum())


def test_the_example_is_what_the_text_says() -> None:
    graph = transformer(SHAPE)
    assert (N, D, SHAPE.heads, E) == (64, 12, 3, 4)
    assert "64 tokens, 12 wide, 3 heads of 4 columns" in WORDS
    assert f"{live_tensor_peak(graph):,} bytes" in WORDS


def test_the_least_arena_of_each_form_is_in_the_table() -> None:
    formulas = {
        "whole": 4 * N * D + N * N,
        "kept": 3 * N * D + N * E + N,
        "queries": 3 * N * D + N + D,
        "heads": 2 * N * D + 2 * N * E + N,
    }
    shown = {row[0]: row for row in rows_of_table("form")}
    for name, form in zip(formulas, candidates_of_forms(), strict=True):
        least = form.least_peak
        assert 0 <= least - formulas[name] <= 8, name  # a distance, an alignment
        assert shown[name][-1] == f"{least:,}", name
    assert f"{formulas['heads']:,} bytes" in WORDS


def test_low_rank_pairs_have_a_form_more_that_repeats_products() -> None:
    plain, *forms = attention_forms(transformer(replace(SHAPE, image=16, low_rank=True)))
    *others, again = forms
    assert len(forms) == 3
    assert all(form.macs == plain.macs for form in others)
    assert again.macs > plain.macs
    assert candidates(again).least_peak < min(candidates(form).least_peak for form in others)


def test_the_plan_is_a_head_at_a_time_and_no_plan_is_smaller(compiled: Compiled) -> None:
    assert compiled.arena_bytes == 2 * N * D + 2 * N * E + N == 2112
    assert compiled.plan.optimal
    assert compiled.graph.macs == compiled.schedule.graph.macs  # no product twice
    assert "2,112 bytes, and no plan is smaller" in WORDS


def test_every_stage_is_in_the_table_with_what_it_holds(compiled: Compiled) -> None:
    shown = iter(rows_of_table("stage"))
    slot = 0
    for stage in compiled.schedule.stages:
        names = ", ".join(layer.node.name.removeprefix("block0_") for layer in stage.layers)
        slots = range(slot, slot + len(stage.layers))
        held = max(bytes_held(compiled, at) for at in slots)
        how = f"{len(stage.tasks)} tasks" if stage.is_pipeline else "whole"
        assert next(shown)[:3] == [f"`{names}`", how, f"{held:,}"]
        slot = slots.stop
    assert next(shown, None) is None


def test_the_arena_with_a_resident_image() -> None:
    resident = planned("balanced", streamed=False)
    assert f"With the image resident the arena is {resident.arena_bytes:,}" in WORDS


def test_the_arena_of_speed() -> None:
    assert f"`--optimize speed` takes {planned('speed').arena_bytes:,}" in WORDS


def test_the_arena_of_ram_is_the_balanced_one(compiled: Compiled) -> None:
    assert planned("ram").arena_bytes == compiled.arena_bytes


def test_what_a_head_at_a_time_costs_by_the_model() -> None:
    _, kept, _, heads = candidates_of_forms()
    more = fewest_instructions(heads) / fewest_instructions(kept) - 1
    assert 0.05 < more < 0.06
    assert "less than 6 % by the cost model" in WORDS


def test_the_text_shows_the_code_that_is_generated(compiled: Compiled) -> None:
    source = {line.strip() for line in compiled.model.files["model.c"].splitlines()}
    shown = SECTION.partition("```c\n")[2].partition("```")[0].splitlines()
    assert len(shown) > 10
    assert [line for line in shown if line.strip() not in source] == []


def test_rows_of_the_last_block_that_a_class_token_spares() -> None:
    graph = transformer(replace(SHAPE, class_token=True, blocks=2))
    plain, *forms = attention_forms(graph)
    assert f"{graph.macs:,} to {plain.macs:,} in form `whole`" in WORDS
    for form in forms:
        assert f"{graph.macs:,} to {form.macs:,} multiply-accumulates" in WORDS
        once = [n for n in form.nodes if re.match("block1_(q|scores|proj|up|down)", n.name)]
        assert len(once) == 2 * SHAPE.heads + 3
        assert all(n.output.rows == 1 for n in once)
        keys = [n for n in form.nodes if re.match("block1_[kv]([.]|$)", n.name)]
        assert len(keys) == 2 * SHAPE.heads
        assert all(n.output.rows == SHAPE.tokens + 1 for n in keys)


def test_pipelines_of_twelve_blocks_are_those_of_two() -> None:
    built = []
    for blocks in (2, 12):
        known = Known()
        form = attention_forms(transformer(replace(SHAPE, blocks=blocks)))[-1]
        assert candidates(form, known).bound == 2112
        built.append(len(known.found))
    assert built[0] == built[1]
