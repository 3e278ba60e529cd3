# SPDX-License-Identifier: Apache-2.0
"""Finds the operators that make an interpreter's answers differ from `reference.py`'s.

It evaluates each node on the values that the interpreter held in the node's input tensors, and
compares the result with the value that the interpreter held in the output. So a difference counts
at the node where it arises and not at later ones, and the nodes found explain all differences.

`python -m mcuforge.compiler.judges.witness DISTRIBUTION MODEL SIGNATURE` is the process it runs in.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mcuforge.compiler.frontends import read_model
from mcuforge.compiler.frontends.common import Unique
from mcuforge.compiler.frontends.tflite.file import RawModel, parse
from mcuforge.compiler.frontends.tflite.flatbuffer import FileBytes
from mcuforge.compiler.frontends.tflite.names import tensor_names
from mcuforge.compiler.frontends.tflite.shifted import moved_values
from mcuforge.compiler.graph import Graph
from mcuforge.compiler.judges.answers import differing, largest_gap
from mcuforge.compiler.judges.child import Child, serve
from mcuforge.compiler.judges.interpreters import Engine, Interpreter, load
from mcuforge.compiler.judges.judgeable import judgeable
from mcuforge.compiler.tensors import Array, Tensor
from mcuforge.compiler.user_ports import port_of, to_graph

MOST_SAMPLES = 8  # enough: they are samples whose outputs differ


@dataclass(frozen=True)
class Difference:
    """One node for which the interpreter computes another output from the same inputs."""

    node: int  # its place in the graph's nodes
    elements: int  # how many differ, over all samples looked at
    largest: float  # difference, in steps of the output


def find_differences(
    interpreter: Interpreter,
    model: tuple[Path, str],
    samples: Sequence[Array],
    timeout_s: float,
) -> tuple[Difference, ...]:
    """Find the nodes of `model`'s graph that differ over the first `MOST_SAMPLES` samples.

    model: the file and its signature. samples: one array per model input, samples first. Returns
    the differences in the graph's order. Runs in its own process. Raises ChildFailed when that
    fails.
    """
    words = (interpreter.distribution, str(model[0]), model[1])
    arrays = [x[:MOST_SAMPLES] for x in samples]
    with Child("mcuforge.compiler.judges.witness", words, arrays) as child:
        rows = zip(*child.answer(timeout_s), strict=True)
        return tuple(Difference(int(n), int(e), float(most)) for n, e, most in rows)


def differences_of(
    graph: Graph, file: RawModel, engine: Engine, samples: Sequence[Array]
) -> tuple[Difference, ...]:
    """Find them in this process, over all samples, which are in the file's form.

    The engine must keep all its tensors.
    """
    index_of = {name: index for index, name in enumerate(tensor_names(file, Unique()))}
    elements = np.zeros(len(graph.nodes), np.int64)
    largest = np.zeros(len(graph.nodes))
    for run in range(len(samples[0])):
        engine.run([x[run] for x in samples])
        for sample in range(graph.batch):
            held: dict[str, Array] = {
                t.name: _held(graph, t, x[run], sample)
                for t, x in zip(graph.inputs, samples, strict=True)
            }
            for place, node in enumerate(graph.nodes):
                operands = [t.data if t.data is not None else held[t.name] for t in node.inputs]
                ours = node.op.evaluate(node.inputs, node.output, operands)
                held[node.output.name] = ours
                index = index_of.get(node.output.name)
                if index is None:  # one of our tensors, between two nodes of one operator
                    continue
                theirs = _part(engine.tensor(index), graph.batch, sample).reshape(ours.shape)
                if theirs.dtype == np.uint8 and ours.dtype == np.int8:
                    theirs = moved_values(theirs)
                held[node.output.name] = theirs
                elements[place] += int(differing(ours, theirs).sum())
                largest[place] = max(largest[place], largest_gap(ours, theirs))
    return tuple(
        Difference(int(place), int(elements[place]), float(largest[place]))
        for place in np.flatnonzero(elements)
    )


def _held(graph: Graph, tensor: Tensor, values: Array, sample: int) -> Array:
    """Give one sample of an input of the file the graph's form."""
    port = port_of(graph, tensor)
    one: Array = to_graph(_part(values, graph.batch, sample).reshape(1, *port.shape), port, tensor)
    return one.reshape(tensor.shape)


def _part(values: Array, batch: int, sample: int) -> Array:
    """Take one sample of those that lie side by side."""
    flat: Array = values.reshape(batch, values.size // batch)[sample : sample + 1]
    return flat


def compute(words: Sequence[str], arrays: list[Array]) -> list[Array]:
    """Find what differs: nodes, elements (both int64) and largest gaps, of one shape [n] each."""
    distribution, model, signature = words
    copy = judgeable(Path(model).read_bytes(), signature or None).model
    file = parse(FileBytes(copy))
    engine = load(distribution, copy, file, keep_all=True)
    found = differences_of(read_model(model, signature or None), file, engine, arrays)
    return [
        np.array([one.node for one in found], np.int64),
        np.array([one.elements for one in found], np.int64),
        np.array([one.largest for one in found]),
    ]


if __name__ == "__main__":
    serve(compute)
