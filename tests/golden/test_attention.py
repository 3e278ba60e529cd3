# SPDX-License-Identifier: Apache-2.0
"""Transformers in every spelling and form: taken apart, planned, replayed, run bit-exact in C."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mcuforge.compiler import reference
from mcuforge.compiler.attention.forms import attention_forms
from mcuforge.compiler.ops.batch_matmul import BatchMatMul
from mcuforge.compiler.schedule.search import GOALS, Goal
from mcuforge.compiler.tensors import Array
from mcuforge.runtime_c.sources import PORTABLE
from tests.random.batch import Job, run_batch
from tests.random.goals import ISA_GOALS, compile_for
from tests.unit.schedule.transformers import Shape, transformer

SPELLINGS = {
    "plain": Shape(blocks=2),
    "fused": Shape(fused=True),
    "turned_and_scaled": Shape(turned=True, scale=True),
    "biased": Shape(bias=True, blocks=2),
    "class_token": Shape(class_token=True, blocks=2),
    "all_at_once": Shape(fused=True, turned=True, bias=True, scale=True, class_token=True),
    "one_head": Shape(heads=1, blocks=2),
    "low_rank": Shape(low_rank=True, blocks=2),
    "wide_heads": Shape(head_width=7, heads=2),
}
DENSEST = ("all_at_once", "low_rank")  # every kernel that attention calls, forms that repeat
OTHER_ISAS = sorted({isa for isa, _ in ISA_GOALS} - {PORTABLE})
SAMPLES = 2


def images(shape: Shape) -> tuple[tuple[Array, ...], ...]:
    rng = np.random.default_rng(7)
    size = (1, shape.image, shape.image, 3)
    return tuple((rng.integers(-128, 128, size).astype(np.int8),) for _ in range(SAMPLES))


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_attention_in_any_spelling_is_taken_apart_and_means_the_same(spelling: str) -> None:
    graph = transformer(SPELLINGS[spelling])
    plain, *forms = attention_forms(graph)
    assert len(forms) == (2 if SPELLINGS[spelling].heads == 1 else 3)
    for form in forms:
        products = [n for n in form.nodes if isinstance(n.op, BatchMatMul)]
        assert all(n.output.shape[0] == 1 and len(n.output.shape) == 3 for n in products)
    for form in (plain, *forms):
        for sample in images(SPELLINGS[spelling]):
            (want,), (got,) = reference.run(graph, sample), reference.run(form, sample)
            np.testing.assert_array_equal(got, want)


def test_transformers_run_bit_exact_in_every_spelling_and_goal(tmp_path: Path) -> None:
    assert_exact(PORTABLE, SPELLINGS, tmp_path)


@pytest.mark.parametrize("isa", OTHER_ISAS)
def test_transformers_run_bit_exact_in_the_kernels_of(isa: str, tmp_path: Path) -> None:
    assert_exact(isa, DENSEST, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("isa", OTHER_ISAS)
def test_every_spelling_runs_bit_exact_in_the_kernels_of(isa: str, tmp_path: Path) -> None:
    assert_exact(isa, SPELLINGS, tmp_path)


def assert_exact(isa: str, spellings: Iterable[str], folder: Path) -> None:
    """Plan, run under sanitizers, compare: one of the spellings in portable C for every goal."""
    jobs, wanted = [], []
    every: tuple[tuple[Goal, bool], ...] = (*((g, False) for g in GOALS), ("ram", True))
    for spelling in spellings:
        shape = SPELLINGS[spelling]
        thorough = isa == PORTABLE and spelling == "class_token"
        ways = every if thorough else every[1:2]
        graph = transformer(shape)
        right = [reference.run(graph, sample) for sample in images(shape)]
        for goal, streamed in ways:
            name = f"{spelling}_{goal}_{streamed}".lower()
            compiled = compile_for(replace(graph, name=name), goal, streamed, isa)
            jobs.append(Job(name, compiled.model, images(shape)))
            wanted.append(right)
    for job, got, right in zip(jobs, run_batch(jobs, isa, folder), wanted, strict=True):
        for mine, theirs in zip(got, right, strict=True):
            np.testing.assert_array_equal(
                mine[0].reshape(-1), theirs[0].reshape(-1), err_msg=job.label
            )


def test_no_scores_of_all_tokens_are_ever_held() -> None:
    shape = Shape(image=32, width=24, heads=3, blocks=2)
    compiled = compile_for(transformer(shape), "ram")
    rows = 2 * shape.tokens * shape.width + 2 * shape.tokens * shape.width // shape.heads
    assert compiled.arena_bytes <= rows + 2 * shape.tokens  # a row of scores, and its softmax
    assert compiled.plan.optimal
