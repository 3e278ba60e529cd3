# SPDX-License-Identifier: Apache-2.0
"""Kernels touch no byte outside their buffers, wherever these lie, and equal the reference.

Every small shape, in the kernels of every ISA: with each input, weight and output up against an
unreadable page on either side, and int8 tensors one to three bytes off a word.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.golden.guarded import run_guarded
from tests.golden.isa_shapes import EVERY, isa_kinds, of_isa, with_values
from tests.golden.small_shapes import SHAPES


def assert_guarded(isa: str, kind: str, every: int, folder: Path) -> None:
    nodes = [with_values(name, node) for name, node in of_isa(kind, isa, every)]
    wrong = list(run_guarded(nodes, isa, folder))
    assert not wrong, f"{len(wrong)} of {5 * len(nodes)}:\n" + "\n".join(wrong[:20])


def test_every_kind_of_shape_is_run() -> None:
    assert set(EVERY) == set(SHAPES)
    assert {kind for isa, kind in isa_kinds() if isa == "portable"} == set(SHAPES)


@pytest.mark.parametrize(("isa", "kind"), isa_kinds())
def test_small_shapes_between_unreadable_pages(isa: str, kind: str, tmp_path: Path) -> None:
    assert_guarded(isa, kind, EVERY[kind], tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize(("isa", "kind"), [p for p in isa_kinds() if EVERY[p[1]] > 1])
def test_every_small_shape_between_unreadable_pages(isa: str, kind: str, tmp_path: Path) -> None:
    assert_guarded(isa, kind, 1, tmp_path)
