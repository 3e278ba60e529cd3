# SPDX-License-Identifier: Apache-2.0
"""Families of transformers from stock tools: torch.onnx, quant_pre_process, quantize_static."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.transformer_families import FAMILIES, write
from scripts.zoo_model import Host, examine
from scripts.zoo_table import NEAR_STEPS

QUICK = ("swin",)


def test_there_are_sixteen() -> None:
    assert len(FAMILIES) == 16


@pytest.mark.parametrize(
    "family",
    [
        pytest.param(family, marks=[] if family in QUICK else [pytest.mark.slow])
        for family in FAMILIES
    ],
)
def test_a_family_is_read_exact_and_near_onnxruntime(family: str, tmp_path: Path) -> None:
    *_, host = examine(write(family, tmp_path), 1, None)
    assert isinstance(host, Host), host
    assert host.exact == host.samples == 2
    assert host.beside is not None
    assert host.beside.problem == ""
    assert host.beside.steps <= NEAR_STEPS
