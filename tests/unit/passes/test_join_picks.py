# SPDX-License-Identifier: Apache-2.0
"""Repetitions spelled with reshapes become one pick of rows and columns, where they are one."""

from __future__ import annotations

from dataclasses import replace

from mcuforge.compiler.builders.tflite_builder import ModelBuilder, Value
from mcuforge.compiler.builders.tflite_writer import write_model
from mcuforge.compiler.frontends.tflite.reader import read_tflite
from mcuforge.compiler.graph import Graph
from mcuforge.compiler.ops.resize_nearest import PickPixels
from mcuforge.compiler.passes.join_picks import join_picks
from mcuforge.compiler.verify import verify
from tests.unit.compiler.graphs import assert_same_meaning

SHAPE = (1, 3, 5, 2)


def enlarged(build: ModelBuilder, x: Value) -> Value:
    """Repeat rows and columns as Keras does."""
    _, height, width, channels = x.shape
    tall = build.tile(build.reshape(x, (1, height, 1, width, channels)), (1, 1, 2, 1, 1))
    split = build.reshape(tall, (1, 2 * height, width, 1, channels))
    wide = build.tile(split, (1, 1, 1, 2, 1))
    return build.reshape(wide, (1, 2 * height, 2 * width, channels))


def read(build: ModelBuilder, *outputs: Value) -> Graph:
    return read_tflite(write_model(build.spec(outputs)))


def test_up_sampling_as_keras_writes_it_is_one_pick() -> None:
    build = ModelBuilder(0)
    before = read(build, enlarged(build, build.input(SHAPE, (0.1, 3))))
    after = join_picks(before)
    verify(after, "join_picks")
    (node,) = after.nodes
    assert node.op == PickPixels((0, 0, 1, 1, 2, 2), (0, 0, 1, 1, 2, 2, 3, 3, 4, 4))
    assert_same_meaning(before, after)


def test_pixels_that_change_rows_are_left() -> None:
    build = ModelBuilder(0)
    x = build.input(SHAPE, (0.1, 3))
    twice = build.tile(build.reshape(x, (1, 1, 15, 2)), (1, 1, 2, 1))
    before = read(build, build.reshape(twice, (1, 3, 10, 2)))
    after = join_picks(before)
    assert [node.op.kind for node in after.nodes] == ["reshape", "pick_pixels", "reshape"]
    assert_same_meaning(before, after)


def test_a_value_between_that_somebody_reads_stays() -> None:
    build = ModelBuilder(0)
    x = build.input(SHAPE, (0.1, 3))
    large = enlarged(build, x)
    graph = read(build, large)
    read_too = replace(graph, outputs=(graph.nodes[2].output, *graph.outputs))
    after = join_picks(read_too)
    verify(after, "join_picks")
    assert any(node.output is graph.nodes[2].output for node in after.nodes)
    assert_same_meaning(read_too, after)
