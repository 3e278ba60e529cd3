# SPDX-License-Identifier: Apache-2.0
"""The network for several RAMs: more than one holds at once, live values, the same bytes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mcuforge.boards.catalog.board import load_board
from mcuforge.boards.regions import memory_regions
from mcuforge.compiler import reference
from mcuforge.compiler.builders.tflite_writer import write_model
from mcuforge.compiler.compile import PlanOptions, compile_graph, refuse_over_budget
from mcuforge.compiler.frontends.tflite.reader import read_tflite
from mcuforge.errors import CompileError
from scripts.make_segmenter import segmenter
from tests.models.case_model import feed
from tests.models.oracle import run_reference

BOARD = load_board("disco_f407vg")
TOGETHER = (16 + 64 // 4 + 128 // 16) * 60 * 60  # bytes of the three maps


@pytest.mark.slow  # planned again, and deployed, by tests/emulated/test_several_memories.py
def test_neither_ram_of_the_board_holds_it_alone() -> None:
    assert max(region.bytes for region in memory_regions(BOARD)) < TOGETHER
    kept = tuple(memory for memory in BOARD.memory if memory.name != "ccm")
    regions = memory_regions(replace(BOARD, memory=kept))
    graph = read_tflite(write_model(segmenter(60)))
    least = compile_graph(graph, "armv7em", regions, options=PlanOptions("ram"), effort=0.0)
    assert least.plan.lower_bound >= TOGETHER
    with pytest.raises(CompileError) as refused:
        refuse_over_budget(least, BOARD.id)
    assert f"needs {least.arena_bytes:,} bytes" in refused.value.what
    assert "disco_f407vg has 131,072 bytes" in refused.value.what


def test_the_same_size_gives_the_same_bytes() -> None:
    assert write_model(segmenter(16)) == write_model(segmenter(16))


def test_activations_neither_saturate_nor_die() -> None:
    graph = read_tflite(write_model(segmenter(32)))
    values = reference.run_all(graph, [feed((1, 32, 32, 3), "int8")])
    for node in graph.nodes:
        value = values[node.output.name]
        assert max(np.mean(value == value.min()), np.mean(value == value.max())) < 0.8, node.name
        assert len(np.unique(value)) > 8, node.name


def test_it_means_what_tflite_makes_of_it() -> None:
    model = write_model(segmenter(16))
    image = [feed((1, 16, 16, 3), "int8")]
    right = run_reference(model, image)[0]
    np.testing.assert_array_equal(reference.run(read_tflite(model), image)[0], right)
