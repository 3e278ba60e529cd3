# SPDX-License-Identifier: Apache-2.0
"""The picture of a plan: true to it, and never wider than asked."""

from __future__ import annotations

import pytest

from mcuforge.memplan import greedy
from mcuforge.memplan.draw import draw
from mcuforge.memplan.problem import Buffer, Placement, Plan, Problem, Region
from tests.unit.memplan.problems import crowd, network, problem_of


def plan_of(problem: Problem, **places: Placement) -> Plan:
    peaks = {region.name: 0 for region in problem.regions}
    for buffer in problem.buffers:
        place = places[buffer.name]
        peaks[place.region] = max(peaks[place.region], place.offset + buffer.bytes)
    return Plan(places, peaks, "greedy", optimal=False, lower_bound=0, seconds=0.0)


def test_a_small_plan_is_drawn_byte_by_byte_and_step_by_step() -> None:
    buffers = (Buffer("image", 2, 0, 2), Buffer("conv", 3, 1, 3), Buffer("mean", 1, 2, 4))
    problem = Problem(buffers, (Region("ram", 8),))
    places = {
        "image": Placement("ram", 3),
        "conv": Placement("ram", 0),
        "mean": Placement("ram", 4),
    }
    assert (
        draw(problem, plan_of(problem, **places))
        == """\
ram: 5 of 8 bytes
decided at step 1 (^) by conv, image
4 |aaaaaaaacccccccc
3 |aaaaaaaa........
2 |....bbbbbbbb....
1 |....bbbbbbbb....
0 |....bbbbbbbb....
  +----------------
       ^^^^
   0   1   2   3

a * image  2 bytes  ram+3  steps 0..1
b * conv   3 bytes  ram+0  steps 1..2
c   mean   1 bytes  ram+4  steps 2..3
"""
    )


def test_what_is_missing_is_said_in_the_title() -> None:
    problem = problem_of((60, 0, 2), (50, 1, 3), region=Region("ram", 100))
    assert draw(problem, greedy.place(problem)).startswith("ram: 110 of 100 bytes, 10 too few\n")


def test_every_region_in_use_gets_its_map_and_only_the_deciding_one_a_mark() -> None:
    regions = (Region("ram", 100), Region("tcm", 8), Region("psram", 4096))
    buffers = (Buffer("a", 9, 0, 1, regions=("ram",)), Buffer("b", 8, 0, 1, regions=("tcm",)))
    problem = Problem(buffers, regions)
    text = draw(problem, greedy.place(problem))
    assert "ram: 9 of 100 bytes\n" in text
    assert "tcm: 8 of 8 bytes\n" in text
    assert "psram" not in text
    assert text.count("decided at step 0 (^) by b\n") == text.count("(^)") == 1


def test_a_plan_without_buffers_is_an_empty_picture() -> None:
    problem = problem_of()
    assert draw(problem, greedy.place(problem)) == ""


@pytest.mark.parametrize("width", [100, 72, 60])
@pytest.mark.parametrize(
    "problem", [network(12, seed=0), network(150, seed=1), crowd(300, seed=2, steps=2000)]
)
def test_no_line_is_wider_than_asked_and_every_buffer_has_its_line(
    problem: Problem, width: int
) -> None:
    text = draw(problem, greedy.place(problem, iterations=0), width=width)
    assert max(map(len, text.splitlines())) <= width
    legend = text.split("\n\n")[-1].splitlines()
    assert len(legend) == len(problem.buffers)
    assert len({line.split()[0] for line in legend}) == len(problem.buffers)


def test_long_names_are_cut_not_the_numbers_after_them() -> None:
    name = "block_" * 40
    problem = Problem((Buffer(name, 7, 0, 1),), (Region("ram", 8),))
    text = draw(problem, greedy.place(problem), width=80)
    assert max(map(len, text.splitlines())) <= 80
    assert text.splitlines()[-1].endswith("...  7 bytes  ram+0  steps 0..0")


def test_every_large_buffer_shows_in_the_map() -> None:
    problem = network(12, seed=0)
    plan = greedy.place(problem)
    picture, legend = draw(problem, plan).split("\n\n")
    cells = "".join(line.split("|")[1] for line in picture.splitlines() if "|" in line)
    for line in legend.splitlines():
        label = line.split()[0]
        size = int(line.split(" bytes")[0].split()[-1])
        if size * 10 >= plan.peak:
            assert label in cells, line
