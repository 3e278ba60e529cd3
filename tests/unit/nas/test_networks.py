# SPDX-License-Identifier: Apache-2.0
"""Networks described by a few numbers: sound graphs, whole or of shapes alone, that plan alike."""

from random import Random

import numpy as np
import pytest

from mcuforge.compiler import reference
from mcuforge.compiler.compile import plan_graph
from mcuforge.compiler.tensors import DType, is_unknown
from mcuforge.compiler.verify import verify
from mcuforge.nas import sampling
from mcuforge.nas.networks import (
    Blocks,
    HybridNet,
    InvertedNet,
    Network,
    ResidualNet,
    Stage,
    VitNet,
)
from mcuforge.nas.sampling import SUPERNETS

RESNET8 = ResidualNet(16, (Stage(16, 1, 1), Stage(32, 1), Stage(64, 1)))
SMALL: dict[str, Network] = {
    "residual": ResidualNet(8, (Stage(8, 1, 1), Stage(16, 1)), image=8),
    "inverted": InvertedNet(8, (Stage(16, 2, 2, 5, 3),), last=16, image=8),
    "vit": VitNet(Blocks(16, (32, 48), (2, 1), 8), patch=4, image=16),
    "low rank": VitNet(Blocks(16, (32,), (2,), 8, rank=6), 4, 18, class_token=True),
    "sequence": sampling.sequence(Random(3)),
    "hybrid": HybridNet(8, (Stage(16, 1),), Blocks(16, (32,), (2,), 8), image=8),
}


def test_resnet8_is_the_one_of_mlperf_tiny() -> None:
    graph = RESNET8.graph()
    assert graph.macs == 12_501_632  # ANCHORS: MLPerf Tiny's image classification
    assert graph.parameters == 77_706


@pytest.mark.parametrize("name", SMALL)
def test_a_network_with_weights_answers_and_does_not_saturate(name: str) -> None:
    graph = SMALL[name].graph(seed=5)
    verify(graph, "built")
    rng = np.random.default_rng(1)
    image = rng.integers(-100, 100, graph.inputs[0].shape, np.int8)
    (answer,) = reference.run(graph, [image])
    assert len(np.unique(answer)) > 2
    assert np.mean(np.abs(answer.astype(int)) > 126) < 0.5


@pytest.mark.parametrize(
    ("name", "isa"),
    [(name, "armv7em") for name in SMALL]
    + [(name, isa) for name in ("residual", "inverted") for isa in ("rv32", "helium", "portable")],
)
def test_shapes_alone_plan_as_weights_do(name: str, isa: str) -> None:
    bare, whole = SMALL[name].graph(), SMALL[name].graph(seed=5)
    verify(bare, "built")
    assert [(n.name, n.op, n.output.shape) for n in bare.nodes] == [
        (n.name, n.op, n.output.shape) for n in whole.nodes
    ]
    plans = [plan_graph(graph, isa, 1 << 20) for graph in (bare, whole)]
    assert plans[0].plan.placements == plans[1].plan.placements


def test_a_network_without_weights_takes_no_memory() -> None:
    largest = VitNet(Blocks(240, (960,) * 14, (4,) * 14, 64), 16, 240, True, 1000)
    constants = largest.graph().constants()
    weights = [tensor for tensor in constants if tensor.dtype is not DType.FLOAT32]
    assert len(weights) > 100
    assert all(is_unknown(tensor.values()) for tensor in weights)


@pytest.mark.parametrize("family", ["residual", "inverted", "hybrid", "vit", "sequence"])
def test_samplers_give_sound_networks_and_the_same_for_a_seed(family: str) -> None:
    sample = getattr(sampling, family)
    random = Random(7)
    drawn = [sample(random) for _ in range(20)]
    again = Random(7)
    assert drawn == [sample(again) for _ in range(20)]
    assert len(set(map(repr, drawn))) > 15
    for network in drawn[:3]:
        verify(network.graph(), "built")


def test_a_supernet_has_as_many_architectures_as_mcuformers() -> None:
    # SUPERNET T: (2 heads * 2 ratios) ** depth per width, rank and patch
    for name, wanted in (("T", 6.34e10), ("S", 4.63e15), ("B", 6.1e14)):
        space = SUPERNETS[name]
        per_block = len(space.heads) * len(space.ratios)
        kinds = len(space.widths) * len(space.ranks) * len(space.patches)
        count = kinds * sum(per_block**depth for depth in space.depths)
        assert count == pytest.approx(wanted, rel=0.01)
    network = SUPERNETS["T"].sample(Random(2))
    assert network.image == 240
    verify(network.graph(), "built")
