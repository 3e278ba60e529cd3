# SPDX-License-Identifier: Apache-2.0
"""Schedules with pipelines, made by hand: a residual block whose rings are given, not searched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from mcuforge.compiler.codegen.model import generate
from mcuforge.compiler.compile import Compiled
from mcuforge.compiler.graph import Graph, Node
from mcuforge.compiler.ops.add import Add
from mcuforge.compiler.ops.conv2d import Conv2D
from mcuforge.compiler.ops.depthwise_conv2d import DepthwiseConv2D
from mcuforge.compiler.schedule.arrival import arrival
from mcuforge.compiler.schedule.fit import LADDER
from mcuforge.compiler.schedule.schedule import (
    Execution,
    Layer,
    Schedule,
    Stage,
    Task,
)
from mcuforge.compiler.tensors import Quant
from mcuforge.memplan.problem import Buffer, Placement, Plan, Problem, Region
from tests.schedules import whole_layers
from tests.unit.compiler.graphs import constant, graph, tensor

HALO = (1, 1, 1, 1)
RINGS = {"image": 3, "stem": 3, "mixed": 1, "sum": 3}


def residual(name: str = "residual", rows: int = 9) -> Graph:
    """image -> stem -> mixed; stem + mixed -> sum -> half (rows 2 apart) -> logits; odd rows."""
    image, stem = tensor("image", (1, rows, 6, 2)), tensor("stem", (1, rows, 6, 4))
    mixed, total = tensor("mixed", (1, rows, 6, 4)), tensor("sum", (1, rows, 6, 4))
    halved = (rows + 1) // 2
    half, logits = tensor("half", (1, halved, 3, 5)), tensor("logits", (1, 1, 1, 3))
    weights = Quant((0.003,), 0)
    nodes = (
        Node("stem", Conv2D(pad=HALO), (image, constant("k", (4, 3, 3, 2), weights)), stem),
        Node(
            "mixed",
            DepthwiseConv2D(pad=HALO),
            (stem, constant("d", (1, 3, 3, 4), weights)),
            mixed,
        ),
        Node("sum", Add(), (stem, mixed), total),
        Node(
            "half",
            Conv2D(stride=(2, 2), pad=(1, 0, 1, 1)),
            (total, constant("h", (5, 3, 3, 4), weights)),
            half,
        ),
        Node("logits", Conv2D(), (half, constant("l", (3, halved, 3, 5), weights)), logits),
    )
    origins = [replace(n, origin=f"operator {i}") for i, n in enumerate(nodes)]
    return graph([image], origins, [logits], name)


def pulled(nodes: Sequence[Node], rows: Mapping[str, int]) -> tuple[Task, ...]:
    """Every layer's rows just when the last layer wants them, `rows` a task where it says so."""
    done = [0] * len(nodes)
    writer = {node.output.name: i for i, node in enumerate(nodes)}
    tasks: list[Task] = []

    def pull(i: int, upto: int) -> None:
        while done[i] < upto:
            end = min(done[i] + rows.get(nodes[i].name, 1), nodes[i].output.rows)
            reads = nodes[i].op.row_reads(nodes[i].inputs, nodes[i].output)
            for x, read in zip(nodes[i].inputs, reads or (), strict=True):
                if read is not None and x.name in writer:
                    pull(writer[x.name], int(read.end[end - 1]))
            tasks.append(Task(i, done[i], end))
            done[i] = end

    pull(len(nodes) - 1, nodes[-1].output.rows)
    return tuple(tasks)


def pipelined(
    graph: Graph,
    length: int = 4,
    rings: Mapping[str, int] = RINGS,
    *,
    rows: Mapping[str, int] | None = None,
    streamed: bool = False,
) -> Schedule:
    """The first `length` layers of `graph` as one pipeline, the rest whole."""
    whole = whole_layers(graph, "portable")
    nodes = [layer.node for layer in whole.layers[:length]]
    layers = [
        replace(
            layer,
            execution=Execution.ROWS,
            calls=layer.node.op.row_calls(layer.node.inputs, layer.node.output, "portable"),
        )
        for layer in whole.layers[:length]
    ]
    if streamed:
        nodes.insert(0, arrival(graph.inputs[0]))
        layers.insert(0, Layer(nodes[0], Execution.ARRIVE, (), "nothing#scratch"))
    else:
        rings = {name: rows for name, rows in rings.items() if name != graph.inputs[0].name}
    pipeline = Stage(tuple(layers), pulled(nodes, rows or {}))
    streams = graph.inputs[:1] if streamed else ()
    stages = (pipeline, *whole.stages[length:])
    return replace(whole, stages=stages, rings=dict(rings), streamed=streams)


def buffer_sizes(schedule: Schedule) -> dict[str, int]:
    """Bytes of every buffer by name: inputs, outputs of layers, scratch."""
    arriving = {t.name for t in schedule.streamed}
    sizes = {t.name: t.bytes for t in schedule.graph.inputs if t.name not in arriving}
    for layer in schedule.layers:
        if layer.scratch_bytes:
            sizes[layer.scratch_name] = layer.scratch_bytes
        owner = schedule.buffer(layer.node.output)
        sizes[owner.name] = schedule.buffer_bytes(owner)
    return sizes


def apart(schedule: Schedule, regions: Sequence[str] = ("ram",)) -> dict[str, Placement]:
    """Every buffer by itself, the regions in turn."""
    used = dict.fromkeys(regions, 0)
    placements = {}
    for number, (name, size) in enumerate(buffer_sizes(schedule).items()):
        region = regions[number % len(regions)]
        placements[name] = Placement(region, used[region])
        used[region] += -(-size // 4) * 4
    return placements


def peaks(schedule: Schedule, placements: Mapping[str, Placement]) -> dict[str, int]:
    """The bytes each region needs for those placements."""
    found: dict[str, int] = {}
    for name, size in buffer_sizes(schedule).items():
        place = placements[name]
        found[place.region] = max(found.get(place.region, 0), place.offset + size)
    return found


def compiled(schedule: Schedule, regions: Sequence[str] = ("ram",)) -> Compiled:
    """All of `compile_graph`'s answer for a schedule made by hand, every buffer apart."""
    placements = apart(schedule, regions)
    used = peaks(schedule, placements)
    lives = max(len(schedule.layers), 1)
    sizes = buffer_sizes(schedule)
    problem = Problem(
        tuple(Buffer(name, sizes[name], 0, lives, 4) for name in placements),
        tuple(Region(name, size) for name, size in used.items()),
    )
    plan = Plan(placements, used, "by hand", optimal=False, lower_bound=0, seconds=0.0)
    model = generate(schedule, placements, used)
    return Compiled(
        graph=schedule.graph,
        schedule=schedule,
        problem=problem,
        plan=plan,
        rung=LADDER[0],
        model=model,
    )
