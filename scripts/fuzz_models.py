# SPDX-License-Identifier: Apache-2.0
"""Feeds the TFLite front end damaged models: each ends in a graph or a UserError, fast and small.

    python -m scripts.fuzz_models [--count 20000] [--seed 0] [--full] [--only INDEX] [--keep DIR]

A finding is anything else: another exception, more than 5 seconds, more than 1 GiB, a dead worker.
Each is printed with the command that repeats it; the exit code is 1 when there are any. --full
compiles the graphs that were read, down to C.
"""

from __future__ import annotations

import sys

from mcuforge.compiler.frontends.tflite.reader import read_tflite
from mcuforge.compiler.ir import Graph
from scripts.fuzzing import Subject, command_line
from tests.models.mutate import mutate, seed_models
from tests.shared import SHARED


def subject() -> Subject:
    """The TFLite front end and damaged samples of its arms."""
    seeds = seed_models(SHARED)
    return Subject(
        "python -m scripts.fuzz_models",
        ".tflite",
        read,
        lambda series, index: mutate(seeds, series, index),
    )


def read(data: bytes) -> Graph:
    """The graph of a file's bytes."""
    return read_tflite(data, name="fuzzed.tflite")


if __name__ == "__main__":
    sys.exit(command_line(subject(), (__doc__ or "").splitlines()[0]))
