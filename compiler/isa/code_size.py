# SPDX-License-Identifier: Apache-2.0
"""The bytes that a model's code takes on a CPU, as measured: for estimates that build nothing."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from mcuforge.compiler.isa.instruction_set import FOLDER
from mcuforge.errors import InternalError

UNMEASURED = 1.1  # of model.c's code, for networks that need more than those measured


@dataclass(frozen=True)
class CodeSize:
    """Bytes that code takes on one CPU; `scripts.measure_code` measures them.

    Of model.c's code: `base` for every model, `whole` for each call that computes a whole layer,
    `per_pair` for each pair of them (the more there are, the farther they jump and address),
    `by_rows` for each call of a pipeline, `pipeline` for each of these. These are fitted, then
    raised until no network measured needs more. `libc`: of it and of libgcc. `static`, `stack`:
    of RAM beside the arena. `firmware`: flash that the check firmware takes besides. These four are
    the most that was measured.
    """

    base: float
    whole: float
    per_pair: float
    by_rows: float
    pipeline: float
    libc: int
    static: int
    stack: int
    firmware: int
    kernels: Mapping[str, int]

    def __post_init__(self) -> None:
        """Refuse negative sizes: bounds rest on a call never making code smaller."""
        if min(self.base, self.whole, self.per_pair, self.by_rows, self.pipeline) < 0:
            raise InternalError("code of a call is measured as less than nothing")

    def of_kernels(self, kernels: Iterable[str]) -> int:
        """Bytes of the kernels."""
        return sum(self.kernels[name] for name in set(kernels))

    def of_calls(self, whole: int, by_rows: int, pipelines: int) -> int:
        """Bytes of model.c's code and of the library, for so many calls, rather more than less."""
        glue = self.base + self.whole * whole + self.per_pair * whole**2
        glue += self.by_rows * by_rows + self.pipeline * pipelines
        return self.libc + round(UNMEASURED * glue)

    def least_of_calls(self, calls: int) -> int:
        """What `of_calls` says at least, however many of `calls` calls are in pipelines."""
        return self.libc + int(UNMEASURED * (self.base + min(self.whole, self.by_rows) * calls))


def code_file(isa: str) -> Path:
    """The file with the sizes of an instruction set's CPUs."""
    return FOLDER / isa / "code.toml"


@cache
def code_size(isa: str, cpu: str) -> CodeSize:
    """Read the sizes of a CPU; those of the largest code where the CPU was not measured.

    InternalError where no CPU of the instruction set was.
    """
    path = code_file(isa)
    if not path.is_file():
        raise InternalError(f"{path.name} of {isa} is missing: run python -m scripts.measure_code")
    tables: dict[str, dict[str, Any]] = tomllib.loads(path.read_text(encoding="utf-8"))
    found = {name: CodeSize(**table) for name, table in tables.items()}
    largest = max(found.values(), key=lambda size: sum(size.kernels.values()))
    return found.get(cpu, largest)
