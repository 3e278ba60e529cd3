# SPDX-License-Identifier: Apache-2.0
"""The judge of a TFLite model: an interpreter that agrees with tflite-runtime 2.14, or ourselves.

Where an installed interpreter is known to compute every operator of a model as 2.14 does, its
answers are the right ones. Elsewhere `reference.py` decides, which equals 2.14 on every golden
case, and an interpreter that runs the model stands beside it: where the two differ, the operators
that make the difference are found and named. So no verdict depends on which one is installed.

`python -m mcuforge.compiler.judges.tflite DISTRIBUTION MODEL IN.npz OUT.npz` runs an interpreter in
a process of its own: a crash in it becomes an error, not ours.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from mcuforge.compiler.frontends.tflite.file import parse
from mcuforge.compiler.frontends.tflite.flatbuffer import FileBytes
from mcuforge.compiler.ir import Array, Graph, Node
from mcuforge.compiler.judges.answers import (
    Answers,
    Child,
    ChildFailed,
    Judge,
    Peer,
    differing,
    patience,
)
from mcuforge.compiler.judges.interpreters import EXACT, Interpreter, installed, load
from mcuforge.compiler.judges.judgeable import judgeable
from mcuforge.compiler.judges.onnx import OnnxJudge
from mcuforge.compiler.judges.own import OwnReference
from mcuforge.compiler.judges.witness import find_differences
from mcuforge.compiler.ops.div import Div
from mcuforge.compiler.ops.sum import Sum
from mcuforge.compiler.ops.tables.log import Log
from mcuforge.compiler.ops.tables.neg import Neg
from mcuforge.compiler.ops.tables.sqrt import Sqrt
from mcuforge.compiler.ops.tables.square import Square
from mcuforge.errors import CompileError

NOT_IN_INT8 = (Div, Log, Neg, Sqrt, Square)  # operators 2.14 has, but not in int8
AS_A_WHOLE = "the model as a whole, in none of its operators run one by one"
NAMED = 3  # operators that a reason lists


def unjudged(graph: Graph) -> str | None:
    """Why tflite-runtime 2.14 cannot judge `graph`; None: it can.

    Its reference kernels add up int8 as if it were uint8, and none of them runs in int8 what it has
    for floats alone.
    """
    for node in graph.nodes:
        if isinstance(node.op, NOT_IN_INT8):
            return f"{EXACT} does not run {node.origin} in int8"
        if isinstance(node.op, Sum):
            return f"{EXACT} takes the int8 of {node.origin} for uint8"
    return None


def judge(graph: Graph, model: Path, inputs: Sequence[Array]) -> Judge:
    """Who says what is right for `graph`, read from the file `model`, and for these inputs.

    inputs: one array per model input, samples first.
    """
    if graph.format == "onnx":
        return OnnxJudge(graph, model, inputs)
    reason = unjudged(graph)
    if reason is not None:
        return OwnReference(graph, inputs, reason)
    return TfliteJudge(graph, model, inputs)


class TfliteJudge:
    """Computes the right answers in the background, while the board is at work.

    with TfliteJudge(graph, model, inputs) as judge: ...; judge.answers()
    `inputs` holds one array per model input, samples first, in the inputs' own dtypes.
    `interpreters`: those to choose from, by default the installed ones.
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
        except BaseException:  # nobody has entered yet, so nobody would end what was started
            self.__exit__(None, None, None)
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._run is not None:
            self._run.close()
        if self._own is not None:
            self._own.__exit__(kind, error, trace)

    def answers(self, timeout_s: float | None = None) -> Answers:
        """Wait for the right answers, and for those beside them.

        An interpreter that refuses the model, dies or takes too long is left out, and the answers
        say so. Raises CompileError only where our own reference fails.
        """
        limit_s = self._patience_s if timeout_s is None else timeout_s
        while self._run is not None:
            try:
                outputs, changes = self._run.outputs(limit_s)
            except ChildFailed as failed:
                self._failures.append(f"{self._run.interpreter.name} {failed}")
                self._candidates.remove(self._run.interpreter)
                self._run.close()
                self._start()
                continue
            if self._own is None:
                name = self._run.interpreter.name
                return self._told(Answers(f"{name} ({changes})" if changes else name, outputs))
            right = self._own.answers(limit_s)
            return self._told(self._beside(self._run.interpreter, right, outputs))
        assert self._own is not None
        return self._told(self._own.answers(limit_s))

    def _told(self, answers: Answers) -> Answers:
        """The answers, with the interpreters that were left out."""
        left_out = [failure for failure in self._failures if failure not in answers.reference]
        return replace(answers, reference="; ".join((answers.reference, *left_out)))

    def review(self, answers: Answers) -> Answers:
        """The answers again, now that the board's differ from them in some sample.

        Where our own reference differs too and every cause that some of these samples show is known
        (this machine's C library rounds a float otherwise), our reference decides and the
        interpreter stands beside it.
        """
        if self._own is not None or self._run is None:
            return answers
        interpreter = self._run.interpreter
        reason = f"this machine's {interpreter.name} rounds otherwise"
        try:
            with OwnReference(self._graph, self._inputs, reason) as own:
                right = own.answers(self._patience_s)
        except CompileError:
            return answers  # the difference that was found is what there is to tell
        reviewed = self._beside(interpreter, right, answers.outputs)
        peer = reviewed.peer
        known = peer is not None and peer.operators and not peer.unexplained
        return reviewed if known else answers

    def _start(self) -> None:
        """Choose who judges from the candidates that are left, and set it to work."""
        nodes = self._graph.nodes
        agreeing = [one for one in self._candidates if not one.deviating(nodes)]
        running = [one for one in self._candidates if not one.refuses(nodes)]
        chosen = next(iter((*agreeing, *running)), None)
        self._run = None if chosen is None else Run(chosen, self._model, self._inputs)
        if not agreeing and self._own is None:
            self._own = OwnReference(self._graph, self._inputs, self._why(chosen))

    def _why(self, chosen: Interpreter | None) -> str:
        """Why the answers of no interpreter, not even the `chosen` one, are the right ones."""
        if chosen is not None and not chosen.measured:
            return f"{chosen.name} was never compared with {EXACT}"
        if chosen is not None:
            where = listed(chosen.deviating(self._graph.nodes))
            return f"{chosen.name} computes {where} otherwise than {EXACT}"
        if self._failures:
            return self._failures[0]
        if self._candidates:
            return f"{self._candidates[0].name} does not run the model"
        return "no interpreter of TFLite is installed"

    def _beside(
        self, interpreter: Interpreter, right: Answers, outputs: Sequence[Array]
    ) -> Answers:
        """Our own answers, with an interpreter's beside them and the operators that differ."""
        wrong = np.zeros(len(self._inputs[0]), dtype=bool)
        for mine, theirs in zip(right.outputs, outputs, strict=True):
            wrong |= differing(mine, theirs).reshape(len(wrong), -1).any(axis=1)
        peer = Peer(interpreter.name, tuple(outputs), ())
        if wrong.any():
            peer = self._with_causes(peer, interpreter, [x[wrong] for x in self._inputs])
        return Answers(right.reference, right.outputs, peer)

    def _with_causes(self, peer: Peer, interpreter: Interpreter, samples: Sequence[Array]) -> Peer:
        """The peer with the operators that make it differ in the first of these `samples`."""
        try:
            found = find_differences(interpreter, self._model, samples, self._patience_s)
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


class Run:
    """An interpreter at work on a model and samples."""

    def __init__(self, interpreter: Interpreter, model: Path, inputs: Sequence[Array]) -> None:
        self.interpreter = interpreter
        self._folder = tempfile.TemporaryDirectory(prefix="mcuforge-judge-")
        folder = Path(self._folder.name)
        self._out = folder / "out.npz"
        np.savez(folder / "in.npz", **{f"x{i}": x for i, x in enumerate(inputs)})
        self._child = Child(
            "mcuforge.compiler.judges.tflite",
            (interpreter.distribution, str(model), str(folder / "in.npz"), str(self._out)),
        )

    def outputs(self, timeout_s: float) -> tuple[tuple[Array, ...], str]:
        """The outputs, samples first, and how the file was changed for them; raises ChildFailed."""
        self._child.wait(timeout_s)
        with np.load(self._out) as data:
            count = len(data.files) - 1
            return tuple(data[f"y{i}"] for i in range(count)), str(data["changes"])

    def close(self) -> None:
        """End the process and remove its folder."""
        self._child.close()
        self._folder.cleanup()


def listed(nodes: Sequence[Node]) -> str:
    """'operator 3 TANH, operator 8 FULLY_CONNECTED and 2 more'."""
    origins = list(dict.fromkeys(node.origin for node in nodes))
    more = len(origins) - NAMED
    return ", ".join(origins[:NAMED]) + (f" and {more} more" if more > 0 else "")


def run_interpreter(distribution: str, model: bytes, inputs: Sequence[Array]) -> tuple[Array, ...]:
    """An interpreter's outputs for every sample, in this process.

    inputs: one array per model input, (samples, *the file's shape) in the file's dtype. Returns one
    such array per model output.
    """
    engine = load(distribution, model, parse(FileBytes(model)))
    answers = [engine.run([x[sample] for x in inputs]) for sample in range(len(inputs[0]))]
    return tuple(np.stack(values) for values in zip(*answers, strict=True))


def main(arguments: Sequence[str]) -> None:
    """Read MODEL and IN.npz, write OUT.npz: the answers, and how MODEL was changed for them."""
    distribution, model, source, target = arguments
    with np.load(source) as data:
        inputs = [data[f"x{i}"] for i in range(len(data.files))]
    runs = judgeable(Path(model).read_bytes())
    outputs = run_interpreter(distribution, runs.model, inputs)
    answers = {f"y{i}": y for i, y in enumerate(outputs)}
    np.savez(target, changes=np.array(runs.changes), **answers)


if __name__ == "__main__":
    main(sys.argv[1:])
