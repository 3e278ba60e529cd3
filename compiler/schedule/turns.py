# SPDX-License-Identifier: Apache-2.0
"""Stores a pipeline's tasks as one turn that repeats: token after token through the same layers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from mcuforge.compiler.schedule.schedule import Task


@dataclass(frozen=True, eq=False)
class Tasks:
    """The tasks of a pipeline in order, stored as the layer of each task: a search keeps thousands.

    A task of layer i computes `at_once[i]` rows, its last one those that are left of `steps[i]`.
    `layers`, int16 (tasks,), is the whole order, or one turn that `repeats` on later rows each
    time. Such a turn has one task of each layer, and all layers have equal `at_once` and `steps`.
    """

    layers: NDArray[np.int16]
    at_once: tuple[int, ...]
    steps: tuple[int, ...]
    repeats: bool = False

    def __iter__(self) -> Iterator[Task]:
        done = [0] * len(self.steps)
        turn: list[int] = self.layers.tolist()
        times = -(-self.steps[0] // self.at_once[0]) if self.repeats else 1
        for layer in chain.from_iterable(turn for _ in range(times)):
            begin = done[layer]
            done[layer] = min(begin + self.at_once[layer], self.steps[layer])
            yield Task(layer, begin, done[layer])

    @cached_property
    def all(self) -> tuple[Task, ...]:
        """Every task."""
        return tuple(self)

    def of_layer(self, layer: int) -> tuple[int, int]:
        """The number of tasks of a layer, and of the rows they make."""
        rows, steps = self.at_once[layer], self.steps[layer]
        count = -(-steps // rows) if self.repeats else self._counts[layer]
        return count, min(count * rows, steps)

    @cached_property
    def _counts(self) -> list[int]:
        counts: list[int] = np.bincount(self.layers, minlength=len(self.steps)).tolist()
        return counts

    @cached_property
    def layer_of_row(self) -> NDArray[np.int64]:
        """The layer of every row computed, in order: int64 (rows computed,)."""
        layers = self.layers.astype(np.int64)
        if self.repeats:
            rows = self.at_once[0]
            turns, left = divmod(self.steps[0], rows)
            return np.concatenate(
                [np.tile(np.repeat(layers, rows), turns), np.repeat(layers, left)]
            )
        sizes = np.array(self.at_once, np.int64)[layers]
        for layer, count in enumerate(self._counts):
            left = count * self.at_once[layer] - self.steps[layer]
            if left > 0:
                sizes[np.flatnonzero(layers == layer)[-1]] -= left
        return np.repeat(layers, sizes)
