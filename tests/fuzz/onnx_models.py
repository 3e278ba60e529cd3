# SPDX-License-Identifier: Apache-2.0
"""Feeds damaged models to the ONNX front end: each must end in a graph or a UserError.

    python -m tests.fuzz.onnx_models [--count 20000] [--seed 0] [--full] [--only INDEX] [--keep DIR]

A finding is anything else: another exception, more than 5 seconds, more than 1 GiB, a dead worker.
Each is printed with the command that repeats it; the exit code is 1 when there are any. --full
also compiles the graphs to C.
"""

from __future__ import annotations

import sys

from mcuforge.compiler.frontends.onnx.reader import read_onnx
from mcuforge.compiler.graph import Graph
from tests.fuzz.fuzzing import Subject, command_line
from tests.models.onnx_mutate import mutate, seed_models


def subject() -> Subject:
    """Return the ONNX front end with damaged samples of its arms."""
    seeds = seed_models()
    return Subject(
        "python -m tests.fuzz.onnx_models",
        ".onnx",
        read,
        lambda series, index: mutate(seeds, series, index),
    )


def read(data: bytes) -> Graph:
    """Read the graph of a file."""
    return read_onnx(data, name="fuzzed.onnx")


if __name__ == "__main__":
    sys.exit(command_line(subject(), (__doc__ or "").splitlines()[0]))
