# SPDX-License-Identifier: Apache-2.0
"""Print how near the planner comes to the capacity of hard problems that are known to fit.

    python -m scripts.bench_memplan [--seconds N] [FILE ...]

Files are minimalloc's CSV, named NAME.CAPACITY.csv; by default those in ../shared/data/minimalloc
beside the checkout and, where there are none, a built-in one. Seconds are for each problem. The
planner is the greedy one: searches twice as long each, until the next would not fit in the time.
"""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from time import perf_counter

from mcuforge.memplan import greedy
from mcuforge.memplan.problem import Buffer, Plan, Problem, Region
from scripts.minimalloc import read_csv

FOLDER = Path(__file__).resolve().parents[2] / "shared" / "data" / "minimalloc"
FIRST_ITERATIONS = 1000  # then twice as many, until the time is up


def main(arguments: Sequence[str] | None = None) -> None:
    """Plan every problem and print Markdown."""
    parser = ArgumentParser(prog="python -m scripts.bench_memplan", description=__doc__)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("files", nargs="*", type=Path)
    given = parser.parse_args(arguments)
    print("| problem | buffers | capacity | bound | peak | over | seconds | closed |")
    print("|---|---|---|---|---|---|---|---|")
    closed = []
    for name, problem in _problems(given.files or sorted(FOLDER.glob("*.csv"))):
        plan = placed_within(problem, given.seconds)
        closed.append(not plan.overflow(problem))
        print(row(name, problem, plan), flush=True)
    print(f"\n{sum(closed)} of {len(closed)} closed")


def placed_within(problem: Problem, seconds: float) -> Plan:
    """The plan of the last search that begins within the seconds, each twice as long as before."""
    started, iterations = perf_counter(), FIRST_ITERATIONS
    plan = greedy.place(problem, iterations=iterations)
    while plan.overflow(problem) and not plan.optimal and perf_counter() - started < seconds / 2:
        iterations *= 2
        plan = greedy.place(problem, iterations=iterations)
    return replace(plan, seconds=perf_counter() - started)


def row(name: str, problem: Problem, plan: Plan) -> str:
    """A line of the table."""
    capacity = problem.regions[0].bytes
    over = 100 * (plan.peak / capacity - 1)
    return (
        f"| {name} | {len(problem.buffers)} | {capacity:,} | {plan.lower_bound:,} | {plan.peak:,} "
        f"| {over:+.1f} % | {plan.seconds:.1f} | {'no' if plan.overflow(problem) else 'yes'} |"
    )


def sliced(pieces: int, capacity: int, steps: int, seed: int) -> Problem:
    """A problem that fits with nothing to spare: all of memory and time, cut at random."""
    random = Random(seed)
    slices = [(0, capacity, 0, steps)]  # addresses from, to; steps from, to
    while len(slices) < pieces:
        low, high, begin, end = slices.pop(random.randrange(len(slices)))
        if random.random() < 0.5 and high - low > 1:
            cut = random.randrange(low + 1, high)
            slices += [(low, cut, begin, end), (cut, high, begin, end)]
        elif end - begin > 1:
            cut = random.randrange(begin + 1, end)
            slices += [(low, high, begin, cut), (low, high, cut, end)]
        else:
            slices.append((low, high, begin, end))
    random.shuffle(slices)
    buffers = tuple(
        Buffer(f"b{i}", high - low, begin, end) for i, (low, high, begin, end) in enumerate(slices)
    )
    return Problem(buffers, (Region("memory", capacity),))


def _problems(files: Sequence[Path]) -> Iterator[tuple[str, Problem]]:
    if not files:
        yield "built-in", sliced(pieces=30, capacity=1000, steps=100, seed=0)
    for file in files:
        name, capacity, _ = file.name.split(".")
        yield name, read_csv(file.read_text(encoding="utf-8"), int(capacity))


if __name__ == "__main__":
    main()
