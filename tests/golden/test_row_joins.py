# SPDX-License-Identifier: Apache-2.0
"""Pipelines through tokens joined with a constant one, cut into heads, joined again, averaged."""

from pathlib import Path

import numpy as np
import pytest

from mcuforge.compiler import reference
from mcuforge.compiler.graph import Graph, Node
from mcuforge.compiler.ops.concatenation import Concatenation
from mcuforge.compiler.ops.fully_connected import FullyConnected
from mcuforge.compiler.ops.mean import Mean
from mcuforge.compiler.ops.mul import Mul
from mcuforge.compiler.ops.slice import Slice
from mcuforge.compiler.schedule.kernels import Calls
from mcuforge.compiler.schedule.pipeline import build_pipeline
from mcuforge.compiler.schedule.row_layer import row_layer
from mcuforge.compiler.schedule.schedule import Execution, runnable, view_storage
from mcuforge.compiler.schedule.search import Goal
from mcuforge.compiler.tensors import Quant, Tensor
from tests.random.batch import Job, run_batch
from tests.random.goals import ISA_GOALS, compile_for
from tests.unit.compiler.graphs import constant, tensor

W = Quant((0.02,))
TOKENS, WIDTH, HEAD = 16, 12, 4
SAMPLES = 2


def tokens_with_a_class(heads: int, read: str) -> Graph:
    """Join a class token and 16 tokens, scale each head alone; `read` chooses the output.

    "mean": the mean over all tokens; "class": the first token alone.
    """
    x = tensor("x", (1, TOKENS, WIDTH))
    wide = heads * HEAD
    embedded = tensor("embedded", (1, TOKENS, wide))
    joined = tensor("joined", (1, TOKENS + 1, wide))
    nodes = [
        Node("embed", FullyConnected(), (x, constant("w", (wide, WIDTH), W)), embedded),
        Node("join", Concatenation(1), (constant("cls", (1, 1, wide)), embedded), joined),
    ]
    parts: list[Tensor] = []
    for head in range(heads):
        part = tensor(f"part{head}", (1, TOKENS + 1, HEAD))
        parts.append(tensor(f"scaled{head}", part.shape))
        nodes.append(Node(f"cut{head}", Slice((0, 0, head * HEAD), (1, 1, 1)), (joined,), part))
        gain = constant(f"gain{head}", (1, 1, HEAD))
        nodes.append(Node(f"scale{head}", Mul(), (part, gain), parts[-1]))
    heads_joined = tensor("heads", joined.shape)
    nodes.append(Node("join_heads", Concatenation(2), tuple(parts), heads_joined))
    if read == "mean":
        y = tensor("y", (1, wide))
        nodes.append(Node("mean", Mean((1,)), (heads_joined,), y))
    else:
        y = tensor("y", (1, 1, wide))
        nodes.append(Node("first", Slice((0, 0, 0), (1, 1, 1)), (heads_joined,), y))
    return Graph("joins", (x,), (y,), tuple(nodes), "joins.tflite")


@pytest.mark.parametrize("read", ["mean", "class"])
@pytest.mark.parametrize(("isa", "goal"), ISA_GOALS)
def test_pipelines_run_through_joins_bit_exact(
    isa: str, goal: Goal, read: str, tmp_path: Path
) -> None:
    graph = tokens_with_a_class(3, read)
    rng = np.random.default_rng(5)
    shape = graph.inputs[0].shape
    feeds = tuple((rng.integers(-128, 128, shape).astype(np.int8),) for _ in range(SAMPLES))
    for streamed in (False, True):
        job = Job("joins", compile_for(graph, goal, streamed, isa).model, feeds)
        (answers,) = run_batch([job], isa, tmp_path / f"streamed_{streamed}")
        for sample, outputs in zip(feeds, answers, strict=True):
            (want,) = reference.run(graph, sample)
            np.testing.assert_array_equal(outputs[0].reshape(-1), want.reshape(-1))


@pytest.mark.parametrize("heads", [3, 6])
def test_a_chain_through_joins_holds_one_token_of_each(heads: int) -> None:
    graph = tokens_with_a_class(heads, "mean")
    storage = view_storage(graph)
    calls = Calls("portable")
    layers = [row_layer(n, storage, calls) for n in runnable(graph)]
    known = [layer for layer in layers if layer is not None]
    assert len(known) == len(graph.nodes)
    assert known[-1].execution is Execution.ACCUMULATE
    rings = build_pipeline(known, graph.outputs, 1, eager=False).rings
    assert set(rings.values()) == {1}
    assert set(rings) == {"embedded", "joined", "heads", *(f"scaled{i}" for i in range(heads))}


def test_rows_of_a_constant_need_nothing() -> None:
    join = tokens_with_a_class(1, "mean").nodes[1]
    token, tokens = join.inputs
    known, reads = join.op.row_reads(join.inputs, join.output) or (None, None)
    assert token.is_constant
    assert known is None
    assert reads is not None
    assert tuple(reads.first[:3]) == (0, 0, 1)  # row y reads row y - 1 of the tokens,
    assert tuple(reads.end[:3]) == (0, 1, 2)  # and row 0, the class token, nothing
    assert reads.end[-1] == tokens.rows
