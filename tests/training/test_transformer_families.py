# SPDX-License-Identifier: Apache-2.0
"""Families of transformers from stock tools: torch.onnx, quant_pre_process, quantize_static."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.transformer_families import FAMILIES, write
from scripts.zoo_model import Host, Refused, examine
from scripts.zoo_table import NEAR_STEPS

NOT_YET = {  # what they may be refused for
    "edgenext": "ReduceL2",
    "mobilevit_v2": "InstanceNormalization",
    "poolformer": "InstanceNormalization",
    "xcit": "ReduceL2",
}
QUICK = ("swin",)


def test_there_are_sixteen() -> None:
    assert len(FAMILIES) == 16
    assert set(NOT_YET) < set(FAMILIES)


@pytest.mark.parametrize(
    "family",
    [
        pytest.param(family, marks=[] if family in QUICK else [pytest.mark.slow])
        for family in FAMILIES
    ],
)
def test_a_family_is_read_exact_and_near_onnxruntime(family: str, tmp_path: Path) -> None:
    *_, host = examine(write(family, tmp_path), 1, None)
    if isinstance(host, Refused) and NOT_YET.get(family, "-") in host.what:
        pytest.xfail(host.what)
    assert isinstance(host, Host), host
    assert host.exact == host.samples == 2
    assert host.beside is not None
    assert host.beside.problem == ""
    assert host.beside.steps <= NEAR_STEPS
