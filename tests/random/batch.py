# SPDX-License-Identifier: Apache-2.0
"""Many generated models in one host program, each in an arena of its exact size, full of rubbish.

The kernels are compiled once for all programs; AddressSanitizer's red zones lie at both ends of
every arena, and every run starts in memory that holds other rubbish.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from mcuforge.compiler.codegen.model import GeneratedModel
from mcuforge.compiler.ir import Array
from mcuforge.runtime_c.sources import headers_dir, kernel_names, kernel_source
from tests.golden.host import SANITIZERS, WARNINGS

MAIN = """
#include <stdio.h>
#include <stdlib.h>
%(includes)s

static uint32_t seed = 1;

static void fill_with_rubbish(int8_t *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        seed = seed * 1664525u + 1013904223u;
        bytes[i] = (int8_t)(seed >> 24);
    }
}

#define PIPE(name, NAME, SAMPLES, ...)                                                  \\
    static int pipe_##name(void)                                                        \\
    {                                                                                   \\
        static const size_t sizes[] = {__VA_ARGS__};                                    \\
        struct name##_state state;                                                      \\
        int8_t *arena = malloc(NAME##_ARENA_BYTES);                                     \\
        if (arena == NULL) return 3;                                                    \\
        if (name##_init(&state, arena, NAME##_ARENA_BYTES) != MCUFORGE_OK) return 4;    \\
        for (int sample = 0; sample < SAMPLES; sample++) {                              \\
            fill_with_rubbish(arena, NAME##_ARENA_BYTES);                               \\
            for (int32_t i = 0; i < NAME##_INPUTS; i++)                                 \\
                if (fread(name##_input(&state, i), 1, sizes[i], stdin) != sizes[i])     \\
                    return 5;                                                           \\
            if (name##_run(&state) != MCUFORGE_OK) return 6;                            \\
            for (int32_t i = 0; i < NAME##_OUTPUTS; i++)                                \\
                fwrite(name##_output(&state, i), 1, sizes[NAME##_INPUTS + i], stdout);  \\
        }                                                                               \\
        free(arena);                                                                    \\
        return 0;                                                                       \\
    }

%(pipes)s

int main(void)
{
    int (*const pipes[])(void) = {%(names)s};
    for (size_t i = 0; i < sizeof pipes / sizeof pipes[0]; i++) {
        fprintf(stderr, "model %%d\\n", (int)i);
        int status = pipes[i]();
        if (status != 0) return status;
    }
    return 0;
}
"""


@dataclass(frozen=True, eq=False)
class Job:
    """A generated model with a name no other of its batch has, and what to feed it."""

    label: str  # how a failure names it
    model: GeneratedModel
    feeds: tuple[tuple[Array, ...], ...]


def build_kernels(folder: Path) -> Path:
    """Every portable kernel in one archive; skips the test without gcc and ar."""
    for tool in ("gcc", "ar"):
        if shutil.which(tool) is None:
            pytest.skip(f"needs {tool}")
    folder.mkdir(parents=True, exist_ok=True)
    sources = [str(kernel_source(name, "portable")) for name in kernel_names()]
    command = ["gcc", *WARNINGS, *SANITIZERS, "-I", str(headers_dir()), "-c", *sources]
    subprocess.run(command, check=True, cwd=folder)
    archive = folder / "kernels.a"
    objects = [str(path) for path in sorted(folder.glob("*.o"))]
    subprocess.run(["ar", "rcs", str(archive), *objects], check=True)
    return archive


def run_batch(
    jobs: Sequence[Job], kernels: Path, folder: Path
) -> list[tuple[tuple[Array, ...], ...]]:
    """Each job's outputs for each of its feeds; a sanitizer's finding fails with its report."""
    program = _build(jobs, kernels, folder)
    feed = b"".join(x.tobytes() for job in jobs for sample in job.feeds for x in sample)
    result = subprocess.run([str(program)], input=feed, capture_output=True, timeout=300)
    told = result.stderr.decode(errors="replace")
    reached = jobs[max(told.count("model ") - 1, 0)].label
    assert result.returncode == 0, f"{reached}: exit {result.returncode}\n{told[-4000:]}"
    answers, at = [], 0
    for job in jobs:
        samples = []
        for _ in job.feeds:
            outputs = []
            for port in job.model.outputs:
                raw = result.stdout[at : at + port.bytes]
                outputs.append(np.frombuffer(raw, port.dtype.numpy))
                at += port.bytes
            samples.append(tuple(outputs))
        answers.append(tuple(samples))
    assert at == len(result.stdout)
    return answers


def _build(jobs: Sequence[Job], kernels: Path, folder: Path) -> Path:
    """The program: jobs side by side, each in a folder of its own."""
    sources = []
    for job in jobs:
        own = folder / job.model.name
        own.mkdir(parents=True)
        for name, text in job.model.files.items():
            (own / name).write_text(text)
        sources += [str(own / name) for name in job.model.files if name.endswith(".c")]
    main = folder / "main.c"
    names = [job.model.name for job in jobs]
    main.write_text(
        MAIN
        % {
            "includes": "\n".join(f'#include "{name}/model.h"' for name in names),
            "pipes": "\n".join(_pipe(job) for job in jobs),
            "names": ", ".join(f"pipe_{name}" for name in names),
        }
    )
    flags = [*WARNINGS, *SANITIZERS[:-2], "-O0", "-I", str(headers_dir())]
    program = folder / "program"
    objects = folder / "objects"
    objects.mkdir()
    numbered = [(source, str(objects / f"{i}.o")) for i, source in enumerate(sources)]
    for source, out in numbered:
        subprocess.run(["gcc", *flags, "-c", source, "-o", out], check=True)
    command = ["gcc", *SANITIZERS, "-I", str(headers_dir()), str(main)]
    command += [out for _, out in numbered]
    subprocess.run([*command, str(kernels), "-o", str(program)], check=True)
    return program


def _pipe(job: Job) -> str:
    model = job.model
    sizes = ", ".join(str(port.bytes) for port in (*model.inputs, *model.outputs))
    return f"PIPE({model.name}, {model.name.upper()}, {len(job.feeds)}, {sizes})"
