# SPDX-License-Identifier: Apache-2.0
"""The least flash, and formulas that others judge RAM by, beside graphs and known figures."""

from __future__ import annotations

from random import Random

import pytest

from mcuforge.nas.architecture import Architecture, Block, Stage, Stem, Task, TokenPart
from mcuforge.nas.formulas import compared, layer_peak, mcuformer
from mcuforge.nas.graph_layers import graph_of
from mcuforge.nas.least import least_flash
from mcuforge.nas.space import load_space
from mcuforge.report.search import Formula

SMALL = ["cnn32", "hybrid32", "vit32", "ts1d"]
RESNET8 = Architecture(
    Stem(16),
    (Stage("residual", 16, 1), Stage("residual", 32, 1, 2), Stage("residual", 64, 1, 2)),
)


@pytest.mark.parametrize("name", SMALL)
def test_the_least_flash_is_what_the_graphs_matrices_have(name: str) -> None:
    space, random = load_space(name), Random(4)
    for _ in range(5):
        architecture = space.architecture(space.sample(random))
        graph = graph_of(architecture, space.task)
        weights = {id(n.inputs[1]): n.inputs[1] for n in graph.nodes if len(n.inputs) > 2}
        matrices = [t for t in weights.values() if t.data is not None and len(t.shape) > 1]
        factors = [  # of low rank, without a bias
            n.inputs[1]
            for n in graph.nodes
            if n.op.kind == "fully_connected" and len(n.inputs) == 2
        ]
        assert least_flash(architecture, space.task) == sum(
            tensor.elements for tensor in (*matrices, *factors)
        )


def test_the_layer_peak_is_that_of_the_largest_layer() -> None:
    # an Add of two maps of 32x32x16 into a third one
    assert layer_peak(graph_of(RESNET8, Task((32, 32, 3), 10))) == 3 * 32 * 32 * 16


def test_mcuformers_formula_is_that_of_its_code() -> None:
    blocks = (Block(3, 4 * 192, round(0.7 * 192)),) * 12
    network = Architecture(tokens=TokenPart(192, 64, blocks, 16, class_token=True))
    rank = round(0.7 * 192) / 192
    wanted = 192 * (15**2 + 1) * (1 + 4) + 192**2 * 4 * rank
    assert mcuformer(network, Task((240, 240, 3), 1000)) == pytest.approx(wanted)
    assert mcuformer(RESNET8, Task((32, 32, 3), 10)) is None


def test_wrong_verdicts_are_counted_apart() -> None:
    verdicts = [(True, 11), (True, 10), (False, 10), (False, 9), (False, 11)]
    assert compared("x", verdicts, 10) == Formula("x", 5, 2, 1, 3, 2)
