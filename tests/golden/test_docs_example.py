# SPDX-License-Identifier: Apache-2.0
"""The program docs/memory.md prints compiles without a warning and says what the page says."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from mcuforge.compiler.compile import PlanOptions, compile_graph
from mcuforge.compiler.frontends.tflite.reader import read_tflite
from mcuforge.runtime_c.sources import headers_dir, kernel_source
from tests.golden.host import SANITIZERS, WARNINGS

ROOT = Path(__file__).resolve().parents[2]
MODEL = ROOT / "examples" / "digits" / "digits_cnn.tflite"


def test_the_streaming_program_of_the_docs_runs_as_printed(tmp_path: Path) -> None:
    if shutil.which("gcc") is None:
        pytest.skip("needs gcc")
    page = (ROOT / "docs" / "memory.md").read_text(encoding="utf-8")
    program = page.partition("```c\n")[2].partition("```")[0]
    said = page.partition("./digits\n")[2].partition("\n")[0].strip()
    graph = read_tflite(MODEL.read_bytes(), name=MODEL.name)
    compiled = compile_graph(graph, "portable", 1 << 20, options=PlanOptions(streamed=True))
    for name, text in {**compiled.model.files, "main.c": program}.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    kernels = [str(kernel_source(kernel, "portable")) for kernel in compiled.model.kernels]
    sources = [str(tmp_path / name) for name in ("main.c", "model.c", "weights.c")]
    includes = ("-I", str(tmp_path), "-I", str(headers_dir()))
    binary = str(tmp_path / "digits")
    subprocess.run(
        ["gcc", *WARNINGS, *SANITIZERS, *includes, *sources, *kernels, "-o", binary], check=True
    )
    answer = subprocess.run([binary], check=True, capture_output=True, text=True, timeout=60)
    assert answer.stdout.strip() == said
