# SPDX-License-Identifier: Apache-2.0
"""check_model.c: the benchmark a model answers as, its tensors, its database buffer."""

from __future__ import annotations

import re

import pytest

from mcuforge.compiler.codegen.check import BENCHMARKS, benchmark_of, check_model, db_bytes
from mcuforge.compiler.codegen.model import GeneratedModel
from mcuforge.compiler.compile import compile_graph
from mcuforge.compiler.graph import Node
from mcuforge.compiler.ops.add import Add
from mcuforge.compiler.ops.dequantize import Dequantize
from mcuforge.compiler.ops.fully_connected import FullyConnected
from mcuforge.compiler.schedule.memory import ALIGNMENT
from mcuforge.compiler.tensors import DType, Quant
from mcuforge.runtime_c.sources import CANARY_BYTES
from tests.unit.compiler.graphs import constant, graph, tensor

HASH = bytes(range(32))


def dense(features: int, classes: int, name: str = "net") -> GeneratedModel:
    """A dense layer of an int8 model."""
    x, out = tensor("x", (1, features)), tensor("out", (1, classes))
    weights = constant("w", (classes, features), Quant((0.02,), 0))
    node = Node("dense", FullyConnected(), (x, weights), out)
    built = compile_graph(graph([x], [node], [out], name), "portable", 1 << 20, effort=0.0)
    return built.model


@pytest.mark.parametrize("benchmark", BENCHMARKS, ids=lambda t: str(t.id))
def test_a_model_of_a_benchmarks_sizes_answers_as_it(benchmark: object) -> None:
    known = next(t for t in BENCHMARKS if t is benchmark)
    assert benchmark_of(dense(known.input_bytes, known.output_elements)) is known


def test_any_other_model_answers_by_its_own_name() -> None:
    benchmark = benchmark_of(dense(490, 11, "my_model"))
    assert (benchmark.id, benchmark.feed, benchmark.answer) == (
        "my_model",
        "CHECK_FEED_RAW",
        "CHECK_ANSWER_VALUES",
    )
    assert (benchmark.input_bytes, benchmark.output_elements) == (490, 11)


def test_two_inputs_are_no_benchmarks() -> None:
    x, y, out = tensor("x", (1, 490)), tensor("y", (1, 490)), tensor("out", (1, 490))
    nodes = [Node("sum", Add(), (x, y), out)]
    model = compile_graph(graph([x, y], nodes, [out]), "portable", 1 << 20).model
    assert benchmark_of(model).id == "tiny"


def test_the_runner_sends_anomaly_inputs_as_floats() -> None:
    assert db_bytes(dense(640, 640)) == 2560
    assert db_bytes(dense(490, 12)) == 490


def test_the_database_buffer_is_left_out_where_there_is_no_ram_for_it() -> None:
    model = dense(490, 12)
    assert "static uint8_t db[490];" in check_model(model, HASH, "build")
    text = check_model(model, HASH, "build", db=False)
    assert "db" not in re.findall(r"\w+", text)


def test_the_hash_is_written_whole() -> None:
    text = check_model(dense(4, 3), HASH, "build")
    assert bytes(int(h, 16) for h in re.findall(r"0x([0-9a-f]{2})", text)) == HASH


def test_canaries_keep_the_arena_aligned() -> None:
    assert CANARY_BYTES % ALIGNMENT == 0
    text = check_model(dense(4, 3), HASH, "build")
    assert f"#define CANARY_BYTES {CANARY_BYTES}" in text
    assert f"aligned({CANARY_BYTES})" in text


def test_tensors_say_name_size_type_and_scale() -> None:
    x, out = tensor('in"put\n'), tensor("out", dtype=DType.FLOAT32, quant=None)
    nodes = [Node("real", Dequantize(), (x,), out)]
    model = compile_graph(graph([x], nodes, [out]), "portable", 1 << 20).model
    text = check_model(model, HASH, 'b"uild')
    assert '    {"in\\"put\\?", 6, 6, CHECK_INT8, 1.0e-01f, -5, 0},\n' in text
    assert '    {"out", 24, 6, CHECK_FLOAT32, 1.0e+00f, 0, 0},\n' in text
    assert '.build = "b\\"uild " __VERSION__,' in text
