# SPDX-License-Identifier: Apache-2.0
"""Many generated models in one host program, each in an arena of its exact size, full of rubbish.

AddressSanitizer's red zones lie at both ends of every arena, and every run starts in memory that
holds other rubbish.
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
from mcuforge.compiler.tensors import Array
from mcuforge.runtime_c.sources import headers_dir
from tests.golden.host import SANITIZERS, WARNINGS, kernel_objects

MAIN = """
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
%(includes)s

static uint32_t seed = 1;

static void fill_with_rubbish(int8_t *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        seed = seed * 1664525u + 1013904223u;
        bytes[i] = (int8_t)(seed >> 24);
    }
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

RESIDENT = """
static int pipe_%(name)s(void)
{
    static const size_t inputs[] = {%(inputs)s}, outputs[] = {%(outputs)s};
    struct %(name)s_state state;
    int8_t *arena = malloc(%(NAME)s_ARENA_BYTES);
    if (arena == NULL) return 3;
    if (%(name)s_init(&state, arena, %(NAME)s_ARENA_BYTES) != MCUFORGE_OK) return 4;
    for (int sample = 0; sample < %(samples)d; sample++) {
        fill_with_rubbish(arena, %(NAME)s_ARENA_BYTES);
        for (int32_t i = 0; i < %(NAME)s_INPUTS; i++)
            if (fread(%(name)s_input(&state, i), 1, inputs[i], stdin) != inputs[i]) return 5;
        if (%(name)s_run(&state) != MCUFORGE_OK) return 6;
        for (int32_t i = 0; i < %(NAME)s_OUTPUTS; i++)
            fwrite(%(name)s_output(&state, i), 1, outputs[i], stdout);
    }
    free(arena);
    return 0;
}
"""

# Rows come late one time in three, and must be asked for once each, in rising order.
STREAMED = """
static int8_t *fed_%(name)s[%(NAME)s_INPUTS];
static int32_t next_%(name)s[%(NAME)s_INPUTS];

static int32_t row_%(name)s(void *context, int32_t input, int32_t row, void *to)
{
    static const size_t row_bytes[] = {%(row_bytes)s};
    static int asked = 0;
    (void)context;
    if (row != next_%(name)s[input]) abort();
    if (++asked %% 3 == 0) return 1;
    memcpy(to, fed_%(name)s[input] + (size_t)row * row_bytes[input], row_bytes[input]);
    next_%(name)s[input]++;
    return 0;
}

static int pipe_%(name)s(void)
{
    static const size_t inputs[] = {%(inputs)s}, outputs[] = {%(outputs)s};
    static const int streamed[] = {%(streamed)s};
    struct %(name)s_state state;
    int8_t *arena = malloc(%(NAME)s_ARENA_BYTES);
    if (arena == NULL) return 3;
    if (%(name)s_init(&state, arena, %(NAME)s_ARENA_BYTES) != MCUFORGE_OK) return 4;
    if (%(name)s_set_source(&state, row_%(name)s, NULL) != MCUFORGE_OK) return 7;
    for (int sample = 0; sample < %(samples)d; sample++) {
        fill_with_rubbish(arena, %(NAME)s_ARENA_BYTES);
        for (int32_t i = 0; i < %(NAME)s_INPUTS; i++) {
            next_%(name)s[i] = 0;
            fed_%(name)s[i] = malloc(inputs[i]);
            if (fread(fed_%(name)s[i], 1, inputs[i], stdin) != inputs[i]) return 5;
            if (!streamed[i]) memcpy(%(name)s_input(&state, i), fed_%(name)s[i], inputs[i]);
        }
        enum mcuforge_status status = %(name)s_run(&state);
        while (status == MCUFORGE_ERR_SOURCE)
            status = %(name)s_run_steps(&state, state.step, %(NAME)s_STEPS);
        if (status != MCUFORGE_OK) return 6;
        for (int32_t i = 0; i < %(NAME)s_OUTPUTS; i++)
            fwrite(%(name)s_output(&state, i), 1, outputs[i], stdout);
        for (int32_t i = 0; i < %(NAME)s_INPUTS; i++) free(fed_%(name)s[i]);
    }
    free(arena);
    return 0;
}
"""


@dataclass(frozen=True, eq=False)
class Job:
    """A generated model with a name no other of its batch has, and what to feed it."""

    label: str  # how a failure names it
    model: GeneratedModel
    feeds: tuple[tuple[Array, ...], ...]


def run_batch(jobs: Sequence[Job], isa: str, folder: Path) -> list[tuple[tuple[Array, ...], ...]]:
    """Each job's outputs for each of its feeds; a sanitizer's finding fails with its report.

    The kernels are those of `isa`. Skips the test without gcc.
    """
    if shutil.which("gcc") is None:
        pytest.skip("needs gcc")
    program = _build(jobs, isa, folder)
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


def _build(jobs: Sequence[Job], isa: str, folder: Path) -> Path:
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
    command += kernel_objects(sorted({k for job in jobs for k in job.model.kernels}), isa)
    subprocess.run([*command, "-o", str(program)], check=True)
    return program


def _pipe(job: Job) -> str:
    """The C function that feeds one model and prints its answers."""
    model = job.model
    return (STREAMED if model.streamed else RESIDENT) % {
        "name": model.name,
        "NAME": model.name.upper(),
        "samples": len(job.feeds),
        "inputs": ", ".join(str(port.bytes) for port in model.inputs),
        "outputs": ", ".join(str(port.bytes) for port in model.outputs),
        "row_bytes": ", ".join(str(port.row_bytes) for port in model.inputs),
        "streamed": ", ".join(str(int(port.streamed)) for port in model.inputs),
    }
