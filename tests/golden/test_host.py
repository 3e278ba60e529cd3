# SPDX-License-Identifier: Apache-2.0
"""Second link: the C of every ISA equals reference.py, under sanitizers, apart and in place.

Apart, layers run in the ISA's own kernels wherever it has some; in place, in those that the
compiler chooses.

Kernels of other cores run on the host by what stands beside their instructions in C.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mcuforge.compiler.compile import compile_graph
from mcuforge.runtime_c.sources import PORTABLE
from tests.golden import host
from tests.golden.isas import in_own_kernels, isa_modules
from tests.golden.merge import FEEDS, answers, case_graph, cases_of, feeds, merged

RAM_BYTES = 1 << 24


# that outputs may lie over inputs in each ISA's kernels is test_overlap.py's to show
PLACED = [
    pytest.param(isa, module, placement, marks=[pytest.mark.slow] if is_slow else [])
    for isa, module in isa_modules()
    for placement in ("redzoned", "planned")
    for is_slow in (isa != PORTABLE and placement == "planned",)
]


@pytest.mark.parametrize(("isa", "module", "placement"), PLACED)
def test_c_equals_the_reference(isa: str, module: str, placement: str, tmp_path: Path) -> None:
    check(isa, module, placement, tmp_path)


@pytest.mark.parametrize("module", ["average_pool2d", "max_pool2d", "mean", "sum"])
def test_four_channels_at_once_equal_the_reference(module: str, tmp_path: Path) -> None:
    """As cores with the DSP extension compute these operators: runtime_c/src/common/channels.h."""
    check("portable", module, "redzoned", tmp_path, "-DMCUFORGE_FOUR_CHANNELS=1")


def check(isa: str, module: str, placement: str, folder: Path, *flags: str) -> None:
    """Run an operator's cases with every feed; the C is compiled with `flags` and sanitizers."""
    cases = cases_of(module)
    graph = merged(f"golden_{module}", cases)
    gaps: list[str] = []
    if placement == "redzoned":
        compiled = in_own_kernels(graph, isa, RAM_BYTES)
        sizes = {b.name: b.bytes for b in compiled.problem.buffers}
        model, gaps = host.redzoned(compiled.schedule, sizes)
    else:
        model = compile_graph(graph, isa, RAM_BYTES, effort=0.0).model
    program = host.build(model, isa, folder, gaps, (*host.SANITIZERS, *flags))
    drawn = [feeds(case, case_graph(case)) for case in cases]
    inputs = [[x for case in drawn for x in case[kind]] for kind in range(len(FEEDS))]
    got = host.run(program, model, inputs)
    for kind, name in enumerate(FEEDS):
        outputs = iter(zip(got[kind], model.outputs, strict=True))
        for case in cases:
            for want in answers(case)[kind]:
                answer, _ = next(outputs)
                where = f"{isa}, {case.name}, feed {name}, {placement}"
                np.testing.assert_array_equal(answer, want.reshape(-1), err_msg=where)
