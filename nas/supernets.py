# SPDX-License-Identifier: Apache-2.0
"""Shared weights of a search: short trainings of every kind of block, and the one that counts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from random import Random
from typing import TYPE_CHECKING

from mcuforge.nas.feasible import Feasible
from mcuforge.nas.genes import Genome
from mcuforge.nas.setting import Setting
from mcuforge.report.progress import Stages
from mcuforge.report.search import Training

if TYPE_CHECKING:
    from mcuforge.nas.training.recipe import Recipe
    from mcuforge.nas.training.run import Divided
    from mcuforge.nas.training.weights import Weights

NO_CHOICE = ""  # stands for the kind where a network has none, or each stage its own


@dataclass(frozen=True, eq=False)
class Supernet:
    """Trained weights, and the architectures that share them."""

    weights: Weights
    feasible: Feasible
    recipe: Recipe
    training: Training


class Supernets:
    """Trains shared weights, each kind of block by itself.

    Weights of kinds that share nothing but their first and last layers would learn in turns: on
    digits, residual blocks alone came to 94 to 100 % in as many samples as left three kinds that
    every stage chose among at 7 to 42 %.
    """

    def __init__(
        self,
        setting: Setting,
        feasible: Feasible,
        stages: Stages,
        spent: Callable[[str], AbstractContextManager[Callable[[], float]]],
        divided: Divided,
    ) -> None:
        """`spent`: times a stage of that name; what it yields says the core seconds so far.

        `divided`: see trainer.train.
        """
        self._setting = setting
        self._feasible = feasible
        self._stages = stages
        self._spent = spent
        self._divided = divided
        self._tried: dict[str, Weights] = {}

    def tried(self, kind: str, drawn: Sequence[Genome]) -> Supernet:
        """New weights of one kind after a short training."""
        from mcuforge.nas.training.supernet import create

        setting, space = self._setting, self._of(kind).space
        weights = create(space, setting.task, setting.seed)
        self._tried[kind] = weights
        return self._train(f"{kind} blocks", kind, drawn, weights, setting.budget.kinds)

    def trained(self, kind: str, drawn: Sequence[Genome]) -> Supernet:
        """The weights of the search; those of a kind that was tried go on learning."""
        from mcuforge.nas.training.supernet import create

        setting, space = self._setting, self._of(kind).space
        weights = self._tried.get(kind) or create(space, setting.task, setting.seed)
        return self._train("shared weights", kind, drawn, weights, setting.budget.supernet)

    def _of(self, kind: str) -> Feasible:
        return self._feasible if kind == NO_CHOICE else self._feasible.of_kind(kind)

    def _train(
        self, name: str, kind: str, drawn: Sequence[Genome], weights: Weights, samples: int
    ) -> Supernet:
        """Train weights in place for those drawn and others near."""
        from mcuforge.nas.training.supernet import Strata
        from mcuforge.nas.training.trainer import train

        setting, feasible = self._setting, self._of(kind)
        recipe = setting.recipe(samples, setting.workers)
        recipe = replace(recipe, from_largest=setting.from_largest)
        genomes = feasible.varied(drawn, setting.budget.varied, Random(setting.seed))
        instructions = [round(feasible.cost(genome).instructions) for genome in genomes]
        with self._spent(name) as seconds, self._stages.paced(name, setting.data.kind) as progress:
            train(
                weights,
                Strata(feasible.space, genomes, instructions, setting.seed),
                setting.data,
                recipe,
                teacher=setting.teacher,
                checkpoint=setting.folder / f"{name.replace(' ', '_')}.npz",
                progress=progress,
                device=setting.device,
                divided=self._divided,
            )
        training = Training(recipe.images, seconds(), setting.device, recipe.as_dict())
        return Supernet(weights, feasible, recipe, training)


def spread(feasible: Feasible, genomes: Sequence[Genome], count: int) -> list[Genome]:
    """Some of these, evenly from few to many instructions, the largest included."""
    ordered = sorted(genomes, key=lambda genome: (feasible.cost(genome).instructions, genome))
    count = min(count, len(ordered))
    return [ordered[len(ordered) * (place + 1) // count - 1] for place in range(count)]
