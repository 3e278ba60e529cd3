# SPDX-License-Identifier: Apache-2.0
"""A search with a synthetic accuracy on a cluster, as a program: its history as JSON."""

from __future__ import annotations

import json
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from random import Random

from mcuforge.nas.feasible import Feasible
from mcuforge.nas.genes import Genome
from mcuforge.nas.journal import Journal
from mcuforge.nas.judge import Judged
from mcuforge.nas.methods import evolution, together
from mcuforge.nas.space import load_space
from mcuforge.nas.workers import Here, Workers, ray_workers
from tests.unit.nas.searching import Accuracy, judge_of, target

EVALUATIONS = 24


@dataclass(frozen=True)
class Slow:
    """The synthetic accuracy; takes a while, and writes a file per call that ends."""

    space_file: str
    folder: Path
    seconds: float

    def __call__(self, genome: Genome) -> float:
        time.sleep(self.seconds)
        space = load_space(self.space_file)
        calls = self.folder / space.text(genome)
        with calls.open("a", encoding="utf-8") as file:
            file.write(f"{os.getpid()}\n")
        return Accuracy(space)(genome)


def search(space_file: str, folder: Path, workers: Workers, seconds: float) -> list[Judged]:
    """Search with the journal of `folder`; calls are noted in its folder `calls`."""
    space = load_space(space_file)
    feasible = Feasible(space, space.task, target(max_instructions=3e6))
    (folder / "calls").mkdir(parents=True, exist_ok=True)
    accuracy = Slow(space_file, folder / "calls", seconds)
    with Journal(folder / "journal.sqlite") as journal:
        judge = judge_of(feasible, accuracy, journal, workers)
        (history,) = together(judge, [evolution(judge, EVALUATIONS, Random(1))])
        return history


def written(history: list[Judged]) -> str:
    """A history as text, to compare."""
    return json.dumps([[judged.genome, judged.accuracy, judged.ram] for judged in history])


def alone(space_file: str, folder: Path) -> str:
    """The history of the undisturbed search in this process."""
    return written(search(space_file, folder, Here(), 0.0))


if __name__ == "__main__":
    place, into, address = sys.argv[1:]
    with ray_workers(address) as cluster:
        print(written(search(place, Path(into), cluster, 0.2)))
