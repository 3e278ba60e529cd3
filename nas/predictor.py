# SPDX-License-Identifier: Apache-2.0
"""Guesses accuracies from those judged so far: which of several children is worth an evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from math import log

import numpy as np
from numpy.typing import NDArray

from mcuforge.nas.feasible import Feasible
from mcuforge.nas.genes import Genome
from mcuforge.nas.judge import Judged


class Predictor:
    """Bayesian ridge regression (MacKay, "Bayesian Interpolation", 1992), which scikit-learn has.

    An architecture is the place of each of its options among the gene's, from 0 to 1, -1 for genes
    that it does not have, and the logarithms of its instructions and flash. The regression finds
    from the data how far to trust them, so that it may be asked after very few evaluations.
    """

    def __init__(self, feasible: Feasible, history: Sequence[Judged]) -> None:
        from sklearn.linear_model import BayesianRidge

        self._feasible = feasible
        rows = self._rows([judged.genome for judged in history])
        self._middle, self._spread = rows.mean(0), rows.std(0) + 1e-9
        accuracies = np.array([judged.accuracy for judged in history])
        self._model = BayesianRidge().fit((rows - self._middle) / self._spread, accuracies)

    def best(self, genomes: Sequence[Genome]) -> Genome:
        """The most promising of some architectures; of equals, the first."""
        rows = (self._rows(genomes) - self._middle) / self._spread
        return genomes[int(np.argmax(self._model.predict(rows)))]

    def _rows(self, genomes: Sequence[Genome]) -> NDArray[np.float64]:
        genes = self._feasible.space.genes
        rows = []
        for genome in genomes:
            cost = self._feasible.cost(genome)
            places = [
                option / (len(gene.options) - 1) if genes.exists(index, genome) else -1.0
                for index, (gene, option) in enumerate(zip(genes.genes, genome, strict=True))
            ]
            rows.append([*places, log(1 + cost.instructions), log(1 + cost.flash)])
        return np.array(rows)
