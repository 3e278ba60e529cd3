# SPDX-License-Identifier: Apache-2.0
"""Computes the peak of live tensors: the least RAM without overlap, striping or reordering."""

from __future__ import annotations

from mcuforge.compiler.graph import Graph
from mcuforge.compiler.schedule.liveness import liveness
from mcuforge.compiler.schedule.schedule import runnable, view_storage


def live_tensor_peak(graph: Graph) -> int:
    """The largest sum of bytes of tensors alive during one operator, operators in file order.

    Inputs live from the start to their last reader, others from their writer, outputs to the end;
    an operator's output lies beside its inputs. A view shares the tensor it shows.
    """
    storage = view_storage(graph)
    nodes = runnable(graph)
    lives = liveness(graph, [(node,) for node in nodes], storage)
    size = {t.name: t.bytes for t in storage.values()}
    return max(
        sum(size[n] for n, life in lives.items() if life.first <= time <= max(life.last, 0))
        for time in range(max(len(nodes), 1))
    )
