# SPDX-License-Identifier: Apache-2.0
"""The picture of a plan: true to it, and never wider than asked."""

from __future__ import annotations

from itertools import pairwise

import pytest

from mcuforge.memplan import greedy
from mcuforge.memplan.problem import Buffer, Overlap, Placement, Plan, Problem, Region
from mcuforge.picture.letters import draw
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
ram: 5 of 8 bytes (62.5 %)
decided at step 1 (^) by conv, image
           vvvvvvvv
4 |aaaaaaaaaaaaaaaacccccccccccccccc
3 |aaaaaaaaaaaaaaaa................
2 |........bbbbbbbbbbbbbbbb........
1 |........bbbbbbbbbbbbbbbb........
0 |........bbbbbbbbbbbbbbbb........
  +--------------------------------
           ^^^^^^^^
   0       1       2       3

a * image  2 bytes  ram+3  steps 0..1
b * conv   3 bytes  ram+0  steps 1..2
c   mean   1 bytes  ram+4  steps 2..3
"""
    )


def test_what_is_missing_is_said_in_the_title() -> None:
    problem = problem_of((60, 0, 2), (50, 1, 3), region=Region("ram", 100))
    assert draw(problem, greedy.place(problem)).startswith(
        "ram: 110 of 100 bytes (110.0 %), 10 too few\n"
    )


def test_every_region_in_use_gets_its_map_and_only_the_deciding_one_a_mark() -> None:
    regions = (Region("ram", 100), Region("tcm", 8), Region("psram", 4096))
    buffers = (Buffer("a", 9, 0, 1, regions=("ram",)), Buffer("b", 8, 0, 1, regions=("tcm",)))
    problem = Problem(buffers, regions)
    text = draw(problem, greedy.place(problem))
    assert text.startswith("ram: 9 of 100 bytes (9.0 %)\n")
    assert "\na   a  9 bytes  ram+0  steps 0..0\n\ntcm: 8 of 8 bytes (100.0 %)\n" in text
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
    lives: dict[str, list[tuple[int, int]]] = {}
    for line in legend:
        begin, end = line.rpartition(" ")[2].split("..")
        lives.setdefault(line.split()[0], []).append((int(begin), int(end)))
    for same in lives.values():  # a letter may come again, but never side by side
        assert all(later[0] > first[1] + 1 for first, later in pairwise(sorted(same)))


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
        size = int(line.split(" bytes")[0].split()[-1].replace(",", ""))
        if size * 10 >= plan.peak:
            assert label in cells, line


def test_where_one_buffer_lies_over_another_is_marked() -> None:
    buffers = (Buffer("in", 4, 0, 2), Buffer("out", 2, 1, 3))
    problem = Problem(buffers, (Region("ram", 8),), (Overlap("in", "out", 0, 2),))
    places = {"in": Placement("ram", 0), "out": Placement("ram", 2)}
    text = draw(problem, plan_of(problem, **places))
    assert "\n# one buffer over another\n" in text
    rows = [line.split("|")[1] for line in text.splitlines() if "|" in line]
    assert rows == ["a" * 8 + "#" * 8 + "b" * 8] * 2 + ["a" * 16 + "." * 8] * 2


def test_the_title_names_the_step_when_its_name_is_known() -> None:
    problem = problem_of((60, 0, 1), (50, 1, 2))
    text = draw(problem, greedy.place(problem), steps=("stem", "head"))
    assert text.splitlines()[1] == "decided at step 0 stem (^) by b0"


def test_a_moment_of_many_buffers_names_the_largest_in_its_title() -> None:
    problem = problem_of(*((100 - i, 0, 1) for i in range(9)))
    title = draw(problem, greedy.place(problem)).splitlines()[1]
    assert title == "decided at step 0 (^) by b0, b1, b2, b3, b4, b5 and 3 more"


def test_sixty_layers_have_a_letter_each_and_a_column_each() -> None:
    problem = network(60, seed=3)
    text = draw(problem, greedy.place(problem, iterations=0), width=100)
    picture, legend = text.split("\n\n")
    labels = [line.split()[0] for line in legend.splitlines()]
    assert len(set(labels)) == 60
    assert {len(label) for label in labels} == {1}
    axis = next(line for line in picture.splitlines() if line.lstrip().startswith("+-"))
    changes = {step for b in problem.buffers for step in (b.begin, b.end)}
    assert axis.count("-") == len(changes) - 1


def test_a_name_cannot_steer_the_terminal() -> None:
    problem = Problem((Buffer("a\x1b[31m\nb", 7, 0, 1),), (Region("ram", 8),))
    text = draw(problem, greedy.place(problem))
    assert "a?[31m?b" in text
    assert "\x1b" not in text
