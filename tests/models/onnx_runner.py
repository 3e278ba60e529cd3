# SPDX-License-Identifier: Apache-2.0
"""Runs ONNX models with onnxruntime in this process, and compares them with our graphs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray

from mcuforge.compiler import reference
from mcuforge.compiler.frontends.onnx.layout import inverse, permuted
from mcuforge.compiler.frontends.onnx.reader import open_onnx, read_onnx
from mcuforge.compiler.frontends.onnx.values import Stored
from mcuforge.compiler.graph import Graph
from mcuforge.compiler.user_ports import port_of, to_file

FINE = 2.0**-20
Float = NDArray[np.float32]
Integers = NDArray[np.int8] | NDArray[np.uint8]


def run(model: onnx.ModelProto, image: Float, *names: str) -> list[Float]:
    """Compute the named values of a model with one input; onnxruntime fuses nothing."""
    feed = {model.graph.input[0].name: image}
    return list(_session(model, names).run(list(names), feed))


def quantized_values(model: onnx.ModelProto, image: Float) -> Iterator[tuple[str, Integers]]:
    """Return the name and the integers of everything that a QDQ model quantizes at run time."""
    names = [node.output[0] for node in model.graph.node if node.op_type == "QuantizeLinear"]
    feed = {model.graph.input[0].name: image}
    return zip(names, _session(model, names).run(names, feed), strict=True)


def graph_of(model: onnx.ModelProto) -> Graph:
    """Return the graph that mcuforge reads from a model."""
    return read_onnx(model.SerializeToString(), name="small.onnx")


def kinds_of(graph: Graph) -> list[str]:
    """List the kinds of a graph's nodes, without views."""
    return [node.op.kind for node in graph.nodes if not node.op.is_view]


def largest_difference(model: onnx.ModelProto, samples: int = 6, seed: int = 1) -> int:
    """Return the most steps between onnxruntime and reference.py, node by node.

    Inputs are random over their whole range. Each node reads what onnxruntime quantized there, so
    that a difference does not carry over to the next node.
    """
    reading = open_onnx(model.SerializeToString(), "small.onnx")
    graph = reading.graph()
    random = np.random.default_rng(seed)
    names = [node.output[0] for node in model.graph.node if node.op_type == "QuantizeLinear"]
    known = {n: v for n in names if isinstance(v := reading.values[n], Stored)}
    session = _session(model, list(known))
    worst = 0
    for _ in range(samples):
        inputs = [random.integers(-128, 127, (1, *t.shape), endpoint=True) for t in graph.inputs]
        feeds = {}
        values: dict[int, NDArray[np.generic]] = {}
        for tensor, drawn in zip(graph.inputs, inputs, strict=True):
            x = drawn.astype(np.int8)
            values[id(tensor)] = x[0]
            feeds[tensor.name] = to_file(x, port_of(graph, tensor), tensor)[0]
        theirs = dict(zip(known, session.run(list(known), feeds), strict=True))
        truth = {id(v.view.tensor): in_memory(v, theirs[name]) for name, v in known.items()}
        values |= truth
        for node in reading.work.nodes:
            operands = [values[id(t)] if t.data is None else t.data for t in node.inputs]
            met = node.op.evaluate(node.inputs, node.output, operands)
            wanted = truth.get(id(node.output), met)
            worst = max(worst, int(np.abs(met.astype(int) - wanted.astype(int)).max()))
            values.setdefault(id(node.output), met)
    return worst


def output_difference(model: onnx.ModelProto, samples: int = 6, seed: int = 1) -> float:
    """Return the most steps of ours between onnxruntime's outputs and those of reference.py.

    Inputs are random over their whole range. The whole model is run, and its outputs are compared
    as real numbers; a step is one of the scale that ours has, or FINE of the largest float32.
    """
    graph = graph_of(model)
    random = np.random.default_rng(seed)
    session = _session(model, [])
    worst = 0.0
    for _ in range(samples):
        drawn = [random.integers(-128, 127, t.shape, np.int8, endpoint=True) for t in graph.inputs]
        feeds = {
            tensor.name: to_file(x[None], port_of(graph, tensor), tensor)[0]
            for tensor, x in zip(graph.inputs, drawn, strict=True)
        }
        theirs = session.run(None, feeds)
        for tensor, met, wanted in zip(
            graph.outputs, reference.run(graph, drawn), theirs, strict=True
        ):
            ours = to_file(met[None], port_of(graph, tensor), tensor)[0]
            assert ours.shape == wanted.shape
            step = tensor.scale if tensor.quant else FINE * float(np.abs(wanted).max())
            worst = max(worst, float(np.abs(ours - wanted).max()) / max(step, 1e-30))
    return worst


def in_memory(value: Stored, integers: NDArray[np.generic]) -> NDArray[np.int8]:
    """Return the file's integers as the graph stores them: int8 of the tensor's shape."""
    view, offset = value.view, 128 if value.scheme.dtype == "uint8" else 0
    logical = (integers.astype(np.int16) - offset).astype(np.int8)
    spread = logical.reshape(permuted(view.tensor.shape, view.perm))
    return np.ascontiguousarray(spread.transpose(inverse(view.perm)))


def _session(model: onnx.ModelProto, names: Sequence[str]) -> onnxruntime.InferenceSession:
    """Open a session of a copy of `model` that also outputs these values."""
    opened = onnx.ModelProto.FromString(model.SerializeToString())
    known = {output.name for output in opened.graph.output}
    opened.graph.output.extend(
        onnx.helper.make_empty_tensor_value_info(name) for name in names if name not in known
    )
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(opened.SerializeToString(), options)
