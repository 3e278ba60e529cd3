# SPDX-License-Identifier: Apache-2.0
"""Stages as the template prints them: single layers, and pipelines with their order."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from mcuforge.compiler.codegen.calls import CallPrinter, LayerText
from mcuforge.compiler.codegen.names import comment
from mcuforge.compiler.schedule.describe import describe_stages
from mcuforge.compiler.schedule.repeats import PIECE_BYTES, Piece, repeats
from mcuforge.compiler.schedule.schedule import Execution, Schedule, Stage
from mcuforge.errors import InternalError

WORD_BYTES = 4
CODE_BYTES = 100  # of a function that runs through pieces: the least they must save


@dataclass(frozen=True)
class Table:
    """A `static const` array of small numbers."""

    c_type: str
    values: tuple[int, ...]
    entry_bytes: int


@dataclass(frozen=True)
class StageText:
    """One stage, over steps [begin, end) of the model.

    `function` is the name of a pipeline's function, empty for a single layer. `order` holds the
    layer of each step; `counts` its rows, None if every step has `rows` of them. `pieces` say how
    often each part of both is repeated; empty if both tables have one entry per step.
    """

    begin: int
    end: int
    layers: tuple[LayerText, ...]
    arenas: tuple[int, ...]  # numbers of the arenas its calls name
    function: str = ""
    order: Table = Table("uint8_t", (), 1)
    counts: Table | None = None
    rows: int = 1
    pieces: tuple[str, ...] = ()
    description: tuple[str, ...] = ()  # of a pipeline: `describe_stages`, as comment lines

    @property
    def steps(self) -> int:
        """The number of steps of the stage."""
        return self.end - self.begin

    @property
    def arrives(self) -> bool:
        """Whether the stage asks for rows of an input."""
        return any(layer.arrives is not None for layer in self.layers)


def stage_texts(
    schedule: Schedule, layer_ids: Sequence[str], printer: CallPrinter
) -> tuple[StageText, ...]:
    """Write every stage of a schedule; `layer_ids` are the layers' identifiers, in their order.

    InternalError for a task that asks for several rows of an input: a source that has only some of
    them would be asked twice.
    """
    texts = []
    step = number = 0
    described = describe_stages(schedule, comment)
    for stage, lines in zip(schedule.stages, described, strict=True):
        ids = layer_ids[number : number + len(stage.layers)]
        text = _stage(stage, step, number, ids, printer)
        texts.append(replace(text, description=lines))
        step += len(stage.tasks)
        number += len(stage.layers)
    return tuple(texts)


def table_bytes(schedule: Schedule) -> int:
    """Bytes of flash of model.c's constants: the parameters of calls, the orders of pipelines."""
    words = sum(call.words for layer in schedule.layers for call in layer.calls)
    total = WORD_BYTES * words
    for stage in schedule.stages:
        if not stage.is_pipeline:
            continue
        entries, pieces = _entries(stage)
        order, counts = zip(*entries, strict=True)
        tables = [_table(order)] if len(set(counts)) == 1 else [_table(order), _table(counts)]
        total += sum(len(table.values) * table.entry_bytes for table in tables)
        total += PIECE_BYTES * len(pieces)
    return total


def _stage(
    stage: Stage, step: int, number: int, layer_ids: Sequence[str], printer: CallPrinter
) -> StageText:
    sizes = [task.end - task.begin for task in stage.tasks]
    several = {t.layer for t, size in zip(stage.tasks, sizes, strict=True) if size > 1}
    for i in several:
        if stage.layers[i].execution is Execution.ARRIVE:
            raise InternalError("a task asks for several rows of a streamed input")
    layers = tuple(
        printer.layer(number + i, layer, layer_id, several=stage.is_pipeline and i in several)
        for i, (layer, layer_id) in enumerate(zip(stage.layers, layer_ids, strict=True))
    )
    used = frozenset().union(*(layer.used for layer in layers))
    arenas = tuple(i for i, arena in enumerate(printer.arenas) if arena.variable in used)
    end = step + len(stage.tasks)
    if not stage.is_pipeline:
        return StageText(step, end, layers, arenas)
    entries, pieces = _entries(stage)
    order, counts = zip(*entries, strict=True)
    return StageText(
        step,
        end,
        layers,
        arenas,
        f"layers_{number}_to_{number + len(layers) - 1}" if len(layers) > 1 else f"layer_{number}",
        _table(order),
        None if len(set(counts)) == 1 else _table(counts),
        counts[0],
        tuple(f"{{{piece.length}, {piece.times}}}" for piece in pieces),
    )


def _entries(stage: Stage) -> tuple[tuple[tuple[int, int], ...], tuple[Piece, ...]]:
    """Compute a pipeline's table entries, (layer, rows), and the pieces they are cut into."""
    steps = tuple((task.layer, task.end - task.begin) for task in stage.tasks)
    order, counts = (_table(column) for column in zip(*steps, strict=True))
    entry_bytes = order.entry_bytes + (counts.entry_bytes if len(set(counts.values)) > 1 else 0)
    short = repeats(steps, entry_bytes)
    if short.bytes + CODE_BYTES < len(steps) * entry_bytes:
        return short.entries, short.pieces
    return steps, ()


def _table(values: Sequence[int]) -> Table:
    """Make a table of the values in the smallest unsigned type that holds them all."""
    bits = next((b for b in (8, 16) if max(values) < 1 << b), 32)
    return Table(f"uint{bits}_t", tuple(values), bits // 8)
