# SPDX-License-Identifier: Apache-2.0
"""onnxruntime beside mcuforge's own reference, in a process of its own like TFLite's interpreter.

onnxruntime computes much of a quantized model in float between DequantizeLinear and QuantizeLinear:
it is near our integers, to about a rounding step an operator, and never the exact reference.

`python -m mcuforge.compiler.judges.onnx MODEL IN.npz OUT.npz` is that process.
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

from mcuforge.compiler.ir import Array, Graph
from mcuforge.compiler.judges.answers import Answers, Child, ChildFailed, Peer, patience
from mcuforge.compiler.judges.own import OwnReference
from mcuforge.compiler.user_ports import port_of, to_file, to_graph
from mcuforge.errors import CompileError

PACKAGE = "onnxruntime"
EXACT_MARK = " (exact)"  # in the reference's name: the answers must equal what stands before it
FATAL = 4  # onnxruntime's log level that says nothing of warnings


def peer_name() -> str | None:
    """'onnxruntime 1.32.0', or None when it is not installed."""
    if importlib.util.find_spec(PACKAGE) is None:
        return None
    return f"{PACKAGE} {version(PACKAGE)}"


class OnnxJudge:
    """Our own reference for exactness and onnxruntime on the user's file, both in the background.

    `inputs`: one array per graph input, samples first, in the graph's form; onnxruntime gets them
    in the file's. Raises CompileError when onnxruntime is not installed: a verdict on an ONNX model
    without it would say nothing of what the model's owner trained.
    """

    def __init__(self, graph: Graph, model: Path, inputs: Sequence[Array]) -> None:
        name = peer_name()
        if name is None:
            raise CompileError(
                "onnxruntime is not installed, wanted it beside mcuforge's own reference",
                str(model),
                "pip install onnxruntime",
            )
        self._name = f"{name}, CPU, graph optimisations off"
        self._graph = graph
        self._model = model
        self._samples = len(inputs[0])
        self._folder = tempfile.TemporaryDirectory(prefix="mcuforge-peer-")
        folder = Path(self._folder.name)
        self._out = folder / "out.npz"
        fed = {
            f"x{i}": to_file(x, port_of(graph, tensor), tensor)
            for i, (tensor, x) in enumerate(zip(graph.inputs, inputs, strict=True))
        }
        np.savez(folder / "in.npz", **fed)
        self._own = OwnReference(graph, inputs)
        self._child = Child(
            "mcuforge.compiler.judges.onnx", (str(model), str(folder / "in.npz"), str(self._out))
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
        self._own.__exit__(kind, error, trace)
        self._folder.cleanup()

    def answers(self, timeout_s: float | None = None) -> Answers:
        """Wait for both. Raises CompileError when onnxruntime refuses the model or dies."""
        limit_s = patience(self._graph.macs, self._samples) if timeout_s is None else timeout_s
        own = self._own.answers(limit_s)
        try:
            self._child.wait(limit_s)
        except ChildFailed as failed:
            raise self._error(str(failed)) from None
        outputs = []
        with np.load(self._out) as data:
            for i, tensor in enumerate(self._graph.outputs):
                port, y = port_of(self._graph, tensor), data[f"y{i}"]
                if y.size != self._samples * tensor.elements:
                    raise self._error(
                        f"gives output {i} of shape {list(y.shape[1:])}, the file says "
                        f"{list(port.shape)}"
                    )
                outputs.append(to_graph(y.reshape(self._samples, *port.shape), port, tensor))
        names = f"{own.reference}{EXACT_MARK} and {self._name}"
        return Answers(names, own.outputs, Peer(self._name, tuple(outputs)))

    def review(self, answers: Answers) -> Answers:
        """The same: these answers are our own reference's."""
        return answers

    def _error(self, what: str) -> CompileError:
        return CompileError(
            f"{self._name}, {what}",
            str(self._model),
            "check that the model runs in onnxruntime by itself; `mcuforge doctor` shows it",
        )


def run_onnxruntime(model: bytes | Path, inputs: Sequence[Array]) -> tuple[Array, ...]:
    """onnxruntime's outputs for every sample, in this process: samples first.

    model: a file, which may have data beside it, or the bytes of one that has none. inputs: per
    model input an array (samples, *the file's shape). Each operator is computed as the file spells
    it: no graph optimisation, one thread, the CPU.
    """
    import onnxruntime

    onnxruntime.set_default_logger_severity(FATAL)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    source = model if isinstance(model, bytes) else str(model)
    session = onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
    names = [x.name for x in session.get_inputs()]
    runs = [
        session.run(None, {n: x[sample] for n, x in zip(names, inputs, strict=True)})
        for sample in range(len(inputs[0]))
    ]
    return tuple(np.stack(values) for values in zip(*runs, strict=True))


def main(arguments: Sequence[str]) -> None:
    """Read MODEL and IN.npz, write OUT.npz."""
    model, source, target = arguments
    with np.load(source) as data:
        inputs = [data[f"x{i}"] for i in range(len(data.files))]
    outputs = run_onnxruntime(Path(model), inputs)
    np.savez(target, **{f"y{i}": y for i, y in enumerate(outputs)})


if __name__ == "__main__":
    main(sys.argv[1:])
