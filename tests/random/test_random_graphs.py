# SPDX-License-Identifier: Apache-2.0
"""Random models under every goal: the plan holds, the C is bit-exact, the reference is TFLite's.

A model that fails is remade by its seed: seeded_model(SEED) of tests/models/random_graphs.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from mcuforge.compiler import reference
from mcuforge.compiler.builders.tflite_writer import ModelSpec, write_model
from mcuforge.compiler.frontends.tflite.reader import read_tflite
from mcuforge.compiler.graph import Graph
from mcuforge.compiler.schedule.search import GOALS, Goal
from mcuforge.compiler.tensors import Array
from mcuforge.runtime_c.sources import PORTABLE
from tests.golden.isas import ISAS, own_kernels
from tests.models.oracle import HAS_2_14, run_reference
from tests.models.random_graphs import models, seeded_model
from tests.random.batch import Job, run_batch
from tests.random.goals import compile_for

BATCH = 20
QUICK, ALL = 20, 500  # seeded models in `make test`, in `make test-all`
ALL_OF_AN_ISA = 200
SAMPLES = 2
CHECKED = tuple(isa for isa in ISAS if own_kernels(isa))

WAYS: tuple[tuple[Goal, bool], ...] = (  # goal, inputs streamed
    *((goal, False) for goal in GOALS),
    ("balanced", True),
)

Outputs = tuple[Array, ...]


def feeds(graph: Graph, seed: int) -> tuple[Outputs, ...]:
    """Random inputs over the whole int8 range."""
    rng = np.random.default_rng(seed)
    return tuple(
        tuple(rng.integers(-128, 127, t.shape, np.int8, endpoint=True) for t in graph.inputs)
        for _ in range(SAMPLES)
    )


def expected(
    spec: ModelSpec, graph: Graph, inputs: Sequence[Outputs], label: str, *, recorded: bool
) -> list[Outputs]:
    """The reference's answers, which must be TFLite's.

    recorded: 2.14's answers are, so that this is shown on every Python.
    """
    model = write_model(spec)
    wanted = [reference.run(graph, sample) for sample in inputs]
    for sample, outputs in zip(inputs, wanted, strict=True):
        if recorded or HAS_2_14:
            theirs = run_reference(model, sample, recorded=recorded)
            assert_equal(outputs, theirs, f"{label}: reference.py and TFLite")
    return wanted


def assert_equal(got: Outputs, wanted: Outputs, label: str) -> None:
    """Bit-equal outputs, the first difference named."""
    for index, (mine, right) in enumerate(zip(got, wanted, strict=True)):
        np.testing.assert_array_equal(
            mine.reshape(-1), right.reshape(-1), err_msg=f"{label}, output {index}"
        )


def check_models(
    specs: Sequence[tuple[str, ModelSpec]],
    isa: str,
    folder: Path,
    *,
    recorded: bool,
) -> None:
    """Compile every model under every goal, run all in one program, compare with the reference."""
    jobs, wanted = [], []
    for number, (label, spec) in enumerate(specs):
        graph = read_tflite(write_model(spec))
        inputs = feeds(graph, number)
        right = expected(spec, graph, inputs, label, recorded=recorded)
        for goal, streamed in WAYS:
            way = f"{goal}_streamed" if streamed else goal
            named = replace(graph, name=f"m{number}_{way}")
            model = compile_for(named, goal, streamed, isa).model
            jobs.append(Job(f"{label}, {way}", model, inputs))
            wanted.append(right)
    answers = run_batch(jobs, isa, folder)
    for job, got, right in zip(jobs, answers, wanted, strict=True):
        for sample, outputs in enumerate(right):
            assert_equal(got[sample], outputs, f"{job.label}, sample {sample}")


BATCHES = [
    pytest.param(isa, i, marks=() if isa == PORTABLE and i < QUICK else pytest.mark.slow)
    for isa in CHECKED
    for i in range(0, ALL if isa == PORTABLE else ALL_OF_AN_ISA, BATCH)
]


@pytest.mark.parametrize(("isa", "first"), BATCHES)
def test_random_models_run_bit_exact_under_sanitizers(isa: str, first: int, tmp_path: Path) -> None:
    seeds = range(first, first + BATCH)
    specs = [(f"{isa}, seed {seed}", seeded_model(seed)) for seed in seeds]
    quick = isa == PORTABLE and first < QUICK
    check_models(specs, isa, tmp_path, recorded=quick)


@settings(max_examples=10, deadline=None, derandomize=True, database=None)
@given(models())
def test_any_drawn_model_compiles_to_a_plan_that_replays(spec: ModelSpec) -> None:
    graph = read_tflite(write_model(spec), name="drawn")
    inputs = feeds(graph, 0)
    wanted = expected(spec, graph, inputs, "drawn", recorded=False)
    for goal, streamed in WAYS:
        compiled = compile_for(graph, goal, streamed)
        for sample, outputs in zip(inputs, wanted, strict=True):
            assert_equal(reference.run(compiled.graph, sample), outputs, f"after passes, {goal}")


@pytest.mark.slow
@pytest.mark.parametrize("isa", CHECKED)
@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(spec=models())
def test_any_drawn_model_runs_bit_exact_under_sanitizers(isa: str, spec: ModelSpec) -> None:
    with TemporaryDirectory() as folder:
        check_models([("drawn", spec)], isa, Path(folder), recorded=False)
