# SPDX-License-Identifier: Apache-2.0
"""Computes mcuforge's own integer reference of a model in the background.

`python -m mcuforge.compiler.judges.own` is one of its processes: it gets the graph and its share
of the samples.
"""

import os
import pickle
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from mcuforge.compiler import reference
from mcuforge.compiler.graph import Graph
from mcuforge.compiler.judges.answers import Answers, Judge
from mcuforge.compiler.judges.child import Child, ChildFailed, patience, serve
from mcuforge.compiler.tensors import Array
from mcuforge.errors import CompileError

SAMPLES_PER_PROCESS = 4  # fewer do not repay the start of another Python
MOST_PROCESSES = 8
NAME = "mcuforge's own integer reference"


class OwnReference(Judge):
    """Evaluates `graph` for every sample with `reference.run`, in several processes.

    It leaves one core for the emulator. inputs: one array per model input, samples first.
    reason: why no interpreter is the reference.
    """

    def __init__(self, graph: Graph, inputs: Sequence[Array], reason: str = "") -> None:
        self._graph = graph
        self._name = f"{NAME}, since {reason}" if reason else NAME
        self._samples = len(inputs[0])
        content = pickle.dumps(replace(graph, ports={}))  # the ports do not change its values
        packed = np.frombuffer(content, np.uint8)
        count = processes_for(self._samples)
        self._children = tuple(
            Child("mcuforge.compiler.judges.own", (), [packed, *(x[first::count] for x in inputs)])
            for first in range(count)
        )

    def close(self) -> None:
        """End the processes and remove their folders."""
        for child in self._children:
            child.close()

    def answers(self) -> Answers:
        """Wait for the outputs of every sample. Raises CompileError when a process dies."""
        limit_s = patience(self._graph.macs, self._samples)
        try:
            parts = [child.answer(limit_s) for child in self._children]
        except ChildFailed as failed:
            raise CompileError(
                f"{NAME} {failed}",
                self._graph.source,
                "give it fewer samples (--samples), or report the model",
            ) from None
        return Answers(self._name, tuple(interleaved(p) for p in zip(*parts, strict=True)))


def processes_for(samples: int) -> int:
    """Choose how many processes share the samples."""
    spare = max(1, (os.cpu_count() or 2) - 1)
    return max(1, min(spare, MOST_PROCESSES, samples // SAMPLES_PER_PROCESS))


def interleaved(parts: Sequence[Array]) -> Array:
    """Join parts: sample k of the whole is the next one of part k modulo their number.

    Returns shape (all samples, *one sample's), in the parts' dtype.
    """
    whole = np.empty((sum(map(len, parts)), *parts[0].shape[1:]), parts[0].dtype)
    for first, part in enumerate(parts):
        whole[first :: len(parts)] = part
    return whole


def compute(words: Sequence[str], arrays: list[Array]) -> list[Array]:
    """Compute the outputs of a pickled graph (our parent's own) for its inputs.

    Outputs have the shape (samples, *the tensor's) and the tensor's dtype.
    """
    packed, *inputs = arrays
    graph: Graph = pickle.loads(packed.tobytes())
    runs = [reference.run(graph, [x[i] for x in inputs]) for i in range(len(inputs[0]))]
    return [np.stack(values) for values in zip(*runs, strict=True)]


if __name__ == "__main__":
    serve(compute)
