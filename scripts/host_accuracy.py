# SPDX-License-Identifier: Apache-2.0
"""A model's generated C on this machine over a whole data file, beside its reference and peer.

    python -m scripts.host_accuracy MODEL --data FILE.npz [--samples N] [--optimize ram]

The same C that goes to a board, with the portable kernels, compiled with -O2: thousands of samples
in the time an emulated board takes for ten. Exit code 1 when the C is not the reference's.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from mcuforge.compiler.codegen.model import GeneratedModel
from mcuforge.compiler.compile import PlanOptions, compile_graph
from mcuforge.compiler.frontends import read_model
from mcuforge.compiler.judges.choose import judge
from mcuforge.compiler.schedule.search import GOALS
from mcuforge.compiler.tensors import Array
from mcuforge.flow.data import Samples, load_samples
from mcuforge.flow.verdict import judged
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


def run_on_host(model: GeneratedModel, samples: Samples) -> tuple[Array, ...]:
    """The C's outputs, one array per model output, samples first."""
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
        command = ["gcc", "-std=c99", "-O2", "-I", str(headers_dir()), "-I", "."]
        command += ["main.c", *own, *kernels, "-o", "program"]
        subprocess.run(command, check=True, cwd=folder)
        feed = b"".join(x.tobytes() for i in range(samples.count) for x in samples.sample(i))
        ran = subprocess.run([str(folder / "program")], input=feed, capture_output=True, check=True)
    record = np.dtype(
        [(str(i), port.dtype.numpy, port.bytes) for i, port in enumerate(model.outputs)]
    )
    answers = np.frombuffer(ran.stdout, record)
    return tuple(answers[str(i)] for i in range(len(model.outputs)))


def main(arguments: list[str] | None = None) -> int:
    """Print the comparison; 0 when every element is the reference's."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--samples", type=int)
    parser.add_argument("--optimize", choices=GOALS, default="balanced")
    chosen = parser.parse_args(arguments)
    graph = read_model(chosen.model)
    options = PlanOptions(goal=chosen.optimize)
    compiled = compile_graph(replace(graph, name=NAME), "portable", AMPLE_BYTES, options=options)
    samples = load_samples(compiled.graph, chosen.data, chosen.samples)
    with judge(graph, chosen.model, samples.inputs) as oracle:
        got = run_on_host(compiled.model, samples)
        check, _ = judged(oracle, got, samples)
    print(
        f"{chosen.model.name}: arena {compiled.arena_bytes:,}; "
        f"{check.exact_samples:,} of {check.samples:,} exact, against {check.reference}"
    )
    if check.accuracy is not None:
        print(f"accuracy {check.accuracy:.4f}, {check.peer or 'the reference'} ", end="")
        print(f"{check.reference_accuracy:.4f}; same class {check.top1_agreement:.4f}")
    return 1 if check.mismatched_elements else 0


if __name__ == "__main__":
    sys.exit(main())
