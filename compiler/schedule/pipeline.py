# SPDX-License-Identifier: Apache-2.0
"""Runs neighbouring layers as one pipeline: the order of their rows, and the size of each ring."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import lcm

import numpy as np
from numpy.typing import NDArray

from mcuforge.compiler.schedule.row_layer import Indices, RowLayer
from mcuforge.compiler.schedule.running import layer_bits, layer_span, layers_during
from mcuforge.compiler.schedule.schedule import Execution, Task
from mcuforge.compiler.schedule.turns import Tasks
from mcuforge.compiler.tensors import Tensor


@dataclass(frozen=True, eq=False)
class Pipeline:
    """Row layers in a static order, and the buffers between them.

    `rings` holds the number of rows of each buffer that lives inside the pipeline only, by the name
    of its owner. `owner` maps a tensor to the one that is computed in its place, in the same ring.
    `alive` gives for every buffer written in the pipeline the layers [begin, end) that run while it
    holds something; `sums` gives the same for the sums of a layer, by the name of its output.
    """

    layers: tuple[RowLayer, ...]
    order: Tasks
    rings: Mapping[str, int]
    owner: Mapping[str, Tensor]
    alive: Mapping[str, tuple[int, int]]
    sums: Mapping[str, tuple[int, int]]

    @property
    def tasks(self) -> tuple[Task, ...]:
        """Every task in order."""
        return self.order.all


def build_pipeline(
    layers: Sequence[RowLayer], kept: Sequence[Tensor], rows_per_task: int, eager: bool
) -> Pipeline:
    """Order the layers' rows so that few must be held.

    Rows are made when a later layer asks for them; the last layers ask in turn. `eager`: when rows
    were made for one layer, every other layer that reads them runs at once if it can. `kept`: the
    tensors written here that are read after the pipeline, so they are whole.
    """
    if not takes_turns(layers, rows_per_task):
        return Ending(layers, kept, rows_per_task, eager).pipeline
    # every turn is like the one before: all of them hold no more than two of them
    two = tuple(_first_steps(layer, 2 * rows_per_task) for layer in layers)
    found = Ending(two, kept, rows_per_task, eager).pipeline
    turn = found.order.layers[: len(found.order.layers) // 2]
    steps = tuple(layer.steps for layer in layers)
    order = Tasks(turn, found.order.at_once, steps, repeats=True)
    return replace(found, layers=tuple(layers), order=order)


def takes_turns(layers: Sequence[RowLayer], rows_per_task: int) -> bool:
    """True where row y of every layer needs exactly row y of the layers before it."""
    steps = layers[0].steps
    made = {layer.node.output.name for layer in layers}
    return steps > 2 * rows_per_task and all(
        layer.execution is Execution.ROWS
        and layer.steps == steps
        and all(n.row_for_row for n in layer.needs if n.buffer.name in made)
        for layer in layers
    )


def _first_steps(layer: RowLayer, steps: int) -> RowLayer:
    needs = tuple(replace(n, first=n.first[:steps], end=n.end[:steps]) for n in layer.needs)
    return replace(layer, steps=steps, needs=needs)


def has_barrier(layers: Sequence[RowLayer]) -> bool:
    """True where every row of a layer needs all rows of an earlier one: they need two stages."""
    steps = {layer.node.output.name: layer.node.output.rows for layer in layers}
    return any(
        int(need.end[0]) >= steps[need.buffer.name] > 1
        for layer in layers
        for need in layer.needs
        if need.buffer.name in steps and len(need.end)
    )


def renamed(pipeline: Pipeline, layers: Sequence[RowLayer]) -> Pipeline:
    """Replace the layers of `pipeline` by others that do the same with rows."""
    made = [layer.node.output for layer in layers]
    names = [layer.node.output.name for layer in pipeline.layers]
    new = dict(zip(names, made, strict=True))
    return Pipeline(
        tuple(layers),
        pipeline.order,
        {new[name].name: rows for name, rows in pipeline.rings.items()},
        {new[name].name: new[owner.name] for name, owner in pipeline.owner.items()},
        {new[name].name: span for name, span in pipeline.alive.items()},
        {new[name].name: span for name, span in pipeline.sums.items()},
    )


class _Puller:
    """Makes rows on demand; `done[i]` counts steps of layer i, `when[i]` tells their tasks."""

    def __init__(self, layers: Sequence[RowLayer], rows_per_task: int, eager: bool) -> None:
        self.count, self.is_eager = len(layers), eager
        self.steps = [layer.steps for layer in layers]
        # rows of an input arrive one by one: the source may not have more yet
        self.rows = [1 if x.execution is Execution.ARRIVE else rows_per_task for x in layers]
        self.done = [0] * len(layers)
        self.when: list[list[int]] = [[] for _ in layers]
        self.tasks: list[int] = []  # the layer of each
        writer = {layer.node.output.name: i for i, layer in enumerate(layers)}
        # (producer, for each step of the reader the steps the producer must have done)
        self.asks: list[list[tuple[int, list[int]]]] = []
        self.read_by: list[list[int]] = [[] for _ in layers]
        for i, layer in enumerate(layers):
            inside = [(writer[n.buffer.name], n) for n in layer.needs if n.buffer.name in writer]
            self.asks.append([(j, _steps_for(layers[j], n.end)) for j, n in inside])
            for j in {j for j, _ in inside}:
                self.read_by[j].append(i)
        self.eager = [
            [k for k in readers if len(self.asks[k]) == 1]  # the others wait for another branch too
            if eager and len(readers) > 1
            else []
            for readers in self.read_by
        ]

    def same_without(self, front: int, first: int = 0) -> bool:
        """True if layers from `front` on run in one order with and without those before them.

        `first`: the first of those before them; the ones before it are left out anyway.
        """
        if not all(self.read_by[first:front]):
            return False  # the last layers ask in turn, and this is one of them
        for k in range(front, self.count) if self.is_eager else ():
            asks = [j for j, _ in self.asks[k] if j >= first]
            left = [j for j in asks if j >= front]
            # an eager layer runs as soon as the one layer that it reads; here this would change
            if len(left) < len(asks) and 1 in (len(left), len(asks)):
                (source,) = left if len(left) == 1 else asks
                if len(self.read_by[source]) > 1:
                    return False
        return True

    def pull(self, i: int, upto: int) -> None:
        """Run layer i until it has done `upto` steps, and first the layers it needs."""
        stack = [(i, upto)]
        done, tasks = self.done, self.tasks
        while stack:
            i, upto = stack[-1]
            rows, steps, asks, when = self.rows[i], self.steps[i], self.asks[i], self.when[i]
            begin = done[i]
            waits = False
            while begin < upto and not waits:
                end = min(begin + rows, steps)
                for j, needed in asks:
                    if done[j] < needed[end - 1]:
                        stack.append((j, needed[end - 1]))
                        waits = True
                        break
                else:
                    if self.eager[i]:
                        self.run(i, end)
                    else:  # the same as `run` without a call: a search spends much time here
                        when += [len(tasks)] * (end - begin)
                        tasks.append(i)
                        done[i] = end
                    begin = end
            if not waits:
                stack.pop()

    def run(self, i: int, end: int) -> None:
        """Run one task, then, when eager, the other layers that now can run."""
        at = len(self.tasks)
        if end - self.done[i] == 1:
            self.when[i].append(at)
        else:
            self.when[i] += [at] * (end - self.done[i])
        self.tasks.append(i)
        self.done[i] = end
        for k in self.eager[i]:
            ((_, needed),) = self.asks[k]
            while self.done[k] < self.steps[k]:
                last = min(self.done[k] + self.rows[k], self.steps[k])
                if self.done[i] < needed[last - 1]:
                    break
                self.run(k, last)


def _steps_for(producer: RowLayer, rows: Indices) -> list[int]:
    """Steps of `producer` after which it has made each number of rows of its output."""
    if producer.execution is Execution.ACCUMULATE:
        return [producer.steps if count else 0 for count in rows.tolist()]
    ends: list[int] = rows.tolist()
    return ends


@dataclass(frozen=True, eq=False)
class _Order:
    """The layer of each task, and for each layer the task that runs each of its steps."""

    tasks: NDArray[np.int16]
    when: list[Indices]

    def without(self, front: int) -> _Order:
        """The order without the tasks of the first layers."""
        stay = self.tasks >= front
        number = np.cumsum(stay) - 1
        return _Order(self.tasks[stay] - np.int16(front), [number[w] for w in self.when[front:]])


def _pulled(layers: Sequence[RowLayer], kept: set[str], rows_per_task: int, eager: bool) -> _Puller:
    puller = _Puller(layers, rows_per_task, eager)
    sinks = [i for i, readers in enumerate(puller.read_by) if not readers]
    turns = max(layers[i].steps for i in sinks)
    for turn in range(1, turns + 1):
        for i in sinks:  # side by side, so that rows they share are not held long
            puller.pull(i, -(-layers[i].steps * turn // turns))
    for i, layer in enumerate(layers):  # rows of a kept tensor that no layer here reads
        if layer.node.output.name in kept:
            puller.pull(i, layer.steps)
    return puller


class Ending:
    """A pipeline, and those that have the same last layers and fewer in front.

    Rows are made on demand, so a layer in front adds tasks of its own, and moves no task of those
    behind it. A search asks for hundreds of pipelines that end with the same layer: one is built.
    """

    def __init__(
        self, layers: Sequence[RowLayer], kept: Sequence[Tensor], rows_per_task: int, eager: bool
    ) -> None:
        self._kept = {t.name for t in kept}
        self._puller = _pulled(layers, self._kept, rows_per_task, eager)
        when = [np.array(at, np.int64) for at in self._puller.when]
        self._order = _Order(np.array(self._puller.tasks, np.int16), when)
        self._layers = tuple(layers)
        self._runs: dict[str, int] = {}  # while a buffer holds something: a bit for each layer
        self._sums: dict[str, int] = {}
        self.same_without = self._puller.same_without
        self.pipeline = self._held(self._layers, self._order, 0)

    def without(self, front: int) -> Pipeline:
        """The pipeline without its first layers, where `same_without` says that it is the same."""
        if not front:
            return self.pipeline
        order, layers = self._order.without(front), self._layers[front:]
        place = {layer.node.output.name: i - front for i, layer in enumerate(self._layers)}
        whole = self.pipeline
        owner = {name: t for name, t in whole.owner.items() if place[name] >= 0}
        if any(place[t.name] >= 0 for name, t in whole.owner.items() if name not in owner):
            return self._held(layers, order, front)  # a ring loses the first layers that share it
        return Pipeline(
            layers,
            Tasks(order.tasks, *self._sizes(front)),
            {name: rows for name, rows in whole.rings.items() if place[name] >= 0},
            owner,
            {n: layer_span(runs >> front) for n, runs in self._runs.items() if place[n] >= 0},
            {n: layer_span(runs >> front) for n, runs in self._sums.items() if place[n] >= 0},
        )

    def _sizes(self, front: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Rows per task and steps of each layer from `front` on."""
        return tuple(self._puller.rows[front:]), tuple(self._puller.steps[front:])

    def _held(self, layers: tuple[RowLayer, ...], order: _Order, front: int) -> Pipeline:
        """Find which buffers share, the rows of each ring, and when each holds something."""
        when, kept, run_by = order.when, self._kept, order.tasks
        tasks = len(run_by)
        made = {layer.node.output.name: _made_at(layer, when[i]) for i, layer in enumerate(layers)}
        last_read = _last_reads(layers, made, when)
        owner = _shared(layers, kept, made)
        rings: dict[str, int] = {}
        runs: dict[str, int] = {}
        groups: dict[str, list[str]] = {}
        for layer in layers:
            name = layer.node.output.name
            groups.setdefault(owner[name].name if name in owner else name, []).append(name)
        place = {layer.node.output.name: i for i, layer in enumerate(layers)}
        together: dict[str, int] = {}
        for need in (n for layer in layers for n in layer.needs):
            shared = owner[need.buffer.name].name if need.buffer.name in owner else need.buffer.name
            together[shared] = lcm(together.get(shared, 1), need.together)
        for name, members in groups.items():
            # a tensor and the one computed in its place have the same rows; some are never made
            rows = max(len(made[m]) for m in members)
            if not rows:  # others read only padding instead of it
                rings[name], runs[name] = 1, 1 << place[name]
                continue
            if len(members) == 1:
                (m,) = members
                begin, end = made[m], np.maximum(last_read[m], made[m])
            else:
                begin, end = np.full(rows, tasks, np.int64), np.full(rows, -1, np.int64)
                for m in members:
                    count = len(made[m])
                    begin[:count] = np.minimum(begin[:count], made[m])
                    end[:count] = np.maximum(end[:count], np.maximum(last_read[m], made[m]))
            if name in kept:
                end[:] = tasks - 1
            reached = np.maximum.accumulate(end)
            if name not in kept:
                held = _rows_held(begin, reached)
                rings[name] = -(-held // together.get(name, 1)) * together.get(name, 1)
            runs[name] = layers_during(begin, end, reached, run_by)
        sums = {}
        for i, layer in enumerate(layers):
            if layer.execution is Execution.ACCUMULATE:
                # a sum never runs when other layers' windows read only padding instead of it
                during = run_by[when[i][0] : when[i][-1] + 1] if len(when[i]) else np.array([i])
                sums[layer.node.output.name] = layer_bits(during)
        if not front:
            self._runs, self._sums = runs, sums
        alive, added = ({n: layer_span(bits) for n, bits in of.items()} for of in (runs, sums))
        return Pipeline(layers, Tasks(run_by, *self._sizes(front)), rings, owner, alive, added)


def _made_at(layer: RowLayer, when: Indices) -> Indices:
    """The task that writes each row of the layer's output that is made."""
    return when[-1:] if layer.execution is Execution.ACCUMULATE else when


def _last_reads(
    layers: tuple[RowLayer, ...], made: Mapping[str, Indices], when: Sequence[Indices]
) -> dict[str, Indices]:
    """For each row made of each tensor written here: the last task that reads it, -1 for none."""
    last: dict[str, Indices] = {}
    for layer, at in zip(layers, when, strict=True):
        for need in layer.needs:
            name = need.buffer.name
            if name not in made or not len(at):
                continue
            step, reads = need.last_steps(len(made[name]), len(at))
            found = np.where(reads, at[step], -1)
            last[name] = np.maximum(last[name], found) if name in last else found
    for name, rows in made.items():
        if name not in last:
            last[name] = np.full(len(rows), -1, np.int64)
    return last


def _shared(
    layers: tuple[RowLayer, ...], kept: set[str], made: Mapping[str, Indices]
) -> dict[str, Tensor]:
    """Map tensors to those computed in their place: each is the only reader of the one before."""
    readers: dict[str, int] = {}
    for layer in layers:
        for need in layer.needs:
            readers[need.buffer.name] = readers.get(need.buffer.name, 0) + 1
    owner: dict[str, Tensor] = {}
    for layer in layers[::-1]:  # the last of a chain of in-place layers owns the ring
        out = layer.node.output
        for need in layer.needs:
            name = need.buffer.name
            if need.in_place and name in made and name not in kept and readers[name] == 1:
                owner[name] = owner.get(out.name, out)
                break
    return owner


def _rows_held(begin: Indices, reached: Indices) -> int:
    """Rows that a ring needs when task begin[y] writes row y; task reached[y] is the last to read y
    or a row before it.

    Row y may take the place of row y' when no task from begin[y] on reads y'. Rows are written in
    rising order, and read so: all rows before the first that is still read are free too.
    """
    oldest = reached.searchsorted(begin)
    return max(1, int(np.maximum.reduce(np.arange(len(begin)) - oldest)) + 1)
