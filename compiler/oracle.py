# SPDX-License-Identifier: Apache-2.0
"""The reference interpreter, in a process of its own: a crash in it becomes an error, not ours.

tflite-runtime 2.14 with its reference kernels (BUILTIN_REF) is the meaning mcuforge is exact to.
Where it has no wheel, ai-edge-litert stands in and is named: its reference kernels differ from
2.14's in a few elements per thousand.

`python -m mcuforge.compiler.oracle MODEL IN.npz OUT.npz` is that process.
"""

from __future__ import annotations

import importlib.util
import sys
import tempfile
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from mcuforge.compiler.answers import (
    PATIENCE_SECONDS,
    Answers,
    Child,
    ChildFailed,
    Judge,
    patience,
)
from mcuforge.compiler.frontends.tflite_judgeable import judgeable
from mcuforge.compiler.ir import Array, Graph
from mcuforge.compiler.onnx_peer import OnnxJudge
from mcuforge.compiler.ops.div import Div
from mcuforge.compiler.ops.log import Log
from mcuforge.compiler.ops.neg import Neg
from mcuforge.compiler.ops.sqrt import Sqrt
from mcuforge.compiler.ops.square import Square
from mcuforge.compiler.ops.sum import Sum
from mcuforge.compiler.own_reference import OwnReference
from mcuforge.errors import CompileError

PACKAGES = ("tflite_runtime", "ai_edge_litert")
EXACT = "tflite-runtime 2.14"
NOT_IN_INT8 = (Div, Log, Neg, Sqrt, Square)  # operators the interpreter has, but not in int8


def reference_name() -> str | None:
    """'tflite-runtime 2.14.0 BUILTIN_REF', or None when no interpreter is installed."""
    for package in PACKAGES:
        if importlib.util.find_spec(package) is not None:
            dist = package.replace("_", "-")
            return f"{dist} {version(dist)} BUILTIN_REF"
    return None


def unjudged(graph: Graph) -> str | None:
    """Why the interpreter cannot judge `graph`; None: it can.

    The reference kernels of tflite-runtime 2.14 add up int8 as if it were uint8, and none of them
    runs in int8 what it has for floats alone.
    """
    for node in graph.nodes:
        if isinstance(node.op, NOT_IN_INT8):
            return f"{EXACT} does not run {node.origin} in int8"
        if isinstance(node.op, Sum):
            return f"{EXACT} takes the int8 of {node.origin} for uint8"
    return None


def judge(graph: Graph, model: Path, inputs: Sequence[Array]) -> Judge:
    """Who says what is right: the interpreter on the user's TFLite file or, where it cannot judge
    `graph`, our own reference; for ONNX our own reference, with onnxruntime beside it."""
    if graph.format == "onnx":
        return OnnxJudge(graph, model, inputs)
    reason = unjudged(graph)
    if reason is not None:
        return OwnReference(graph, inputs, reason)
    return Oracle(model, inputs, patience(graph.macs, len(inputs[0])))


class Oracle:
    """Runs the reference on a model and samples while the board is at work.

    with Oracle(model, inputs) as oracle: ...; oracle.answers()
    `inputs` holds one array per model input, samples first, in the inputs' own dtypes.
    `patience_s`: how long the answers may take.
    """

    def __init__(
        self, model: Path, inputs: Sequence[Array], patience_s: float = PATIENCE_SECONDS
    ) -> None:
        name = reference_name()
        if name is None:
            raise CompileError(
                "no reference interpreter is installed, wanted tflite-runtime or ai-edge-litert",
                str(model),
                "pip install 'tflite-runtime==2.14.0' (Python 3.11), or ai-edge-litert",
            )
        self._name = name
        self._model = model
        self._patience_s = patience_s
        self._folder = tempfile.TemporaryDirectory(prefix="mcuforge-oracle-")
        folder = Path(self._folder.name)
        self._out = folder / "out.npz"
        np.savez(folder / "in.npz", **{f"x{i}": x for i, x in enumerate(inputs)})
        self._child = Child(
            "mcuforge.compiler.oracle", (str(model), str(folder / "in.npz"), str(self._out))
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._child.close()
        self._folder.cleanup()

    def answers(self, timeout_s: float | None = None) -> Answers:
        """Wait for the outputs. Raises CompileError when the interpreter refuses or dies."""
        try:
            self._child.wait(self._patience_s if timeout_s is None else timeout_s)
        except ChildFailed as failed:
            raise CompileError(
                f"the reference interpreter ({self._name}) {failed}",
                str(self._model),
                "check that the model runs in the interpreter by itself; "
                "`mcuforge doctor` shows it",
            ) from None
        with np.load(self._out) as data:
            changes = str(data["changes"])
            name = f"{self._name} ({changes})" if changes else self._name
            return Answers(name, tuple(data[f"y{i}"] for i in range(len(data.files) - 1)))


def run_interpreter(model: bytes, inputs: Sequence[Array]) -> tuple[Array, ...]:
    """The BUILTIN_REF outputs for every sample, in this process; samples first, batch dropped in.

    inputs: per model input an array (samples, *shape without batch). Returns the same for outputs.
    """
    if importlib.util.find_spec("tflite_runtime") is not None:
        from tflite_runtime import interpreter as runtime
    else:
        from ai_edge_litert import interpreter as runtime
    engine = runtime.Interpreter(
        model_content=model,
        experimental_op_resolver_type=runtime.OpResolverType.BUILTIN_REF,
        num_threads=1,
    )
    engine.allocate_tensors()
    into, out = engine.get_input_details(), engine.get_output_details()
    answers: list[list[Array]] = [[] for _ in out]
    for sample in range(len(inputs[0])):
        for detail, x in zip(into, inputs, strict=True):
            engine.set_tensor(detail["index"], x[sample].reshape(detail["shape"]))
        engine.invoke()
        for detail, values in zip(out, answers, strict=True):
            values.append(engine.get_tensor(detail["index"]))
    return tuple(np.stack(values) for values in answers)


def main(arguments: Sequence[str]) -> None:
    """Read MODEL and IN.npz, write OUT.npz: the answers, and how MODEL was changed for them."""
    model, source, target = arguments
    with np.load(source) as data:
        inputs = [data[f"x{i}"] for i in range(len(data.files))]
    runs = judgeable(Path(model).read_bytes())
    outputs = run_interpreter(runs.model, inputs)
    answers = {f"y{i}": y for i, y in enumerate(outputs)}
    np.savez(target, changes=np.array(runs.changes), **answers)


if __name__ == "__main__":
    main(sys.argv[1:])
