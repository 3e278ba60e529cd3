# SPDX-License-Identifier: Apache-2.0
"""The graph rewrites, each a function `Graph -> Graph` in a file of its own."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from mcuforge.compiler.graph import Graph
from mcuforge.compiler.passes.drop_unread import drop_unread
from mcuforge.compiler.passes.fold_constants import fold_constants
from mcuforge.compiler.passes.fold_padding import fold_padding
from mcuforge.compiler.passes.fuse_tables import fuse_tables
from mcuforge.compiler.passes.join_picks import join_picks
from mcuforge.compiler.passes.name_after_layers import name_after_layers
from mcuforge.compiler.verify import verify
from mcuforge.errors import CompileError

Pass = Callable[[Graph], Graph]

PASSES: tuple[Pass, ...] = (
    fold_constants,
    fuse_tables,  # after fold_constants, which may leave an operand that is a single number
    fold_padding,
    join_picks,
    drop_unread,  # removes the nodes that the others left without a reader
    name_after_layers,  # last: it names the nodes that are left
)


def optimize(graph: Graph, dump: Path | None = None) -> Graph:
    """Apply every pass to `graph` and verify what it changed; `dump` gets one text file per stage.

    Raises CompileError when the folder `dump` cannot be written.
    """
    verify(graph, "the front end")
    write_dump(partial(describe, graph), dump, "0_front_end")
    for index, rewrite in enumerate(PASSES, start=1):
        before, graph = graph, rewrite(graph)
        if graph is not before:
            verify(graph, rewrite.__name__)
        write_dump(partial(describe, graph), dump, f"{index}_{rewrite.__name__}")
    return graph


def write_dump(text: Callable[[], str], folder: Path | None, stage: str) -> None:
    """Write the text of a stage to a file in `folder`, if there is one.

    Raises CompileError when the folder cannot be written.
    """
    if folder is None:
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{stage}.txt").write_text(text(), encoding="utf-8")
    except OSError as error:
        raise CompileError(
            f"cannot write the dump: {error.strerror or error}",
            str(error.filename or folder),
            "choose another folder with --dump-passes",
        ) from error


def describe(graph: Graph) -> str:
    """Print one line per node: its operator with attributes, its inputs, its output."""
    lines = [f"graph {graph.name}"]
    lines += [f"input  {t.name} {list(t.shape)} {t.dtype.value}" for t in graph.inputs]
    for node in graph.nodes:
        reads = ", ".join(t.name for t in node.inputs)
        lines.append(
            f"{node.name}: {node.op} ({reads}) -> {node.output.name} {list(node.output.shape)}"
        )
    lines += [f"output {t.name} {list(t.shape)} {t.dtype.value}" for t in graph.outputs]
    return "\n".join(lines) + "\n"
