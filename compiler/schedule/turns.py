# SPDX-License-Identifier: Apache-2.0
"""Stores a pipeline's tasks as one turn that repeats: token after token through the same layers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from mcuforge.compiler.schedule.schedule import Task


@dataclass(frozen=True, eq=False)
class Tasks:
    """The tasks of a pipeline in order: `turn` repeats, on later rows each time, up to `steps`.

    A turn computes `rows` rows of every layer, the last turn those that are left. `turn` is the
    whole order where it does not repeat.
    """

    turn: tuple[Task, ...]
    rows: int = 0  # 0: a single turn
    steps: int = 0

    def __iter__(self) -> Iterator[Task]:
        if not self.rows:
            return iter(self.turn)
        return chain.from_iterable(
            (Task(t.layer, begin, min(begin + self.rows, self.steps)) for t in self.turn)
            for begin in range(0, self.steps, self.rows)
        )

    @cached_property
    def all(self) -> tuple[Task, ...]:
        """Every task."""
        return tuple(self)

    def of_layer(self, layer: int) -> tuple[int, int]:
        """The number of tasks of a layer, and of the rows they make."""
        if self.rows:
            return -(-self.steps // self.rows), self.steps
        return self._counts.get(layer, (0, 0))

    @cached_property
    def _counts(self) -> dict[int, tuple[int, int]]:
        counts: dict[int, tuple[int, int]] = {}
        for task in self.turn:
            counts[task.layer] = (counts.get(task.layer, (0, 0))[0] + 1, task.end)
        return counts

    @cached_property
    def layer_of_row(self) -> NDArray[np.int64]:
        """The layer of every row computed, in order: int64 (rows computed,)."""
        tasks = self.turn
        sizes: Sequence[int] = [t.end - t.begin for t in tasks]
        layers = np.array([t.layer for t in tasks], np.int64)
        if not self.rows:
            return np.repeat(layers, sizes)
        turns, left = divmod(self.steps, self.rows)
        return np.concatenate(
            [np.tile(np.repeat(layers, self.rows), turns), np.repeat(layers, left)]
        )
