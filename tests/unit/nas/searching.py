# SPDX-License-Identifier: Apache-2.0
"""A search without training: an accuracy that is a function of the genome."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from math import log
from pathlib import Path

from mcuforge.compiler.compile import Memories
from mcuforge.compiler.estimate import Target
from mcuforge.memplan.problem import Region
from mcuforge.nas.feasible import Feasible
from mcuforge.nas.genes import Genome
from mcuforge.nas.journal import Journal
from mcuforge.nas.judge import Judge
from mcuforge.nas.space import Space, load_space
from mcuforge.nas.workers import Here, Workers

NOISE = 0.005
SPACE = """
shape = [16, 16, 1]
classes = 4
[stem]
width = [4, 8, 12, 16]
[[stages]]
depth = [1, 2, 3]
width = [8, 16, 24, 32]
stride = 2
[stages.plain]
[stages.residual]
[[stages]]
depth = [0, 1, 2]
width = [16, 32, 48, 64]
stride = 2
[stages.plain]
[stages.inverted]
expansion = [2, 3]
"""
ONE_KIND = """
one_kind = true
shape = [16, 16, 1]
classes = 4
[stem]
width = [4, 8]
[[stages]]
depth = [1, 2]
width = [8, 16]
[stages.plain]
[stages.inverted]
expansion = [2, 3]
[[stages]]
depth = [1, 2]
width = [16, 32]
stride = 2
[stages.plain]
kernel = [3, 5]
[stages.inverted]
expansion = [1, 2]
[[hand_made]]
name = "Plain"
[hand_made.choices]
kind = "plain"
"stem.width" = 8
"stage0.depth" = 1
"stage0.width" = 8
"stage1.depth" = 1
"stage1.width" = 16
"stage1.plain.kernel" = 3
"""
TINY = """
shape = [8, 8, 1]
classes = 2
[stem]
width = [4, 8, 12]
[last]
width = [0, 8, 16]
"""


def space_of(folder: Path, text: str = SPACE) -> Space:
    """The space of this text."""
    path = folder / "space.toml"
    path.write_text(text, encoding="utf-8")
    return load_space(str(path))


def target(
    ram: int = 1 << 18, flash: int = 1 << 20, max_instructions: float | None = None
) -> Target:
    """A board of one memory."""
    regions = (Region("ram", ram),)
    return Target(
        "armv7em",
        "cortex-m4",
        Memories(regions, regions),
        flash,
        max_instructions=max_instructions,
    )


@dataclass
class Accuracy:
    """Saturates with the sum of all choices, and a noise that is a matter of the genome.

    `asked`: every genome, in order. `fails_at`: the call that raises KeyboardInterrupt.
    """

    space: Space
    asked: list[Genome] = field(default_factory=list)
    fails_at: int = 0

    def __call__(self, genome: Genome) -> float:
        if len(self.asked) + 1 == self.fails_at:
            raise KeyboardInterrupt
        self.asked.append(genome)
        shares = [
            n / (len(gene.options) - 1)
            for n, gene in zip(genome, self.space.genes.genes, strict=True)
        ]
        noise = sha256(self.space.text(genome).encode()).digest()[0] / 255
        return 0.5 + 0.1 * log(1 + sum(shares)) + NOISE * noise


def judge_of(
    feasible: Feasible,
    accuracy: Callable[[Genome], float],
    journal: Journal,
    workers: Workers | None = None,
) -> Judge:
    """A judge of the synthetic accuracy."""
    return Judge(feasible, accuracy, "synthetic", journal, workers or Here())
