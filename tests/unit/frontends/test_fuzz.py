# SPDX-License-Identifier: Apache-2.0
"""Five hundred damaged models end in a graph or three lines; the fuzzer sees what it is for."""

from __future__ import annotations

import os
import time

import pytest

from mcuforge.compiler.ir import Graph
from scripts.fuzz_models import check_graph, examine, fuzz
from tests.models.changed import with_graph
from tests.models.mutate import mutate, seed_models
from tests.shared import SHARED

SOUND = with_graph()


def test_five_hundred_damaged_models_end_in_a_graph_or_a_user_error() -> None:
    seeds = seed_models(SHARED)
    outcomes = [examine(mutate(seeds, 1, index), check_graph) for index in range(500)]
    assert [o for o in outcomes if o not in ("graph", "refused")] == []
    assert outcomes.count("graph") > 20
    assert outcomes.count("refused") > 200


def test_the_same_seed_and_index_give_the_same_file() -> None:
    seeds = seed_models(SHARED)
    assert mutate(seeds, 3, 7) == mutate(seeds, 3, 7)
    assert mutate(seeds, 3, 7) != mutate(seeds, 3, 8)


def test_an_unexpected_exception_is_a_finding() -> None:
    def fail(graph: Graph) -> None:
        raise IndexError(graph.name)

    assert "IndexError: fuzzed" in examine(SOUND, fail)


def test_a_loop_without_end_is_a_finding() -> None:
    assert examine(SOUND, lambda graph: time.sleep(30), limit_s=0.05).startswith("slower than")


def test_a_worker_that_dies_is_a_finding_and_the_others_go_on(
    capfd: pytest.CaptureFixture[str],
) -> None:
    tally = fuzz(1, 40, lambda graph: os._exit(3), jobs=1)
    assert len(tally.findings) >= 1
    assert all(report == "the worker died, exit code 3" for _, report in tally.findings)
    assert tally.findings[-1][0] > tally.findings[0][0]
    assert capfd.readouterr().err == ""
