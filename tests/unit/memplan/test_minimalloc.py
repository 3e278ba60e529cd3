# SPDX-License-Identifier: Apache-2.0
"""minimalloc's CSV, and the public hard problems where they are at hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mcuforge.memplan import greedy
from mcuforge.memplan.problem import Buffer, Overlap, Problem, ProblemError, Region
from scripts.minimalloc import read_csv
from tests.unit.memplan.csv_writer import write_csv
from tests.unit.memplan.problems import crowd, faults, network

FOLDER = Path(__file__).resolve().parents[4] / "shared" / "data" / "minimalloc"
CAPACITY = 1 << 20

TEXT = """\
id,lower,upper,size
b1,0,3,4
b2,3,9,4
"""


def test_a_problem_is_read_with_half_open_lifetimes() -> None:
    assert read_csv(TEXT + "\n", capacity=12) == Problem(
        (Buffer("b1", 4, 0, 3), Buffer("b2", 4, 3, 9)), (Region("memory", 12),)
    )


def test_without_a_capacity_there_is_room_for_all() -> None:
    problem = read_csv(TEXT)
    assert not greedy.place(problem).overflow(problem)


@pytest.mark.parametrize("problem", [network(20, seed=1), crowd(20, seed=1)])
def test_what_is_written_is_read_back(problem: Problem) -> None:
    assert read_csv(write_csv(problem)).buffers == problem.buffers


def test_the_alignment_column_is_written_only_when_needed() -> None:
    assert write_csv(read_csv(TEXT)) == TEXT
    assert write_csv(network(2, seed=0)).startswith("id,lower,upper,size,alignment\n")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id,lower,upper\n", "no column 'size'"),
        ("", "no column 'id'"),
        ("id,lower,upper,size,gaps\n", "unknown column 'gaps'"),
        ("id,lower,upper,size\na,0,x,4\n", "line 2: expected numbers"),
        ("id,lower,upper,size\na,0,1\n", "line 2: expected numbers"),
        ("id,lower,upper,size\na,0,1,2,3\n", "line 2: expected numbers"),
        ("id,lower,upper,size\na,1,1,2\n", "buffer 'a' lives"),
    ],
)
def test_a_bad_line_is_refused_by_number(text: str, message: str) -> None:
    with pytest.raises(ProblemError, match=message):
        read_csv(text)


def test_what_the_format_cannot_say_is_refused() -> None:
    buffers = (Buffer("a", 1, 0, 1), Buffer("b", 1, 0, 1))
    two = Problem(buffers, (Region("x", 1), Region("y", 1)))
    sharing = Problem(buffers, (Region("x", 1),), (Overlap("a", "b", 0, 0),))
    for problem in (two, sharing):
        with pytest.raises(ProblemError, match="one region and no overlaps"):
            write_csv(problem)


# Peaks of the greedy planner without improvement, in KiB: a ceiling, so that none gets worse.
PEAKS_KIB = (1149, 1142, 1154, 1082, 1198, 1150, 1118, 1179, 1262, 1090, 1218)


@pytest.mark.shared
@pytest.mark.parametrize(("name", "peak_kib"), list(zip("ABCDEFGHIJK", PEAKS_KIB, strict=True)))
def test_a_public_hard_problem_gets_a_valid_plan_no_worse_than_recorded(
    name: str, peak_kib: int, record_property: Callable[[str, object], None]
) -> None:
    path = FOLDER / f"{name}.{CAPACITY}.csv"
    if not path.exists():
        pytest.skip(f"minimalloc problem {path.name} is not beside the checkout")
    problem = read_csv(path.read_text(), CAPACITY)
    plan = greedy.place(problem, iterations=0)
    record_property("peak_over_capacity", plan.peak / CAPACITY)
    assert not faults(problem, plan)
    assert plan.lower_bound <= plan.peak <= peak_kib * 1024
