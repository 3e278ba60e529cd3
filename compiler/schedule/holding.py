# SPDX-License-Identifier: Apache-2.0
"""Counts the bytes of whole buffers that are alive while nodes of one order run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from itertools import accumulate

from mcuforge.compiler.graph import Graph, Node
from mcuforge.compiler.schedule.liveness import liveness
from mcuforge.compiler.schedule.memory import ALIGNMENT
from mcuforge.compiler.schedule.schedule import view_storage
from mcuforge.compiler.tensors import Tensor


class Holding:
    """The nodes of a graph in one order, and the buffers that live between them.

    A range [begin, end) of nodes is what one stage may run.
    """

    def __init__(self, graph: Graph, nodes: Sequence[Node]) -> None:
        self.nodes = tuple(nodes)
        self.storage = view_storage(graph)
        self.reads = [[self.storage[x.name].name for x in n.activations] for n in self.nodes]
        self._lives = liveness(graph, [(node,) for node in self.nodes], self.storage)
        self._read_lives = [[self._lives[name] for name in names] for names in self.reads]
        self._written_lives = [self._lives[node.output.name] for node in self.nodes]
        place = {node.output.name: i for i, node in enumerate(self.nodes)}
        self._sources = [[place[n] for n in names if n in place] for names in self.reads]
        self._groups: dict[int, tuple[list[int], list[bool]]] = {}
        self._tensors = {t.name: t for t in (*graph.inputs, *(n.output for n in self.nodes))}

    def made_before(self, name: str, begin: int) -> bool:
        """True when buffer `name` is written before node `begin`."""
        return self._lives[name].first < begin

    def needed_after(self, name: str, end: int) -> bool:
        """True when node `end` or a later one reads buffer `name`, or the user does."""
        return self._lives[name].last >= end

    def kept(self, begin: int, end: int) -> list[Tensor]:
        """The outputs of nodes [begin, end) that are read after them."""
        made = [node.output for node in self.nodes[begin:end]]
        return [tensor for tensor in made if self.needed_after(tensor.name, end)]

    @cached_property
    def input_bytes(self) -> int:
        """Bytes of the resident inputs, which lie somewhere before anything runs."""
        lives = self._lives.items()
        return sum(self._tensors[name].bytes for name, life in lives if life.first < 0)

    def passing(self, begin: int, end: int) -> int:
        """Bytes alive before and after nodes [begin, end) that these do not read.

        What is alive before them and dies in them is read by them, so it is what is alive before
        them, less what they read of it.
        """
        return self.alive_before[begin] - sum(
            self._tensors[n].bytes for n in self._read(begin, end) if self.made_before(n, begin)
        )

    @cached_property
    def alive_before(self) -> list[int]:
        """For each node the bytes made before it and needed by it or later ones."""
        growth = [0] * (len(self.nodes) + 2)
        for name, life in self._lives.items():
            if life.first < life.last:
                growth[life.first + 1] += self._tensors[name].bytes
                growth[life.last + 1] -= self._tensors[name].bytes
        return list(accumulate(growth))

    def ends(
        self, begin: int, end: int, written: int, distances: Mapping[str, int]
    ) -> tuple[int, int]:
        """Bytes of the inputs read and of `written` bytes of output: an estimate, and the least.

        The estimate lays the output over the one dying input it fits best, the least lays it over
        all of them. `distances`: how far below each input the output must begin.
        """
        sources = [self._tensors[n] for n in self._read(begin, end) if self.made_before(n, begin)]
        held = sum(t.bytes for t in sources)
        dying = [t for t in sources if not self.needed_after(t.name, end)]
        shared = [
            max(0, min(t.bytes, written, t.bytes + written - max(t.bytes + far, written)))
            for t in dying
            for far in [max(0, -(-distances.get(t.name, 0) // ALIGNMENT) * ALIGNMENT)]
        ]
        known = [n for t, n in zip(dying, shared, strict=True) if t.name in distances]
        most = min(written, sum(shared))
        return held + written - max(known, default=0), held + written - most

    def worth_joining(self, begin: int, end: int) -> bool:
        """True if one stage can hold less than two.

        Its nodes are connected by tensors of the range, and at each border between two nodes some
        tensor that dies in the range is still alive.
        """
        return self._handed_on(begin, end) and self._tied(begin, end)

    def _tied(self, begin: int, end: int) -> bool:
        """True if tensors of the range connect all its nodes."""
        # ranges from one beginning grow by a node at a time: the groups of the last one go on
        groups, tied = self._groups.setdefault(begin, ([], []))
        for i in range(begin + len(groups), end):
            groups.append(i)
            for j in self._sources[i]:
                if j >= begin and groups[j - begin] != groups[-1]:
                    old, new = groups[-1], groups[j - begin]
                    groups[:] = [new if group == old else group for group in groups]
            tied.append(groups.count(groups[0]) == len(groups))
        return tied[end - begin - 1]

    def _handed_on(self, begin: int, end: int) -> bool:
        """True when a tensor that dies within the range is alive at every border of two nodes.

        A tensor written in the range need not be whole then. Over one that was made before it, the
        pipeline may write row by row what two stages would place beside it.
        """
        reached = begin
        for i in range(begin, end):
            for life in self._read_lives[i]:
                if life.first < begin and reached < life.last < end:
                    reached = life.last
        for i in range(begin, end - 1):
            if reached < self._written_lives[i].last < end:
                reached = self._written_lives[i].last
            if reached <= i:
                return False
        return True

    def _read(self, begin: int, end: int) -> set[str]:
        return set().union(*self.reads[begin:end])
