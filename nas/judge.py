# SPDX-License-Identifier: Apache-2.0
"""Accuracy and cost of architectures, each asked once and journalled."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Any

from mcuforge.errors import InternalError
from mcuforge.nas.feasible import Feasible
from mcuforge.nas.genes import Genome
from mcuforge.nas.journal import Journal
from mcuforge.nas.workers import Workers
from mcuforge.version import VERSION

ACCURACY, COST = "accuracy", "cost"


@dataclass(frozen=True)
class Judged:
    """An architecture that fits: its accuracy with shared weights, and what its plan costs.

    `accuracy` is a share of the held-out samples; `ram` and `flash` are bytes, `instructions` those
    of one inference.
    """

    genome: Genome
    accuracy: float
    ram: int
    flash: int
    instructions: float


@dataclass(frozen=True)
class Timed:
    """A function: the result of `function`, and the CPU seconds that it took."""

    function: Callable[[Genome], Any]

    def __call__(self, genome: Genome) -> tuple[Any, float]:
        started = time.process_time()
        return self.function(genome), time.process_time() - started


class Judge:
    """Judges architectures of one space for one target, with one set of shared weights."""

    def __init__(
        self,
        feasible: Feasible,
        accuracy: Callable[[Genome], float],
        context: str,
        journal: Journal,
        workers: Workers,
        question: str = ACCURACY,
    ) -> None:
        """`context`: a digest of all that the accuracy depends on besides the architecture.

        `question`: what kind of accuracy it is, for the journal.
        """
        self.seconds = 0.0  # of CPU that the accuracies took, those of earlier runs included
        self._question = question
        self.feasible = feasible
        self._accuracy = Timed(accuracy)
        self._exactly = Timed(feasible.exactly)
        self._context = context
        self._cost_context = digest(
            feasible.space.digest,
            feasible.task,
            feasible.target,
            feasible.flash,
            VERSION,
            costing_code(),
        )
        self._journal = journal
        self._workers = workers
        self._known: dict[Genome, Judged] = {}

    def judged(
        self, genomes: Iterable[Genome], done: Callable[[], None] = lambda: None
    ) -> list[Judged]:
        """Judge architectures that fit, in their order; `done` hears of each new answer.

        One that its whole plan refuses is left out, before its accuracy is asked.
        """
        asked = list(dict.fromkeys(genomes))
        if not all(map(self.feasible.fits, asked)):
            raise InternalError("an architecture that does not fit was to be evaluated")
        new = [genome for genome in asked if genome not in self._known]
        costs = self.costs(new)
        fit = [genome for genome in new if costs[genome] is not None]
        accuracies = self._answers(self._question, self._context, self._accuracy, fit, done)
        for genome in fit:
            self._known[genome] = Judged(genome, accuracies[genome], *costs[genome])
        return [self._known[genome] for genome in asked if genome in self._known]

    def costs(self, genomes: Sequence[Genome]) -> dict[Genome, Any]:
        """RAM, flash and instructions of whole plans; None where a plan passes a limit."""
        return self._answers(COST, self._cost_context, self._exactly, genomes)

    def _answers(
        self,
        question: str,
        context: str,
        function: Timed,
        genomes: Sequence[Genome],
        done: Callable[[], None] = lambda: None,
    ) -> dict[Genome, Any]:
        """Answers from the journal, or from workers and then in the journal."""
        found = {}
        seconds = 0.0
        for genome in genomes:
            answer = self._journal.get(question, context, self._text(genome))
            if answer is not None:
                found[genome] = answer["value"]
                seconds += float(str(answer["seconds"]))
        missing = [genome for genome in genomes if genome not in found]
        for genome, (value, took) in self._workers.map(function, missing):
            self._journal.put(
                question, context, self._text(genome), {"value": value, "seconds": took}
            )
            found[genome] = value
            seconds += took
            done()
        if question == self._question:  # another judge may have asked for the same costs
            self.seconds += seconds
        return found

    def _text(self, genome: Genome) -> str:
        return self.feasible.space.text(genome)


@cache
def costing_code() -> str:
    """A digest of the code that costs follow from: the compiler, the planner and the kernels.

    A version lasts for months, and a search is resumed with the kernels that are there.
    """
    sha = sha256()
    for package in ("mcuforge.compiler", "mcuforge.memplan", "mcuforge.runtime_c"):
        root = Path(str(files(package)))
        for path in sorted(root.rglob("*")):
            if path.is_file() and path.suffix != ".pyc":
                sha.update(f"{path.relative_to(root).as_posix()} ".encode() + path.read_bytes())
    return sha.hexdigest()[:16]


def digest(*parts: object) -> str:
    """A short hash of what the parts look like written out."""
    return sha256("\n".join(map(repr, parts)).encode()).hexdigest()[:16]
