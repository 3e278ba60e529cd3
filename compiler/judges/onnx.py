# SPDX-License-Identifier: Apache-2.0
"""Runs onnxruntime beside mcuforge's own reference, in its own process.

onnxruntime computes much of a quantized model in float between DequantizeLinear and QuantizeLinear.
It comes within about one rounding step per operator of our integers, so it is never the exact
reference.

`python -m mcuforge.compiler.judges.onnx MODEL` is that process.
"""

import importlib.util
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import numpy as np

from mcuforge.compiler.graph import Graph
from mcuforge.compiler.judges import EXACT_MARK
from mcuforge.compiler.judges.answers import Answers, Judge, Peer
from mcuforge.compiler.judges.child import Child, ChildFailed, patience, serve
from mcuforge.compiler.judges.own import OwnReference
from mcuforge.compiler.tensors import Array
from mcuforge.compiler.user_ports import port_of, to_file, to_graph
from mcuforge.errors import CompileError

PACKAGE = "onnxruntime"
FATAL = 4  # onnxruntime's log level that hides warnings


def peer_name() -> str | None:
    """Return 'onnxruntime 1.32.0', or None when it is not installed."""
    if importlib.util.find_spec(PACKAGE) is None:
        return None
    return f"{PACKAGE} {version(PACKAGE)}"


class OnnxJudge(Judge):
    """Runs our own reference for exactness, and onnxruntime on the user's file.

    inputs: one array per graph input, samples first, in the graph's form; onnxruntime gets them in
    the file's form. Raises CompileError when onnxruntime is not installed: without it, a verdict on
    an ONNX model would not speak about the model that its owner trained.
    """

    def __init__(self, graph: Graph, model: Path, inputs: Sequence[Array]) -> None:
        name = peer_name()
        if name is None:
            raise CompileError(
                "onnxruntime is not installed, expected it beside mcuforge's own reference",
                str(model),
                "pip install onnxruntime",
            )
        self._name = f"{name}, CPU, graph optimizations off"
        self._graph = graph
        self._model = model
        self._samples = len(inputs[0])
        fed = [
            to_file(x, port_of(graph, tensor), tensor)
            for tensor, x in zip(graph.inputs, inputs, strict=True)
        ]
        self._own = OwnReference(graph, inputs)
        self._child = Child("mcuforge.compiler.judges.onnx", (str(model),), fed)

    def close(self) -> None:
        """End every process and remove its folder."""
        self._child.close()
        self._own.close()

    def answers(self) -> Answers:
        """Wait for both. Raises CompileError when onnxruntime refuses the model or dies."""
        own = self._own.answers()
        try:
            found = self._child.answer(patience(self._graph.macs, self._samples))
        except ChildFailed as failed:
            raise self._error(str(failed)) from None
        outputs = []
        for i, tensor in enumerate(self._graph.outputs):
            port, y = port_of(self._graph, tensor), found[i]
            if y.size != self._samples * tensor.elements:
                raise self._error(
                    f"gives output {i} of shape {list(y.shape[1:])}, the file says "
                    f"{list(port.shape)}"
                )
            outputs.append(to_graph(y.reshape(self._samples, *port.shape), port, tensor))
        names = f"{own.reference}{EXACT_MARK} and {self._name}"
        return Answers(names, own.outputs, Peer(self._name, tuple(outputs)))

    def _error(self, what: str) -> CompileError:
        return CompileError(
            f"{self._name}, {what}",
            str(self._model),
            "check that the model runs in onnxruntime by itself; `mcuforge doctor` shows it",
        )


def run_onnxruntime(model: bytes | Path, inputs: Sequence[Array]) -> tuple[Array, ...]:
    """Compute onnxruntime's outputs for every sample, in this process.

    model: a file, which may have data beside it, or the bytes of one that has none. inputs: per
    model input an array (samples, *the file's shape). Outputs have the shape (samples, *the file's)
    and the file's dtype. Each operator is computed as the file spells it: no graph optimization,
    one thread, the CPU.
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


def compute(words: Sequence[str], arrays: list[Array]) -> Sequence[Array]:
    """Compute the outputs of the model file named in `words`.

    Outputs have the shape (samples, *the file's) and the file's dtype.
    """
    (model,) = words
    return run_onnxruntime(Path(model), arrays)


if __name__ == "__main__":
    serve(compute)
