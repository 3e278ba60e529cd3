# SPDX-License-Identifier: Apache-2.0
"""Generated C on the host under AddressSanitizer and UndefinedBehaviorSanitizer."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

from mcuforge.compiler.codegen.model import GeneratedModel, generate
from mcuforge.compiler.schedule.memory import ALIGNMENT
from mcuforge.compiler.schedule.schedule import Schedule
from mcuforge.compiler.tensors import Array
from mcuforge.memplan.problem import Placement
from mcuforge.runtime_c.sources import headers_dir, kernel_source
from tests.golden.objects import objects

REDZONE = 32  # poisoned bytes round every buffer; a multiple of ASan's 8
WARNINGS = ("-std=c99", "-Wall", "-Wextra", "-Wconversion", "-Werror")
SANITIZERS = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-O1", "-g1")

MAIN = """
#include <sanitizer/asan_interface.h>
#include <stdio.h>
#include <stdlib.h>
#include "model.h"

static const struct { size_t begin, end; } gaps[] = { %(gaps)s };
static const size_t inputs[] = { %(inputs)s };
static const size_t outputs[] = { %(outputs)s };

int main(void)
{
    static struct %(name)s_state state;
    static char *arena;
    if (posix_memalign((void **)&arena, 64, %(NAME)s_ARENA_BYTES) != 0) return 3;
    if (%(name)s_init(&state, arena, %(NAME)s_ARENA_BYTES) != MCUFORGE_OK) return 4;
    for (size_t i = 0; i < sizeof gaps / sizeof gaps[0]; i++)
        ASAN_POISON_MEMORY_REGION(arena + gaps[i].begin, gaps[i].end - gaps[i].begin);
    for (;;) {
        for (int32_t i = 0; i < %(NAME)s_INPUTS; i++)
            if (fread(%(name)s_input(&state, i), 1, inputs[i], stdin) != inputs[i]) return 0;
        if (%(name)s_run(&state) != MCUFORGE_OK) return 5;
        for (int32_t i = 0; i < %(NAME)s_OUTPUTS; i++)
            fwrite(%(name)s_output(&state, i), 1, outputs[i], stdout);
    }
}
"""


def redzoned(schedule: Schedule, sizes: Mapping[str, int]) -> tuple[GeneratedModel, list[str]]:
    """C with every buffer apart and a gap after each, and the gaps as C initializers."""
    placements, gaps, at = {}, [f"{{0, {REDZONE}}}"], REDZONE
    for name, size in sizes.items():
        assert at % ALIGNMENT == 0
        placements[name] = Placement("ram", at)
        end = at + size
        at = -(-(end + REDZONE) // REDZONE) * REDZONE
        gaps.append(f"{{{end}, {at}}}")
    return generate(schedule, placements, {"ram": at}), gaps


def build(
    model: GeneratedModel,
    isa: str,
    folder: Path,
    gaps: Sequence[str] = (),
    flags: Sequence[str] = SANITIZERS,
) -> Path:
    """Compile the model, its kernels and a main that pipes inputs to outputs; skips without gcc."""
    if shutil.which("gcc") is None:
        pytest.skip("needs gcc")
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in model.files.items():
        (folder / name).write_text(text)
    (folder / "main.c").write_text(
        MAIN
        % {
            "name": model.name,
            "NAME": model.name.upper(),
            "gaps": ", ".join(gaps) or "{0, 0}",
            "inputs": ", ".join(str(p.bytes) for p in model.inputs),
            "outputs": ", ".join(str(p.bytes) for p in model.outputs),
        }
    )
    program = folder / "program"
    includes = ["-I", str(folder), "-I", str(headers_dir())]
    sources = [str(folder / "model.c"), str(folder / "weights.c")]
    # -Werror for what we wrote; the test's own main is plain
    command = ["gcc", *WARNINGS, *flags, *includes, "-c", *sources]
    subprocess.run(command, check=True, cwd=folder)
    linked = [str(folder / "model.o"), str(folder / "weights.o")]
    linked += kernel_objects(model.kernels, isa, flags)
    main = ["gcc", *flags, *includes, str(folder / "main.c"), *linked, "-o", str(program)]
    subprocess.run(main, check=True)
    return program


def kernel_objects(
    kernels: Iterable[str], isa: str, flags: Sequence[str] = SANITIZERS
) -> list[str]:
    """The kernels of an ISA as object files, compiled once in a run for all tests."""
    command = ["gcc", *WARNINGS, *flags, "-I", str(headers_dir())]
    return objects([kernel_source(kernel, isa) for kernel in kernels], command)


def run(
    program: Path, model: GeneratedModel, inputs: Sequence[Sequence[Array]]
) -> list[tuple[Array, ...]]:
    """The outputs of each inference; a sanitizer finding fails the test with its report."""
    feed = b"".join(np.ascontiguousarray(x).tobytes() for sample in inputs for x in sample)
    result = subprocess.run([str(program)], input=feed, capture_output=True, timeout=300)
    assert result.returncode == 0, result.stderr.decode(errors="replace")[-4000:]
    answers, at = [], 0
    for _ in inputs:
        outputs = []
        for port in model.outputs:
            raw = result.stdout[at : at + port.bytes]
            outputs.append(np.frombuffer(raw, port.dtype.numpy))
            at += port.bytes
        answers.append(tuple(outputs))
    assert at == len(result.stdout)
    return answers
