# SPDX-License-Identifier: Apache-2.0
"""The C programs of README.md and docs/memory.md compile without a warning and work as told."""

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


ISA = "armv7em"  # of the pages' boards; on a host its kernels are plain C

SHOWS_CLASSIFY = """
#include <stdio.h>

int main(void)
{
    int8_t pixels[64];
    for (int i = 0; i < 64; i++) {
        pixels[i] = i % 8 == 4 && i > 7 && i < 56 ? 127 : -128; /* a stroke from top to bottom */
    }
    const int8_t *const scores = classify(pixels);
    for (int digit = 0; digit < 10; digit++) {
        printf("%d ", scores[digit] + 128);
    }
    return 0;
}
"""


def program_of(page: str) -> str:
    """The first C program of a document."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return text.partition("```c\n")[2].partition("```")[0]


def output_of(program: str, folder: Path, options: PlanOptions) -> str:
    """What the program prints, built with the digits model under sanitizers; skips without gcc."""
    if shutil.which("gcc") is None:
        pytest.skip("needs gcc")
    graph = read_tflite(MODEL.read_bytes(), name=MODEL.name)
    compiled = compile_graph(graph, ISA, 1 << 20, options=options)
    for name, text in {**compiled.model.files, "main.c": program}.items():
        (folder / name).write_text(text, encoding="utf-8")
    kernels = [str(kernel_source(kernel, ISA)) for kernel in compiled.model.kernels]
    sources = [str(folder / name) for name in ("main.c", "model.c", "weights.c")]
    includes = ("-I", str(folder), "-I", str(headers_dir()))
    binary = str(folder / "digits")
    subprocess.run(
        ["gcc", *WARNINGS, *SANITIZERS, *includes, *sources, *kernels, "-o", binary], check=True
    )
    return subprocess.run(
        [binary], check=True, capture_output=True, text=True, timeout=60
    ).stdout.strip()


def test_the_streaming_program_of_the_docs_runs_as_printed(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "memory.md").read_text(encoding="utf-8")
    said = page.partition("./digits\n")[2].partition("\n")[0].strip()
    program = program_of("docs/memory.md")
    assert output_of(program, tmp_path, PlanOptions(streamed=True)) == said


def test_the_program_of_the_readme_classifies(tmp_path: Path) -> None:
    program = program_of("README.md") + SHOWS_CLASSIFY
    scores = output_of(program, tmp_path, PlanOptions())
    assert scores == "27 126 5 4 25 6 45 11 3 5"  # as docs/memory.md has it from its rows
