# SPDX-License-Identifier: Apache-2.0
"""mcuforge's own integer meaning of a model as the reference, computed in the background.

`python -m mcuforge.compiler.judges.own GRAPH.pickle IN.npz OUT.npz FIRST EVERY` is one of the
processes: it evaluates the samples FIRST, FIRST + EVERY, ...
"""

from __future__ import annotations

import os
import pickle
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from mcuforge.compiler import reference
from mcuforge.compiler.ir import Array, Graph
from mcuforge.compiler.judges.answers import Answers, Child, ChildFailed, patience
from mcuforge.errors import CompileError

SAMPLES_A_PROCESS = 4  # fewer are not worth another start of Python
MOST_PROCESSES = 8
NAME = "mcuforge's own integer reference"


class OwnReference:
    """Evaluates `graph` for every sample by `reference.run`, in processes of its own.

    One core is left for the emulator. `inputs` as `TfliteJudge` takes them. `reason`: why no other
    interpreter is the reference.
    """

    def __init__(self, graph: Graph, inputs: Sequence[Array], reason: str = "") -> None:
        self._graph = graph
        self._name = f"{NAME}, since {reason}" if reason else NAME
        self._samples = len(inputs[0])
        self._folder = tempfile.TemporaryDirectory(prefix="mcuforge-reference-")
        folder = Path(self._folder.name)
        with (folder / "graph.pickle").open("wb") as file:
            pickle.dump(replace(graph, ports={}), file)  # they say nothing of its values
        np.savez(folder / "in.npz", **{f"x{i}": x for i, x in enumerate(inputs)})
        count = processes_for(self._samples)
        self._outs = tuple(folder / f"out{first}.npz" for first in range(count))
        self._children = tuple(
            Child(
                "mcuforge.compiler.judges.own",
                (
                    *(str(folder / "graph.pickle"), str(folder / "in.npz"), str(out)),
                    *(str(first), str(count)),
                ),
            )
            for first, out in enumerate(self._outs)
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for child in self._children:
            child.close()
        self._folder.cleanup()

    def answers(self, timeout_s: float | None = None) -> Answers:
        """Wait for the outputs of every sample. Raises CompileError when a process dies."""
        limit_s = patience(self._graph.macs, self._samples) if timeout_s is None else timeout_s
        parts: list[tuple[Array, ...]] = []
        for child, out in zip(self._children, self._outs, strict=True):
            try:
                child.wait(limit_s)
            except ChildFailed as failed:
                raise CompileError(
                    f"{NAME} {failed}",
                    self._graph.source,
                    "give it fewer samples (--samples), or report the model",
                ) from None
            with np.load(out) as data:
                parts.append(tuple(data[f"y{i}"] for i in range(len(data.files))))
        return Answers(self._name, tuple(interleaved(p) for p in zip(*parts, strict=True)))

    def review(self, answers: Answers) -> Answers:
        """The same: these answers are our own reference's."""
        return answers


def processes_for(samples: int) -> int:
    """How many processes share the samples."""
    spare = max(1, (os.cpu_count() or 2) - 1)
    return max(1, min(spare, MOST_PROCESSES, samples // SAMPLES_A_PROCESS))


def interleaved(parts: Sequence[Array]) -> Array:
    """Join parts: sample k of the whole is the next one of part k modulo their number.

    Returns shape (all samples, *one sample's), in the parts' dtype.
    """
    whole = np.empty((sum(map(len, parts)), *parts[0].shape[1:]), parts[0].dtype)
    for first, part in enumerate(parts):
        whole[first :: len(parts)] = part
    return whole


def main(arguments: Sequence[str]) -> None:
    """Read GRAPH.pickle and IN.npz, write OUT.npz; the parent wrote both in a folder of its own."""
    graph_file, source, target, first, every = arguments
    with Path(graph_file).open("rb") as file:
        graph: Graph = pickle.load(file)
    with np.load(source) as data:
        inputs = [data[f"x{i}"][int(first) :: int(every)] for i in range(len(data.files))]
    runs = [reference.run(graph, [x[i] for x in inputs]) for i in range(len(inputs[0]))]
    outputs = [np.stack(values) for values in zip(*runs, strict=True)]
    np.savez(target, **{f"y{i}": y for i, y in enumerate(outputs)})


if __name__ == "__main__":
    main(sys.argv[1:])
