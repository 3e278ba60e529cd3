# SPDX-License-Identifier: Apache-2.0
"""What other searches judge RAM by, beside the compiler: how often they would have been wrong."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from random import Random

from mcuforge.compiler.graph import Graph
from mcuforge.nas.architecture import Architecture, Task
from mcuforge.nas.feasible import Feasible
from mcuforge.nas.graph_layers import graph_of
from mcuforge.report.search import Formula

LAYER_PEAK, MCUFORMER = "layer peak", "MCUFormer"


def layer_peak(graph: Graph) -> int:
    """Bytes of the layer whose inputs and output are largest together, weights apart."""
    return max(
        sum(prod(t.shape) for t in node.inputs if t.data is None) + prod(node.output.shape)
        for node in graph.nodes
    )


def mcuformer(architecture: Architecture, task: Task) -> float | None:
    """MCUFormer's bytes of a pure transformer; None for other networks.

    C (n^2 + 1) (1 + m) + C^2 m r, with width C, n = image / patch, m the largest MLP ratio and r
    the rank ratio (its code, where the image has 240 pixels a side); with a rank per block, r is
    the largest.
    """
    part = architecture.tokens
    if part is None or architecture.stem or architecture.stages:
        return None
    tokens = (task.image[0] / part.patch) ** 2 + 1
    ratio = max(block.hidden for block in part.blocks) / part.width
    rank = max((block.rank or part.width) for block in part.blocks) / part.width
    return float(part.width * tokens * (1 + ratio) + part.width**2 * ratio * rank)


def compared(name: str, verdicts: Sequence[tuple[bool, float]], ram: int) -> Formula:
    """Compare a formula with the compiler, by (fits, the formula's bytes) of architectures."""
    fit = [found for fits, found in verdicts if fits]
    admitted = [fits for fits, found in verdicts if found <= ram]
    return Formula(
        name,
        len(verdicts),
        len(fit),
        sum(found > ram for found in fit),
        len(admitted),
        sum(not fits for fits in admitted),
    )


def on_samples(feasible: Feasible, count: int, seed: int) -> tuple[Formula, ...]:
    """How often the formulas are wrong about RAM, on so many architectures drawn evenly."""
    space, task, random = feasible.space, feasible.task, Random(seed)
    found: dict[str, list[tuple[bool, float]]] = {}
    for _ in range(count):
        genome = space.sample(random)
        architecture = space.architecture(genome)
        fits = feasible.unlimited.cost(genome, exact=False).fits
        peak = layer_peak(graph_of(architecture, task))
        found.setdefault(LAYER_PEAK, []).append((fits, peak))
        formula = mcuformer(architecture, task)
        if formula is not None:
            found.setdefault(MCUFORMER, []).append((fits, formula))
    ram = feasible.target.ram
    return tuple(compared(name, verdicts, ram) for name, verdicts in found.items())
