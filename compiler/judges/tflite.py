# SPDX-License-Identifier: Apache-2.0
"""Judges a TFLite model: by an interpreter that agrees with tflite-runtime 2.14, or by ourselves.

An installed interpreter that is known to compute every operator of a model as 2.14 does gives the
right answers. For other models `reference.py` decides, which equals 2.14 on every golden case, and
an interpreter that runs the model is compared with it: where the two differ, the judge finds and
names the operators that make the difference. So a verdict does not depend on which interpreter is
installed.

`python -m mcuforge.compiler.judges.tflite DISTRIBUTION MODEL SIGNATURE` runs an interpreter in its
own process.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from mcuforge.compiler.frontends.tflite.file import parse
from mcuforge.compiler.frontends.tflite.flatbuffer import FileBytes
from mcuforge.compiler.frontends.tflite.ops.table import UNJUDGED
from mcuforge.compiler.graph import Graph, Node
from mcuforge.compiler.judges.answers import Answers, Judge, Peer, differing
from mcuforge.compiler.judges.child import Child, ChildFailed, patience, serve
from mcuforge.compiler.judges.interpreters import EXACT, Interpreter, installed, load
from mcuforge.compiler.judges.judgeable import judgeable
from mcuforge.compiler.judges.own import OwnReference
from mcuforge.compiler.judges.witness import find_differences
from mcuforge.compiler.tensors import Array
from mcuforge.compiler.user_ports import port_of, to_file, to_graph
from mcuforge.errors import CompileError

AS_A_WHOLE = "the model as a whole, in none of its operators run one by one"
NAMED = 3  # operators listed in a reason


def unjudged(graph: Graph) -> str | None:
    """Say why tflite-runtime 2.14 cannot judge `graph`; None where it can."""
    for node in graph.nodes:
        if type(node.op) in UNJUDGED:
            return f"{EXACT} {UNJUDGED[type(node.op)].format(node.origin)}"
    return None


class TfliteJudge(Judge):
    """Computes the right answers in the background while the board works.

    with TfliteJudge(graph, model, inputs) as judge: ...; judge.answers()
    inputs: one array per model input, samples first, in the inputs' own dtypes.
    interpreters: those to choose from, by default the installed ones.
    """

    def __init__(
        self,
        graph: Graph,
        model: Path,
        inputs: Sequence[Array],
        interpreters: Sequence[Interpreter] | None = None,
    ) -> None:
        self._graph = graph
        self._model = model
        self._inputs = inputs
        self._candidates = list(installed() if interpreters is None else interpreters)
        self._failures: list[str] = []
        self._patience_s = patience(graph.macs, len(inputs[0]))
        self._own: OwnReference | None = None
        self._run: Run | None = None
        try:
            self._start()
        except BaseException:  # nobody has entered the context, so nobody would end what runs
            self.close()
            raise

    def close(self) -> None:
        """End every process and remove its folder."""
        for work in (self._run, self._own):
            if work is not None:
                work.close()

    def answers(self) -> Answers:
        """Wait for the right answers and for the interpreter's beside them.

        An interpreter that refuses the model, dies or takes too long is left out, and the answers
        say so. Raises CompileError only where our own reference fails.
        """
        while self._run is not None:
            try:
                *found, changes = self._run.answer(self._patience_s)
                outputs = self._in_graph(found)
            except ChildFailed as failed:
                self._failures.append(f"{self._run.interpreter.name} {failed}")
                self._candidates.remove(self._run.interpreter)
                self._run.close()
                self._start()
                continue
            if self._own is None:
                words = f" ({changes})" if str(changes) else ""
                name = f"{self._run.interpreter.name}{words}"
                return self._told(Answers(name, tuple(outputs)))
            right = self._own.answers()
            return self._told(self._beside(self._run.interpreter, right, outputs))
        assert self._own is not None
        return self._told(self._own.answers())

    def _told(self, answers: Answers) -> Answers:
        """Add to the answers the names of interpreters that were left out."""
        left_out = [failure for failure in self._failures if failure not in answers.reference]
        return replace(answers, reference="; ".join((answers.reference, *left_out)))

    def review(self, answers: Answers) -> Answers:
        """Look again at answers that differ from the board's in some sample.

        Our own reference decides where it differs from them too and the cause of every difference
        is known: this machine's C library rounds a float another way.
        """
        if self._own is not None or self._run is None:
            return answers
        interpreter = self._run.interpreter
        reason = f"this machine's {interpreter.name} rounds differently"
        try:
            with OwnReference(self._graph, self._inputs, reason) as own:
                right = own.answers()
        except CompileError:
            return answers  # report the difference that was found
        reviewed = self._beside(interpreter, right, answers.outputs)
        peer = reviewed.peer
        known = peer is not None and peer.operators and not peer.unexplained
        return reviewed if known else answers

    def _start(self) -> None:
        """Choose the judge from the candidates that are left, and start it."""
        nodes = self._graph.nodes
        agreeing = [one for one in self._candidates if not one.deviating(nodes)]
        running = [one for one in self._candidates if not one.refuses(nodes)]
        chosen = next(iter((*agreeing, *running)), None)
        signature = self._graph.signature
        fed = self._in_file(self._inputs)
        self._run = None if chosen is None else Run(chosen, self._model, fed, signature)
        if not agreeing and self._own is None:
            self._own = OwnReference(self._graph, self._inputs, self._why(chosen))

    def _in_file(self, inputs: Sequence[Array]) -> list[Array]:
        """Give inputs the form that they have in the file: uint8, several samples at once.

        The last samples of a batch are the last one again.
        """
        pairs = zip(self._graph.inputs, inputs, strict=True)
        fed = [to_file(x, port_of(self._graph, tensor), tensor) for tensor, x in pairs]
        return [in_batches(x, self._graph.batch) for x in fed]

    def _in_graph(self, outputs: Sequence[Array]) -> list[Array]:
        """Give outputs of the file's form the graph's."""
        count, graph = len(self._inputs[0]), self._graph
        found = []
        for tensor, y in zip(graph.outputs, outputs, strict=True):
            port = port_of(graph, tensor)
            apart = y if graph.batch == 1 else y.reshape(-1, *port.shape)[:count]
            found.append(to_graph(apart, port, tensor))
        return found

    def _why(self, chosen: Interpreter | None) -> str:
        """Say why our own reference decides, and not the `chosen` interpreter."""
        if chosen is not None and not chosen.measured:
            return f"{chosen.name} was never compared with {EXACT}"
        if chosen is not None:
            where = listed(chosen.deviating(self._graph.nodes))
            return f"{chosen.name} computes {where} differently from {EXACT}"
        if self._failures:
            return self._failures[0]
        if self._candidates:
            return f"{self._candidates[0].name} does not run the model"
        return "no interpreter of TFLite is installed"

    def _beside(
        self, interpreter: Interpreter, right: Answers, outputs: Sequence[Array]
    ) -> Answers:
        """Put our own answers beside an interpreter's, with the operators that differ."""
        wrong = np.zeros(len(self._inputs[0]), dtype=bool)
        for mine, theirs in zip(right.outputs, outputs, strict=True):
            wrong |= differing(mine, theirs).reshape(len(wrong), -1).any(axis=1)
        peer = Peer(interpreter.name, tuple(outputs), ())
        if wrong.any():
            peer = self._with_causes(peer, interpreter, [x[wrong] for x in self._inputs])
        return Answers(right.reference, right.outputs, peer)

    def _with_causes(self, peer: Peer, interpreter: Interpreter, samples: Sequence[Array]) -> Peer:
        """Add to the peer the operators that make it differ in the first of these `samples`."""
        try:
            model = (self._model, self._graph.signature)
            fed = self._in_file(samples)
            found = find_differences(interpreter, model, fed, self._patience_s)
        except ChildFailed as failed:
            note = f"its operators could not be compared one by one: that {failed}"
            return replace(peer, note=note)
        if not found:
            return replace(peer, unexplained=(AS_A_WHOLE,))
        known: dict[str, None] = {}
        unknown: dict[str, None] = {}
        for difference in found:
            node = self._graph.nodes[difference.node]
            explained = interpreter.explains(node, difference.largest)
            (known if explained else unknown)[node.origin] = None
        return replace(peer, operators=tuple(known), unexplained=tuple(unknown))


class Run(Child):
    """An interpreter at work on a model and samples."""

    def __init__(
        self, interpreter: Interpreter, model: Path, inputs: Sequence[Array], signature: str = ""
    ) -> None:
        self.interpreter = interpreter
        words = (interpreter.distribution, str(model), signature)
        super().__init__("mcuforge.compiler.judges.tflite", words, inputs)


def in_batches(x: Array, batch: int) -> Array:
    """Put samples (n, 1, *one's shape) side by side; (runs, batch, *one's shape) in their dtype."""
    if batch == 1:
        return x
    padded = np.concatenate((x, np.repeat(x[-1:], -len(x) % batch, axis=0)))
    return padded.reshape(-1, batch, *x.shape[2:])


def listed(nodes: Sequence[Node]) -> str:
    """Return 'operator 3 TANH, operator 8 FULLY_CONNECTED and 2 more'."""
    origins = list(dict.fromkeys(node.origin for node in nodes))
    more = len(origins) - NAMED
    return ", ".join(origins[:NAMED]) + (f" and {more} more" if more > 0 else "")


def run_interpreter(distribution: str, model: bytes, inputs: Sequence[Array]) -> tuple[Array, ...]:
    """Compute an interpreter's outputs for every sample, in this process.

    inputs: one array (samples, *the file's shape) per model input, in the file's dtype. Returns one
    such array per model output.
    """
    engine = load(distribution, model, parse(FileBytes(model)))
    answers = [engine.run([x[sample] for x in inputs]) for sample in range(len(inputs[0]))]
    return tuple(np.stack(values) for values in zip(*answers, strict=True))


def compute(words: Sequence[str], arrays: list[Array]) -> list[ArrayLike]:
    """Compute the interpreter's outputs, and say how the model was changed for it."""
    distribution, model, signature = words
    runs = judgeable(Path(model).read_bytes(), signature or None)
    return [*run_interpreter(distribution, runs.model, arrays), runs.changes]


if __name__ == "__main__":
    serve(compute)
