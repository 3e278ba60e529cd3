# SPDX-License-Identifier: Apache-2.0
"""A schedule as text: stages, the order of their tasks, rings, distances and bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from mcuforge.compiler.schedule.memory import memory_problem, slots
from mcuforge.compiler.schedule.repeats import repeats
from mcuforge.compiler.schedule.schedule import Execution, Layer, Schedule, Stage, Task
from mcuforge.compiler.tensors import Tensor
from mcuforge.memplan.problem import Problem, Region

Naming = Callable[[str], str]

SHOWN = 40  # layer numbers of an order: the rest of a longer one is only counted
ENTRY_BYTES = 4  # of an order's entry: as long as what announces a repetition
EVERYTHING = (Region("ram", 1 << 40),)  # distances and sizes do not depend on the board


def describe(schedule: Schedule, name: Naming = str) -> str:
    """The whole schedule, one paragraph per stage; ends in a newline.

    `name` makes a name from the model's file fit to be shown.
    """
    steps, layers = len(schedule.steps), len(schedule.layers)
    head = (
        f"schedule of {name(schedule.graph.name)}: {_count(layers, 'layer')} in "
        f"{_count(len(schedule.stages), 'stage')}, {_count(steps, 'step')}"
    )
    inputs = [
        f"input {name(t.name)}: {_shape(t)}"
        + (", its rows are asked for" if t in schedule.streamed else f", {t.bytes:,} bytes")
        for t in schedule.graph.inputs
    ]
    paragraphs = ["\n".join(lines) for lines in describe_stages(schedule, name)]
    return "\n\n".join(["\n".join([head, *inputs]), *paragraphs]) + "\n"


def describe_stages(schedule: Schedule, name: Naming = str) -> tuple[tuple[str, ...], ...]:
    """The lines of each stage: the order of its tasks, its layers, and what may lie over what.

    The order lists layer numbers: `4 x (0 1 0 1 2)` runs a task of layer 0, one of layer 1 and so
    on, four times. `y over x: begins at least 8 bytes below it` is a distance: an output may lie
    over an input that nobody reads later, as long as it begins that far below.
    """
    problem = memory_problem(schedule, EVERYTHING)
    begins = slots(schedule)
    return tuple(
        tuple(_stage_lines(schedule, problem, stage, number, begin, name))
        for number, (stage, begin) in enumerate(zip(schedule.stages, begins, strict=False))
    )


def _stage_lines(
    schedule: Schedule, problem: Problem, stage: Stage, number: int, first: int, name: Naming
) -> Iterator[str]:
    if stage.is_pipeline:
        last = first + len(stage.layers) - 1
        whose = f"layer {first}" if first == last else f"layers {first} to {last}"
        yield f"stage {number}: {whose} row by row, {_count(len(stage.tasks), 'step')}"
        yield f"  order {order_words(stage.tasks, first)}"
    else:
        yield f"stage {number}: layer {first} whole"
    for index, layer in enumerate(stage.layers):
        tasks = [task for task in stage.tasks if task.layer == index]
        what = [_operation(layer), *_rows(layer, tasks), *_buffers(schedule, layer, name)]
        yield f"  {first + index} {name(layer.node.name)}: {', '.join(what)}"
    made = {schedule.buffer(layer.node.output).name for layer in stage.layers}
    for overlap in problem.overlaps:
        if overlap.second in made:
            over = f"{name(overlap.second)} over {name(overlap.first)}"
            yield f"  {over}: begins {_where(-overlap.high)}"


def _operation(layer: Layer) -> str:
    """'conv2d 8x8x3 -> 8x8x8'."""
    node = layer.node
    if layer.execution is Execution.ARRIVE:
        return f"rows of {_shape(node.output)} arrive"
    return f"{node.op.kind} {' + '.join(map(_shape, node.activations))} -> {_shape(node.output)}"


def _rows(layer: Layer, tasks: Sequence[Task]) -> Iterator[str]:
    """'8 tasks of 1 row' of a layer that does not run whole."""
    if layer.execution is not Execution.WHOLE:
        sizes = {task.end - task.begin for task in tasks} or {0}
        rows = f"{min(sizes)} to {max(sizes)} rows" if len(sizes) > 1 else _count(max(sizes), "row")
        added = " added up" if layer.execution is Execution.ACCUMULATE else ""
        yield f"{_count(len(tasks), 'task')} of {rows}{added}"


def _buffers(schedule: Schedule, layer: Layer, name: Naming) -> Iterator[str]:
    """'into y, a ring of 3 rows, 192 bytes', 'scratch of 60 bytes': what the layer writes."""
    output = layer.node.output
    buffer = schedule.buffer(output)
    if buffer.name != layer.node.name:
        yield f"into {name(buffer.name)}"
    if buffer.name == output.name:  # and not the ring of a layer that runs in its place
        if buffer.name in schedule.rings:
            yield f"a ring of {_count(schedule.rings[buffer.name], 'row')}"
        yield _count(schedule.buffer_bytes(buffer), "byte")
    if layer.scratch_bytes:
        yield f"scratch of {_count(layer.scratch_bytes, 'byte')}"


def _where(distance: int) -> str:
    """Where an output may begin that lies over an input, by the least distance below it."""
    if distance > 0:
        return f"at least {_count(distance, 'byte')} below it"
    return f"at most {_count(-distance, 'byte')} above its start" if distance else "at or below it"


def order_words(tasks: Sequence[Task], first: int) -> str:
    """'0 1, 3 x (0 1 2)': layer numbers, what is repeated in brackets."""
    found = repeats([first + task.layer for task in tasks], ENTRY_BYTES)
    words, shown, begin = [], 0, 0
    for piece in found.pieces:
        if shown >= SHOWN:
            words.append(f"and so on, {_count(len(tasks), 'step')} in all")
            break
        part = found.entries[begin : begin + piece.length]
        begin += piece.length
        numbers = " ".join(map(str, part[: SHOWN - shown]))
        cut = " ..." if len(part) > SHOWN - shown else ""
        shown += len(part)
        words.append(f"{piece.times} x ({numbers}{cut})" if piece.times > 1 else numbers + cut)
    return ", ".join(words)


def _shape(tensor: Tensor) -> str:
    dims = tensor.shape[1:] if len(tensor.shape) > 1 else tensor.shape
    return "x".join(map(str, dims)) or "scalar"


def _count(number: int, unit: str) -> str:
    return f"{number:,} {unit}" + ("" if number == 1 else "s")
