# SPDX-License-Identifier: Apache-2.0
"""All cases as one graph: one build and one board then check every case at once."""

from __future__ import annotations

import importlib
import pkgutil
import zlib
from collections.abc import Iterable
from dataclasses import replace
from functools import cache

import numpy as np

import tests.golden.cases
from mcuforge.compiler import reference
from mcuforge.compiler.frontends.tflite.reader import read_tflite
from mcuforge.compiler.graph import Graph, Node
from mcuforge.compiler.tensors import Array, DType, Quant, Tensor
from tests.golden.case import AnyCase, Case, Operand, constant
from tests.models.case_model import case_model

FEEDS = ("random", "random again", "lowest", "highest", "ramp", "ends")


@cache
def case_modules() -> tuple[str, ...]:
    """List the case lists by operator module."""
    return tuple(sorted(_places()))


def cases_of(module: str) -> tuple[AnyCase, ...]:
    """The cases of one operator."""
    cases: tuple[AnyCase, ...] = importlib.import_module(_places()[module]).CASES
    return cases


def whole_only(module: str) -> tuple[str, ...]:
    """Return the names of cases that cannot run row by row, as their file states them."""
    names: tuple[str, ...] = getattr(importlib.import_module(_places()[module]), "WHOLE_ONLY", ())
    return names


@cache
def _places() -> dict[str, str]:
    """Where each case list is imported from, by operator module."""
    found = pkgutil.walk_packages(tests.golden.cases.__path__, "tests.golden.cases.")
    return {m.name.rpartition(".")[2]: m.name for m in found if not m.ispkg}


@cache
def case_graph(case: AnyCase) -> Graph:
    """The front end's graph of the case's model; of a case without a file its one node.

    Made once per case and process: several tests and their collection ask for it.
    """
    if isinstance(case, Case):
        return read_tflite(case_model(case), name=case.name)
    inputs = tuple(
        own_tensor(f"in{i}", x, constant(case.name, i, x)) for i, x in enumerate(case.inputs)
    )
    output = own_tensor("out", case.output, None)
    case.op.check(inputs, output)
    node = Node(case.op.kind, case.op, inputs, output, "operator 0")
    return Graph(case.name, node.activations, (output,), (node,), source=case.name)


def own_tensor(name: str, operand: Operand, data: Array | None) -> Tensor:
    """The graph's tensor of an operand."""
    scale = operand.scale
    scales = scale if isinstance(scale, tuple) or scale is None else (scale,)
    axis = operand.axis if scales is not None and len(scales) > 1 else None
    quant = None if scales is None else Quant(scales, operand.zero_point, axis)
    return Tensor(name, operand.shape, DType(operand.dtype), quant, data)


def merged(name: str, cases: Iterable[AnyCase]) -> Graph:
    """One graph whose nodes are the cases' nodes, inputs and outputs in the cases' order."""
    inputs: list[Tensor] = []
    outputs: list[Tensor] = []
    nodes = []
    for index, case in enumerate(cases):
        graph = case_graph(case)
        renamed: dict[int, Tensor] = {}

        def rename(t: Tensor, index: int = index, renamed: dict[int, Tensor] = renamed) -> Tensor:
            return renamed.setdefault(id(t), replace(t, name=f"c{index}/{t.name}"))

        inputs += [rename(t) for t in graph.inputs]
        for node in graph.nodes:
            nodes.append(
                replace(
                    node,
                    name=f"c{index} {case.name} {node.name}",
                    inputs=tuple(rename(t) for t in node.inputs),
                    output=rename(node.output),
                )
            )
        outputs += [rename(t) for t in graph.outputs]
    return Graph(name, tuple(inputs), tuple(outputs), tuple(nodes), source=name)


def feed(case: str, tensor: Tensor, kind: str) -> Array:
    """A run-time input of one kind, seeded by the case, the tensor and the kind."""
    rng = np.random.default_rng(zlib.crc32(f"{case}/{tensor.name}/{kind}".encode()))
    dtype = tensor.dtype.numpy
    if dtype.kind == "f":
        low, high = -8.0, 8.0
        floats = {
            "lowest": np.full(tensor.shape, low),
            "highest": np.full(tensor.shape, high),
            "ramp": np.linspace(low, high, tensor.elements).reshape(tensor.shape),
            "ends": rng.choice([low, high], tensor.shape),
        }
        return floats.get(kind, rng.uniform(low, high, tensor.shape)).astype(np.float32)
    limits = np.iinfo(tensor.dtype.value)
    integers = {
        "lowest": np.full(tensor.shape, limits.min),
        "highest": np.full(tensor.shape, limits.max),
        "ramp": (np.arange(tensor.elements) % 256 + limits.min).reshape(tensor.shape),
        "ends": rng.choice([limits.min, limits.max], tensor.shape),
    }
    drawn = integers.get(kind)
    if drawn is None:
        drawn = rng.integers(limits.min, limits.max, tensor.shape, endpoint=True)
    return drawn.astype(dtype)


def feeds(case: AnyCase, graph: Graph) -> tuple[tuple[Array, ...], ...]:
    """Every kind of feed: one tuple of inputs each."""
    return tuple(tuple(feed(case.name, t, kind) for t in graph.inputs) for kind in FEEDS)


@cache
def answers(case: AnyCase) -> tuple[tuple[Array, ...], ...]:
    """reference.py's outputs for every kind of feed, computed once per process."""
    graph = case_graph(case)
    return tuple(reference.run(graph, fed) for fed in feeds(case, graph))
