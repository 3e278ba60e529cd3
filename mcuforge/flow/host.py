# SPDX-License-Identifier: Apache-2.0
"""Runs a model's generated C on this machine: the same C that goes to a board.

With the portable kernels, compiled with -O2, it answers thousands of samples in the time that an
emulated board takes for ten.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from mcuforge.compiler.codegen.model import GeneratedModel
from mcuforge.compiler.compile import Compiled, PlanOptions, compile_graph
from mcuforge.compiler.frontends import read_model
from mcuforge.compiler.graph import Graph
from mcuforge.compiler.judges.choose import judge
from mcuforge.compiler.tensors import Array
from mcuforge.errors import BoardError
from mcuforge.flow.data import Samples, load_samples
from mcuforge.flow.verdict import judged
from mcuforge.report.model import Check
from mcuforge.runtime_c.sources import headers_dir, kernel_names, kernel_source

AMPLE_BYTES = 1 << 26
NAME = "host_model"
MAIN = """
#include <stdio.h>
#include <stdlib.h>
#include "model.h"

static const size_t inputs[] = {%(inputs)s}, outputs[] = {%(outputs)s};

int main(void)
{
    struct host_model_state state;
    int8_t *arena = malloc(HOST_MODEL_ARENA_BYTES);
    if (arena == NULL) return 2;
    if (host_model_init(&state, arena, HOST_MODEL_ARENA_BYTES) != MCUFORGE_OK) return 3;
    for (;;) {
        for (int32_t i = 0; i < HOST_MODEL_INPUTS; i++)
            if (fread(host_model_input(&state, i), 1, inputs[i], stdin) != inputs[i]) return 0;
        if (host_model_run(&state) != MCUFORGE_OK) return 4;
        for (int32_t i = 0; i < HOST_MODEL_OUTPUTS; i++)
            fwrite(host_model_output(&state, i), 1, outputs[i], stdout);
    }
}
"""


@dataclass(frozen=True, eq=False)
class HostRun:
    """What the C of a model answered on this machine, and the plan that it follows."""

    compiled: Compiled
    check: Check


def check_on_host(model: Path, data: Path, samples: int | None, options: PlanOptions) -> HostRun:
    """Compare a model's C on this machine with its reference, over samples of a data file.

    Raises CompileError for a model or data file that cannot be used, BoardError where no C compiler
    is found.
    """
    graph = read_model(model)
    compiled = compile_for_host(graph, options)
    drawn = load_samples(compiled.graph, data, samples)
    with judge(graph, model, drawn.inputs) as oracle:
        check, _ = judged(oracle, answers_on_host(compiled.model, drawn), drawn)
    return HostRun(compiled, check)


def compile_for_host(graph: Graph, options: PlanOptions | None = None) -> Compiled:
    """Compile a graph with the portable kernels, in more RAM than any model takes."""
    return compile_graph(replace(graph, name=NAME), "portable", AMPLE_BYTES, options=options)


def host_compiler() -> list[str]:
    """The words of the C compiler of this machine: CC, or gcc; BoardError where there is none."""
    words = shlex.split(os.environ.get("CC") or "gcc")
    if not words or shutil.which(words[0]) is None:
        raise BoardError(
            f"there is no C compiler '{' '.join(words)}' for this machine",
            "this machine",
            "apt-get install gcc libc6-dev, or set CC",
        )
    return words


def answers_on_host(model: GeneratedModel, samples: Samples) -> tuple[Array, ...]:
    """Run the C of `compile_for_host` on this machine.

    Returns one array (samples, elements) per model output, in its dtype. Raises BoardError where no
    C compiler is found, or it does not compile the model.
    """
    compiler = host_compiler()
    ports = {
        "inputs": ", ".join(str(port.bytes) for port in model.inputs),
        "outputs": ", ".join(str(port.bytes) for port in model.outputs),
    }
    with TemporaryDirectory(prefix="mcuforge-host-") as name:
        folder = Path(name)
        for file, text in model.files.items():
            (folder / file).write_text(text)
        (folder / "main.c").write_text(MAIN % ports)
        kernels = [str(kernel_source(kernel, "portable")) for kernel in kernel_names()]
        own = [file for file in model.files if file.endswith(".c")]
        command = [*compiler, "-std=c99", "-O2", "-I", str(headers_dir()), "-I", "."]
        command += ["main.c", *own, *kernels, "-o", "program"]
        built = subprocess.run(command, cwd=folder, capture_output=True, text=True)
        if built.returncode:
            raise BoardError(
                f"{compiler[0]} does not compile the model: {built.stderr.strip()[:300]}",
                "this machine",
                "try another compiler: CC=clang",
            )
        feed = b"".join(x.tobytes() for i in range(samples.count) for x in samples.sample(i))
        ran = subprocess.run([str(folder / "program")], input=feed, capture_output=True, check=True)
    record = np.dtype(
        [(str(i), port.dtype.numpy, port.elements) for i, port in enumerate(model.outputs)]
    )
    answers = np.frombuffer(ran.stdout, record)
    return tuple(answers[str(i)] for i in range(len(model.outputs)))
