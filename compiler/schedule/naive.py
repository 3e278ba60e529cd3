# SPDX-License-Identifier: Apache-2.0
"""The RAM plans without overlap, stripes or reordering need at least: what is alive at once."""

from __future__ import annotations

from mcuforge.compiler.ir import Graph
from mcuforge.compiler.schedule.schedule import view_storage


def live_tensor_peak(graph: Graph) -> int:
    """The largest sum of bytes of tensors alive during one operator, operators in file order.

    Inputs live from the start to their last reader, others from their writer, outputs to the end;
    an operator's output lies beside its inputs. A view is no tensor of its own.
    """
    storage = view_storage(graph)
    nodes = [n for n in graph.nodes if not n.op.is_view]
    born = {t.name: 0 for t in graph.inputs}
    dies = {t.name: 1 for t in graph.inputs}
    for time, node in enumerate(nodes):
        born[node.output.name] = time
        dies[node.output.name] = time + 1
        for tensor in node.activations:
            dies[storage[tensor.name].name] = time + 1
    for tensor in graph.outputs:
        dies[storage[tensor.name].name] = max(len(nodes), 1)
    size = {t.name: t.bytes for t in storage.values()}
    return max(
        sum(size[name] for name in born if born[name] <= time < dies[name])
        for time in range(max(len(nodes), 1))
    )
