# SPDX-License-Identifier: Apache-2.0
"""The naive live-tensor peak, counted by hand on small graphs."""

from __future__ import annotations

from mcuforge.compiler.builders.tflite_builder import ModelBuilder, Sliding, Value
from mcuforge.compiler.builders.tflite_writer import write_model
from mcuforge.compiler.frontends.tflite.reader import read_tflite
from mcuforge.compiler.graph import Graph
from scripts.live_tensor_peak import live_tensor_peak

QUANT = (0.05, 0)


def graph_of(build: ModelBuilder, *outputs: Value) -> Graph:
    return read_tflite(write_model(build.spec(outputs)), name="by hand")


def test_a_chain_holds_an_input_and_an_output() -> None:
    build = ModelBuilder(0)
    x = build.input((1, 4, 4, 2), QUANT)  # 32 bytes
    wide = build.conv(x, 5, Sliding((1, 1)), QUANT)  # 80 bytes
    narrow = build.conv(wide, 3, Sliding((1, 1)), QUANT)  # 48 bytes
    assert live_tensor_peak(graph_of(build, narrow)) == 80 + 48


def test_a_branch_is_held_until_it_is_joined_and_outputs_to_the_end() -> None:
    build = ModelBuilder(0)
    x = build.input((1, 4, 4, 2), QUANT)
    long = build.conv(build.conv(x, 4, Sliding((1, 1)), QUANT), 2, Sliding((1, 1)), QUANT)
    joined = build.arithmetic("ADD", x, long, 1.0, 0)
    assert live_tensor_peak(graph_of(build, joined)) == 32 + 64 + 32
    last = build.function("RELU", joined, QUANT)
    assert live_tensor_peak(graph_of(build, long, last)) == 32 + 64 + 32


def test_a_second_operand_is_held_as_long_as_a_first() -> None:
    build = ModelBuilder(0)
    x = build.input((1, 4, 4, 2), QUANT)
    long = build.conv(build.conv(x, 4, Sliding((1, 1)), QUANT), 2, Sliding((1, 1)), QUANT)
    joined = build.arithmetic("ADD", long, x, 1.0, 0)
    assert live_tensor_peak(graph_of(build, joined)) == 32 + 64 + 32


def test_a_view_costs_nothing_and_keeps_what_it_shows() -> None:
    build = ModelBuilder(0)
    x = build.input((1, 4, 4, 2), QUANT)
    seen = build.reshape(x, (1, 32))
    first = build.linear(seen, 3, QUANT)
    second = build.linear(build.reshape(x, (1, 2, 16, 1)), 5, QUANT, inputs=32)
    assert live_tensor_peak(graph_of(build, first, second)) == 32 + 3 + 5
