# SPDX-License-Identifier: Apache-2.0
"""The graph's invariants, checked after the front end and after every pass."""

from mcuforge.compiler.graph import Graph
from mcuforge.compiler.tensors import Tensor
from mcuforge.errors import InternalError, Refusal


def verify(graph: Graph, stage: str) -> None:
    """Raise InternalError when `graph` breaks an invariant; `stage` names who left it so.

    Every node reads constants, graph inputs or what an earlier node wrote; every tensor is written
    once; tensor names are unique, and so are node names; outputs are written; every operator's own
    check holds.
    """
    names: dict[str, Tensor] = {}
    layers: set[str] = set()
    written: set[int] = set()
    for tensor in graph.inputs:
        if names.setdefault(tensor.name, tensor) is not tensor:
            raise _called_alike(tensor, stage)
        if id(tensor) in written or tensor.is_constant:
            raise InternalError(f"after {stage}: input '{tensor.name}' has a value already")
        written.add(id(tensor))
    for node in graph.nodes:
        if node.name in layers:
            raise InternalError(f"after {stage}: two nodes are called '{node.name}'")
        layers.add(node.name)
        for tensor in node.inputs:
            if names.setdefault(tensor.name, tensor) is not tensor:
                raise _called_alike(tensor, stage)
            data = tensor.data
            if data is None:
                if id(tensor) not in written:
                    raise InternalError(
                        f"after {stage}: '{node.name}' reads '{tensor.name}' before it is written"
                    )
            elif data.shape != tensor.shape:
                raise InternalError(
                    f"after {stage}: constant '{tensor.name}' holds {data.shape}, "
                    f"is declared {tensor.shape}"
                )
        output = node.output
        if id(output) in written or output.is_constant:
            raise InternalError(f"after {stage}: '{output.name}' is written twice")
        if names.setdefault(output.name, output) is not output:
            raise _called_alike(output, stage)
        written.add(id(output))
        try:
            node.checked  # noqa: B018 - once per node: passes keep most of them
        except Refusal as refusal:
            raise InternalError(f"after {stage}: '{node.name}': {refusal.what}") from refusal
    for tensor in graph.outputs:
        if id(tensor) not in written:
            raise InternalError(f"after {stage}: output '{tensor.name}' is never written")


def _called_alike(tensor: Tensor, stage: str) -> InternalError:
    return InternalError(f"after {stage}: two tensors are called '{tensor.name}'")
