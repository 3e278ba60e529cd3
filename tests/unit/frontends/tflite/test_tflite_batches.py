# SPDX-License-Identifier: Apache-2.0
"""Files that take several samples at once: the board computes one after the other."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mcuforge.compiler import reference
from mcuforge.compiler.builders.tflite_writer import (
    Field,
    ModelSpec,
    OperatorSpec,
    TensorSpec,
    write_model,
)
from mcuforge.compiler.frontends.tflite.file import parse
from mcuforge.compiler.frontends.tflite.flatbuffer import FileBytes
from mcuforge.compiler.frontends.tflite.reader import read_tflite
from mcuforge.compiler.judges.interpreters import RUNTIME, Interpreter, load
from mcuforge.compiler.judges.tflite import TfliteJudge, in_batches
from mcuforge.compiler.judges.witness import differences_of
from tests.models.case_model import feed
from tests.models.changed import refusal
from tests.models.oracle import needs_2_14, run_reference
from tests.models.samples import vector

BATCH = 3


def tokens() -> ModelSpec:
    """Rows of several samples, folded together and apart again: softmax(dense(x) + x)."""
    rng = np.random.default_rng(5)
    weights = rng.integers(-127, 128, (6, 6)).astype(np.int8)
    wide = (0.05,), (3,)
    tensors = (
        TensorSpec("x", (BATCH, 4, 6), "int8", *wide),
        vector("together", BATCH * 4, 6),
        TensorSpec("rows", (BATCH * 4, 6), "int8", *wide),
        TensorSpec("w", (6, 6), "int8", (0.02,), data=weights),
        TensorSpec("dense", (BATCH * 4, 6), "int8", (0.4,), (-5,)),
        vector("apart", BATCH, 4, 6),
        TensorSpec("again", (BATCH, 4, 6), "int8", (0.4,), (-5,)),
        TensorSpec("sum", (BATCH, 4, 6), "int8", (0.45,), (1,)),
        TensorSpec("y", (BATCH, 4, 6), "int8", (1 / 256,), (-128,)),
    )
    operators = (
        OperatorSpec("RESHAPE", (0, 1), (2,), ("ReshapeOptions", {})),
        OperatorSpec("FULLY_CONNECTED", (2, 3), (4,), ("FullyConnectedOptions", {})),
        OperatorSpec("RESHAPE", (4, 5), (6,), ("ReshapeOptions", {})),
        OperatorSpec("ADD", (6, 0), (7,), ("AddOptions", {})),
        OperatorSpec("SOFTMAX", (7,), (8,), ("SoftmaxOptions", {"Beta": 1.0})),
    )
    return ModelSpec(tensors, operators, (0,), (8,))


@needs_2_14
def test_samples_are_computed_one_after_the_other() -> None:
    model = write_model(tokens())
    graph = read_tflite(model)
    assert (graph.batch, graph.inputs[0].shape) == (BATCH, (1, 4, 6))
    assert graph.notes == ("the file takes 3 samples at once, the board one after the other",)
    x = feed((BATCH, 4, 6), "int8", 1)
    (wanted,) = run_reference(model, [x], recorded=False)
    for sample, want in zip(x, wanted, strict=True):
        np.testing.assert_array_equal(reference.run(graph, [sample[np.newaxis]])[0][0], want)


@needs_2_14
@pytest.mark.parametrize("count", [1, 3, 5])
def test_the_judge_runs_whole_batches(count: int, tmp_path: Path) -> None:
    path = tmp_path / "batch.tflite"
    path.write_bytes(write_model(tokens()))
    graph = read_tflite(path.read_bytes())
    x = feed((count, 1, 4, 6), "int8", 2)
    with TfliteJudge(graph, path, [x], [Interpreter(RUNTIME, "2.14.0")]) as judge:
        (right,) = judge.answers().outputs
    ours = [reference.run(graph, [sample])[0] for sample in x]
    np.testing.assert_array_equal(right, np.stack(ours))


def one(
    op: str, shape: tuple[int, ...], *more: TensorSpec, options: str = "", **fields: Field
) -> bytes:
    """One operator on (3, 4, 6)."""
    x = TensorSpec("x", (BATCH, 4, 6), "int8", (0.1,))
    tensors = (x, TensorSpec("y", shape, "int8", (0.1,)), *more)
    inputs = (0, *range(2, len(tensors)))
    operator = OperatorSpec(op, inputs, (1,), (options, fields) if options else None)
    return write_model(ModelSpec(tensors, (operator,), (0,), (1,)))


@needs_2_14
def test_the_witness_compares_sample_by_sample() -> None:
    model = one("RELU", (BATCH, 4, 6))
    graph, file = read_tflite(model), parse(FileBytes(model))
    engine = load(RUNTIME, model, file, keep_all=True)
    x = in_batches(feed((5, 1, 4, 6), "int8", 3), BATCH)
    assert x.shape == (2, BATCH, 4, 6)
    assert differences_of(graph, file, engine, [x]) == ()


def joined() -> bytes:
    x = TensorSpec("x", (BATCH, 4), "int8", (0.1,))
    tensors = (x, TensorSpec("y", (2 * BATCH, 4), "int8", (0.1,)))
    operator = OperatorSpec("CONCATENATION", (0, 0), (1,), ("ConcatenationOptions", {"Axis": 0}))
    return write_model(ModelSpec(tensors, (operator,), (0,), (1,)))


def split_rows() -> bytes:
    """Rows of all samples, cut in two: the first half of the samples, not of each of them."""
    tensors = (
        TensorSpec("x", (4, 2, 6), "int8", (0.1,)),
        TensorSpec("rows", (8, 6), "int8", (0.1,)),
        vector("axis", 0),
        *(TensorSpec(name, (4, 6), "int8", (0.1,)) for name in ("first", "second")),
    )
    operators = (
        OperatorSpec("RESHAPE", (0,), (1,), ("ReshapeOptions", {"NewShape": (8, 6)})),
        OperatorSpec("SPLIT", (2, 1), (3, 4), ("SplitOptions", {"NumSplits": 2})),
    )
    return write_model(ModelSpec(tensors, operators, (0,), (3, 4)))


def tiled_in_float() -> bytes:
    tensors = (
        TensorSpec("x", (BATCH, 4), "int8", (0.1,)),
        TensorSpec("real", (BATCH, 4), "float32"),
        vector("times", 2, 1),
        TensorSpec("tiled", (2 * BATCH, 4), "float32"),
        TensorSpec("y", (2 * BATCH, 4), "int8", (0.2,)),
    )
    operators = (
        OperatorSpec("DEQUANTIZE", (0,), (1,)),
        OperatorSpec("TILE", (1, 2), (3,), ("TileOptions", {})),
        OperatorSpec("QUANTIZE", (3,), (4,)),
    )
    return write_model(ModelSpec(tensors, operators, (0,), (4,)))


MIXING = {
    "mean": one("MEAN", (4, 6), vector("axes", 0), options="ReducerOptions"),
    "transpose": one("TRANSPOSE", (4, BATCH, 6), vector("permutation", 1, 0, 2)),
    "a constant per sample": one(
        "ADD",
        (BATCH, 4, 6),
        TensorSpec("c", (BATCH, 1, 1), "int8", (0.1,), data=np.arange(3, dtype=np.int8)),
        options="AddOptions",
    ),
    "concatenation": joined(),
    "tile": one("TILE", (2 * BATCH, 4, 6), vector("times", 2, 1, 1), options="TileOptions"),
    "reverse": one("REVERSE_V2", (BATCH, 4, 6), vector("axis", 0), options="ReverseV2Options"),
    "strided slice": one(
        "STRIDED_SLICE",
        (BATCH, 4, 6),
        *(vector("begin", -1), vector("end", -10), vector("stride", -1)),
        options="StridedSliceOptions",
    ),
    "split": split_rows(),
    "tile in float": tiled_in_float(),
}


@pytest.mark.parametrize("name", MIXING)
def test_a_first_dimension_that_is_no_batch_is_read_whole(name: str) -> None:
    graph = read_tflite(MIXING[name])
    samples = 4 if name == "split" else BATCH
    assert (graph.batch, graph.inputs[0].shape[0], graph.notes) == (1, samples, ())
    x = feed(graph.inputs[0].shape, "int8", 6)
    pairs = zip(reference.run(graph, [x]), run_reference(MIXING[name], [x]), strict=True)
    for met, wanted in pairs:
        np.testing.assert_array_equal(met, wanted)


def test_samples_that_meet_another_dimension_are_refused() -> None:
    tensors = (
        TensorSpec("x", (4, 4, 6), "int8", (0.1,)),
        TensorSpec("rows", (4, 6), "int8", (0.1,)),
        TensorSpec("y", (4, 4, 6), "int8", (0.2,)),
    )
    operator = OperatorSpec("ADD", (0, 1), (2,), ("AddOptions", {}))
    error = refusal(write_model(ModelSpec(tensors, (operator,), (0, 1), (2,))))
    assert "it lines the samples of one input up with another dimension" in error.what


def test_samples_that_are_mixed_among_images_are_refused() -> None:
    x = TensorSpec("x", (BATCH, 4, 4, 2), "int8", (0.1,))
    pooled = TensorSpec("pooled", (BATCH, 2, 2, 2), "int8", (0.1,))
    y = TensorSpec("y", (2, 2, 2), "int8", (0.1,))
    pool = {"StrideH": 2, "StrideW": 2, "FilterHeight": 2, "FilterWidth": 2}
    operators = (
        OperatorSpec("MAX_POOL_2D", (0,), (1,), ("Pool2DOptions", pool)),
        OperatorSpec("MEAN", (1, 3), (2,), ("ReducerOptions", {})),
    )
    error = refusal(
        write_model(ModelSpec((x, pooled, y, vector("axes", 0)), operators, (0,), (2,)))
    )
    assert error.what.startswith("'y' has shape [2, 2, 2] for 3 samples and [2, 2, 2] for one")
    assert "operator 1 MEAN" in error.where
