# SPDX-License-Identifier: Apache-2.0
"""Swaps in kernels with smaller constants when flash is short, cheapest per byte saved first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from mcuforge.compiler.calls import Call
from mcuforge.compiler.schedule.cost import layer_cost
from mcuforge.compiler.schedule.kernels import with_less
from mcuforge.compiler.schedule.schedule import Layer, Schedule


@dataclass(frozen=True, eq=False)
class _Saving:
    """Other kernels for a layer, with the bytes of constants that they save."""

    layer: Layer
    calls: tuple[Call, ...]
    bytes: int
    instructions: float


def slimmed(schedule: Schedule, isa: str, bytes_less: int) -> Schedule | None:
    """Change kernels until their constants take at least `bytes_less` fewer bytes of flash.

    The memory plan stays valid: no kernel needs more scratch than the one it replaces. None where
    all savings together are not enough.
    """
    found = [s for stage in schedule.stages for layer in stage.layers for s in _savings(layer, isa)]
    found.sort(key=lambda saving: saving.instructions / saving.bytes)
    changed: dict[int, Layer] = {}
    for saving in found:
        if bytes_less <= 0:
            break
        bytes_less -= saving.bytes
        changed[id(saving.layer)] = replace(saving.layer, calls=saving.calls)
    if bytes_less > 0:
        return None
    stages = tuple(
        replace(stage, layers=tuple(changed.get(id(x), x) for x in stage.layers))
        for stage in schedule.stages
    )
    return replace(schedule, stages=stages)


def constant_bytes(calls: tuple[Call, ...]) -> int:
    """Bytes of the constant arrays that the calls and their parameters point to."""
    return sum(blob.data.nbytes for call in calls for blob in call.blobs())


def _savings(layer: Layer, isa: str) -> Iterator[_Saving]:
    node, way = layer.node, (layer.execution, layer.node.output.rows)
    now = layer_cost(node, *way, isa, layer.kernel)
    for calls, saved in with_less(layer.calls, node, way, isa, constant_bytes):
        cost = layer_cost(node, *way, isa, calls[0].kernel)
        yield _Saving(layer, calls, saved, cost.of(1) - now.of(1))
