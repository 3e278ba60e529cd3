# SPDX-License-Identifier: Apache-2.0
"""Damaged models end in a graph or three lines; the fuzzer sees what it is for."""

from __future__ import annotations

import os
import time

import pytest

from mcuforge.compiler.graph import Graph
from tests.fuzz import models as fuzz_models
from tests.fuzz import onnx_models as fuzz_onnx
from tests.fuzz.fuzzing import Subject, check_graph, examine, fuzz
from tests.models.changed import with_graph

SOUND = with_graph()


@pytest.mark.parametrize(
    "subject", [fuzz_models.subject(), fuzz_onnx.subject()], ids=lambda s: s.suffix
)
def test_five_hundred_damaged_models_end_in_a_graph_or_a_user_error(subject: Subject) -> None:
    outcomes = [examine(subject.make(1, index), subject.read, check_graph) for index in range(500)]
    assert [o for o in outcomes if o not in ("graph", "refused")] == []
    assert outcomes.count("graph") > 20
    assert outcomes.count("refused") > 200


@pytest.mark.parametrize(
    "subject", [fuzz_models.subject(), fuzz_onnx.subject()], ids=lambda s: s.suffix
)
def test_the_same_seed_and_index_give_the_same_file(subject: Subject) -> None:
    assert subject.make(3, 7) == subject.make(3, 7)
    assert subject.make(3, 7) != subject.make(3, 8)


def test_an_unexpected_exception_is_a_finding() -> None:
    def fail(graph: Graph) -> None:
        raise IndexError(graph.name)

    assert "IndexError: fuzzed" in examine(SOUND, fuzz_models.read, fail)


def test_a_loop_without_end_is_a_finding() -> None:
    assert examine(SOUND, fuzz_models.read, lambda graph: time.sleep(30), limit_s=0.05).startswith(
        "slower than"
    )


def test_a_worker_that_dies_is_a_finding_and_the_others_go_on(
    capfd: pytest.CaptureFixture[str],
) -> None:
    tally = fuzz(fuzz_models.subject(), 1, 40, lambda graph: os._exit(3), jobs=1)
    assert len(tally.findings) >= 1
    assert all(report == "the worker died, exit code 3" for _, report in tally.findings)
    assert tally.findings[-1][0] > tally.findings[0][0]
    assert capfd.readouterr().err == ""
