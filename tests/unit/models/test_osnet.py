# SPDX-License-Identifier: Apache-2.0
"""OSNet as the script makes it: the paper's structure, the same bytes each time, live values."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from mcuforge.compiler import reference
from mcuforge.compiler.builders.tflite_writer import write_model
from mcuforge.compiler.frontends.tflite.reader import read_tflite
from scripts.make_osnet import Size, osnet
from tests.models.case_model import feed
from tests.models.oracle import run_reference

SMALL = Size(resolution=64, blocks=1, branches=2)


def test_the_default_has_about_three_hundred_operators() -> None:
    kinds = Counter(node.op.kind for node in read_tflite(write_model(osnet(Size()))).nodes)
    assert sum(kinds.values()) == 288
    assert kinds["depthwise_conv2d"] == 6 * (1 + 2 + 3 + 4)
    assert kinds["logistic"] == 6 * 4
    assert kinds["add"] == 6 * (3 + 1)


@pytest.mark.parametrize(
    ("width", "macs"), [(1.0, 978_900_000), (0.5, 272_900_000), (0.25, 82_300_000)]
)
def test_it_has_the_sizes_its_authors_give(width: float, macs: int) -> None:
    # the multiply-adds that the paper states for its width multipliers
    graph = read_tflite(write_model(osnet(Size(width))))
    assert graph.macs == pytest.approx(macs, rel=0.05)


def test_blocks_and_branches_make_it_grow() -> None:
    assert len(osnet(Size(blocks=3)).operators) == 288 + 3 * 46
    assert len(osnet(Size(branches=5)).operators) == 288 + 6 * (5 * 2 + 5 + 1)


def test_the_same_arguments_give_the_same_bytes() -> None:
    assert write_model(osnet(SMALL)) == write_model(osnet(SMALL))


def test_activations_neither_saturate_nor_die() -> None:
    graph = read_tflite(write_model(osnet(SMALL)))
    values = reference.run_all(graph, [feed((1, 64, 32, 3), "int8")])
    for node in graph.nodes:
        value = values[node.output.name]
        if value.size < 64:
            continue  # the gates: a few numbers
        ends = np.mean(value == value.min()), np.mean(value == value.max())
        assert max(ends) < 0.9, node.name
        assert len(np.unique(value)) > 32, node.name


def test_it_means_what_tflite_makes_of_it() -> None:
    model = write_model(osnet(SMALL))
    image = [feed((1, 64, 32, 3), "int8")]
    right = run_reference(model, image)[0]
    np.testing.assert_array_equal(reference.run(read_tflite(model), image)[0], right)
