# SPDX-License-Identifier: Apache-2.0
"""A schedule as text: what people read says what runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mcuforge import read_model
from mcuforge.compiler.compile import Compiled, PlanOptions, compile_graph
from mcuforge.compiler.schedule.describe import SHOWN, describe, describe_stages, order_words
from mcuforge.compiler.schedule.schedule import Task
from tests.unit.schedule.test_worked_example import example

DIGITS = Path(__file__).resolve().parents[3] / "examples" / "digits"

STRIPES = """\
schedule of stripes: 3 layers in 1 stage, 20 steps
input x: 8x8x3, 192 bytes

stage 0: layers 0 to 2 row by row, 20 steps
  order 4 x (0 1 0 1 2)
  0 conv: conv2d 8x8x3 -> 8x8x8, 8 tasks of 1 row, into relu
  1 relu: relu 8x8x8 -> 8x8x8, 8 tasks of 1 row, a ring of 3 rows, 192 bytes
  2 half: conv2d 8x8x8 -> 4x4x8, 4 tasks of 1 row, into y, 128 bytes
  y over x: begins at least 8 bytes below it
"""


@pytest.fixture(scope="module", params=["digits_cnn.tflite", "digits_vit.onnx"])
def compiled(request: pytest.FixtureRequest) -> Compiled:
    return compile_graph(read_model(DIGITS / request.param), "armv7em", 1 << 20)


def test_the_worked_example_reads_as_it_runs() -> None:
    assert describe(compile_graph(example(), "portable", 1 << 20).schedule) == STRIPES


def test_architecture_shows_it() -> None:
    architecture = Path(__file__).resolve().parents[3] / "ARCHITECTURE.md"
    assert STRIPES in architecture.read_text(encoding="utf-8")


def test_a_streamed_input_and_an_accumulated_layer_are_named() -> None:
    options = PlanOptions(goal="ram", streamed=True)
    graph = read_model(DIGITS / "digits_cnn.tflite")
    text = describe(compile_graph(graph, "armv7em", 1 << 20, options=options).schedule)
    assert "input image: 8x8x1, its rows are asked for" in text
    assert "rows of 8x8x1 arrive, 8 tasks of 1 row" in text


def test_every_layer_and_every_distance_is_told_once(compiled: Compiled) -> None:
    text = describe(compiled.schedule)
    layers = re.findall(r"^  (\d+) (.+?): ", text, re.MULTILINE)
    names = [layer.node.name for layer in compiled.schedule.layers]
    assert layers == [(str(i), name) for i, name in enumerate(names)]
    told = re.findall(r"^  (.+) over (.+): begins", text, re.MULTILINE)
    assert sorted(told) == sorted((o.second, o.first) for o in compiled.problem.overlaps)


def test_the_order_of_a_pipeline_is_its_tasks(compiled: Compiled) -> None:
    number = 0
    for stage, lines in zip(
        compiled.schedule.stages, describe_stages(compiled.schedule), strict=True
    ):
        if stage.is_pipeline:
            order = lines[1].removeprefix("  order ")
            assert run_through(order) == [number + task.layer for task in stage.tasks]
        number += len(stage.layers)


def run_through(order: str) -> list[int]:
    """The layer numbers of an order: what is in brackets as often as it says."""
    found: list[int] = []
    for times, turn, once in re.findall(r"(\d+) x \(([\d ]+)\)|([\d ]+)(?:, |$)", order):
        found += [int(n) for n in (turn or once).split()] * int(times or 1)
    return found


def test_a_long_order_without_repetition_is_cut_and_counted() -> None:
    tasks = [Task(i**3 // 7 % 11, i, i + 1) for i in range(200)]
    order = order_words(tasks, 5)
    assert len(order.split()) < 3 * SHOWN
    assert order.endswith("200 steps in all")


def test_names_are_shown_as_the_caller_wants_them(compiled: Compiled) -> None:
    lines = [line for stage in describe_stages(compiled.schedule, lambda _: "N") for line in stage]
    assert not [line for line in lines if compiled.schedule.layers[0].node.name in line]
