# SPDX-License-Identifier: Apache-2.0
"""poison.c: it overwrites all dead bytes between two steps, to show that nothing reads them."""

from collections.abc import Sequence

from mcuforge.compiler.codegen.model import GeneratedModel, render
from mcuforge.errors import InternalError
from mcuforge.memplan.poison import DeadRange


def poison(model: GeneratedModel, dead: Sequence[Sequence[DeadRange]]) -> str:
    """Write the text of poison.c; `dead` holds for each step the ranges that are dead after it.

    Steps with the same ranges share them. InternalError unless there is one entry per step.
    """
    if len(dead) != model.steps:
        raise InternalError(f"dead bytes of {len(dead)} steps, the model has {model.steps}")
    arena = {a.region: i for i, a in enumerate(model.arenas)}
    sets: dict[tuple[DeadRange, ...], int] = {}
    ranges: list[str] = []
    steps = []
    for found in dead:
        key = tuple(found)
        if key not in sets:
            sets[key] = len(ranges)
            ranges += [f"{{{arena[r.region]}, {r.begin}, {r.end}}}," for r in key]
        steps.append((sets[key], len(key)))
    return render(
        "poison.c.j2",
        ranges=ranges or ["{0, 0, 0},"],
        first=[begin for begin, _ in steps] or [0],
        count=[count for _, count in steps] or [0],
    )
