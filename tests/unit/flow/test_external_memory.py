# SPDX-License-Identifier: Apache-2.0
"""An image for the hardware keeps off memories whose controller nobody has set up."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from mcuforge.compiler.compile import PlanOptions
from mcuforge.errors import CompileError
from mcuforge.flow.firmware import build_check
from mcuforge.flow.session import compile_session, open_session

MODEL = Path(__file__).resolve().parents[3] / "examples" / "digits" / "digits_cnn.tflite"


def test_buffers_in_external_ram_are_refused_before_anything_is_built(tmp_path: Path) -> None:
    session = open_session(MODEL, "disco_f429zi", emulate=False)
    compiled = compile_session(session, PlanOptions())
    peaks = dict.fromkeys((region.name for region in compiled.problem.regions), 0)
    plan = replace(compiled.plan, peaks={**peaks, "sdram": 4096})
    with pytest.raises(CompileError, match="4,096 bytes of buffers would lie in 'sdram'") as found:
        build_check(session, replace(compiled, plan=plan), tmp_path / "project")
    assert "digits_cnn.tflite" in found.value.where
    assert "--emulate runs them on the stand-in" in found.value.hint
    assert not (tmp_path / "project").exists()
