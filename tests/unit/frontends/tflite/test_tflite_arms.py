# SPDX-License-Identifier: Apache-2.0
"""Each operator of a file becomes the operators it should, with the reference's answers."""

from __future__ import annotations

import numpy as np
import pytest

from mcuforge.compiler import reference
from mcuforge.compiler.frontends.tflite.ops.table import ARMS
from mcuforge.compiler.frontends.tflite.reader import SUPPORTED, read_tflite
from mcuforge.compiler.verify import verify
from tests.golden.case import Case
from tests.golden.merge import case_graph, case_modules, cases_of
from tests.models import elementwise_samples, gathering_samples
from tests.models.case_model import case_model, feed
from tests.models.oracle import run_reference
from tests.models.samples import SAMPLES, Sample

JUDGED = (
    *SAMPLES,
    *gathering_samples.GATHERING,
    *gathering_samples.BLOCKS,
    *gathering_samples.EXTREMES,
    *elementwise_samples.JUDGED,
)
EVERY = (*JUDGED, *elementwise_samples.UNJUDGED, *gathering_samples.UNJUDGED)


@pytest.mark.parametrize("sample", EVERY, ids=lambda s: s.case.name)
def test_an_operator_becomes_what_it_means(sample: Sample) -> None:
    graph = read_tflite(case_model(sample.case))
    assert tuple(node.op for node in graph.nodes) == sample.ops
    assert {node.origin for node in graph.nodes} == {f"operator 0 {sample.case.op}"}
    verify(graph, "the front end")


@pytest.mark.parametrize("sample", JUDGED, ids=lambda s: s.case.name)
def test_an_operator_gives_the_answers_of_the_reference_kernels(sample: Sample) -> None:
    model = case_model(sample.case)
    graph = read_tflite(model)
    for seed in range(3):
        places = enumerate(graph.inputs)
        inputs = [feed(t.shape, t.dtype.value, seed * 8 + i) for i, t in places]
        wanted = run_reference(model, inputs)
        for met, want in zip(reference.run(graph, inputs), wanted, strict=True):
            assert met.dtype == want.dtype or (met.dtype == np.int32 and want.dtype == np.int64)
            assert np.array_equal(met, want)


def test_every_arm_has_a_sample_or_golden_case_that_builds_what_the_table_says() -> None:
    built: dict[str, set[type]] = {}
    for sample in EVERY:
        built.setdefault(sample.case.op, set()).update(type(op) for op in sample.ops)
    for case in (case for module in case_modules() for case in cases_of(module)):
        if isinstance(case, Case) and case.op not in built:
            nodes = case_graph(case).nodes
            built[case.op] = {type(node.op) for node in nodes}
    assert built == {name: set(arm.builds) for name, arm in ARMS.items()}, (
        "an operator with a kernel of its own has golden cases, one made of other operators has "
        "samples: tests/models/samples.py"
    )


def test_the_operator_table_names_the_classes_and_the_shape_arithmetic() -> None:
    assert SUPPORTED["CONV_2D"].ops == ("Conv2D",)
    assert SUPPORTED["STRIDED_SLICE"].ops == ("Slice", "Reshape")
    assert SUPPORTED["CAST"].ops == ()
    assert "shapes only" in SUPPORTED["CAST"].note
    assert set(ARMS) < set(SUPPORTED)
