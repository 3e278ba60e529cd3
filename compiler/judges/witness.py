# SPDX-License-Identifier: Apache-2.0
"""Which operators make an interpreter's answers differ from `reference.py`'s.

Each node is evaluated on what the interpreter itself held in the node's input tensors, and compared
with what it held in the output. So a difference counts where it arises, never where it arrives, and
the nodes found explain the whole.

`python -m mcuforge.compiler.judges.witness DISTRIBUTION MODEL IN.npz OUT.npz` is the process it
runs in.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mcuforge.compiler.frontends import read_model
from mcuforge.compiler.frontends.common import Unique
from mcuforge.compiler.frontends.tflite.file import RawModel, parse
from mcuforge.compiler.frontends.tflite.flatbuffer import FileBytes
from mcuforge.compiler.frontends.tflite.names import tensor_names
from mcuforge.compiler.ir import Array, Graph
from mcuforge.compiler.judges.answers import Child, differing, largest_gap
from mcuforge.compiler.judges.interpreters import Engine, Interpreter, load
from mcuforge.compiler.judges.judgeable import judgeable

MOST_SAMPLES = 8  # a difference that none of these shows would be a strange one


@dataclass(frozen=True)
class Difference:
    """One node whose output the interpreter computes otherwise from the same inputs."""

    node: int  # its place in the graph's nodes
    elements: int  # over all samples looked at
    largest: float  # in steps of the output


def find_differences(
    interpreter: Interpreter, model: Path, samples: Sequence[Array], timeout_s: float
) -> tuple[Difference, ...]:
    """The nodes of `model`'s graph that differ, in order, over the first `MOST_SAMPLES` samples.

    samples: one array per model input, samples first. Runs in a process of its own; raises
    ChildFailed when that fails.
    """
    with tempfile.TemporaryDirectory(prefix="mcuforge-witness-") as name:
        source, target = Path(name) / "in.npz", Path(name) / "out.npz"
        np.savez(source, **{f"x{i}": x[:MOST_SAMPLES] for i, x in enumerate(samples)})
        arguments = (interpreter.distribution, str(model), str(source), str(target))
        child = Child("mcuforge.compiler.judges.witness", arguments)
        try:
            child.wait(timeout_s)
        finally:
            child.close()
        with np.load(target) as data:
            rows = zip(data["node"], data["elements"], data["largest"], strict=True)
            return tuple(Difference(int(n), int(e), float(most)) for n, e, most in rows)


def differences_of(
    graph: Graph, file: RawModel, engine: Engine, samples: Sequence[Array]
) -> tuple[Difference, ...]:
    """The same in this process, over all samples; the engine keeps all its tensors."""
    index_of = {name: index for index, name in enumerate(tensor_names(file, Unique()))}
    elements = np.zeros(len(graph.nodes), np.int64)
    largest = np.zeros(len(graph.nodes))
    for sample in range(len(samples[0])):
        engine.run([x[sample] for x in samples])
        held: dict[str, Array] = {
            t.name: x[sample].reshape(t.shape) for t, x in zip(graph.inputs, samples, strict=True)
        }
        for place, node in enumerate(graph.nodes):
            operands = [t.data if t.data is not None else held[t.name] for t in node.inputs]
            ours = node.op.evaluate(node.inputs, node.output, operands)
            held[node.output.name] = ours
            index = index_of.get(node.output.name)
            if index is None:  # a tensor of ours between two nodes of one operator
                continue
            theirs = engine.tensor(index).reshape(ours.shape)
            held[node.output.name] = theirs
            elements[place] += int(differing(ours, theirs).sum())
            largest[place] = max(largest[place], largest_gap(ours, theirs))
    return tuple(
        Difference(int(place), int(elements[place]), float(largest[place]))
        for place in np.flatnonzero(elements)
    )


def main(arguments: Sequence[str]) -> None:
    """Read MODEL and IN.npz, write OUT.npz."""
    distribution, model, source, target = arguments
    with np.load(source) as data:
        samples = [data[f"x{i}"] for i in range(len(data.files))]
    copy = judgeable(Path(model).read_bytes()).model
    file = parse(FileBytes(copy))
    engine = load(distribution, copy, file, keep_all=True)
    found = differences_of(read_model(model), file, engine, samples)
    np.savez(
        target,
        node=np.array([one.node for one in found], np.int64),
        elements=np.array([one.elements for one in found], np.int64),
        largest=np.array([one.largest for one in found]),
    )


if __name__ == "__main__":
    main(sys.argv[1:])
