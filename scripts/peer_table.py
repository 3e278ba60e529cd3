# SPDX-License-Identifier: Apache-2.0
"""Print the tables of large networks with random weights that stand in docs/figures.md.

    python -m scripts.peer_table mobilenet   MobileNetV2 beside its naive live-tensor peak
    python -m scripts.peer_table vit         vision transformers: arenas beside TFLM's
    python -m scripts.peer_table vit_runs    the same networks' instructions (an hour)

bench_table counts the networks that are small enough to be counted on every change.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console

from mcuforge.commands.deploy import Request, deploy
from mcuforge.compiler.builders.tflite_writer import write_model
from mcuforge.compiler.compile import Compiled, PlanOptions, compile_graph
from mcuforge.compiler.frontends import read_model
from mcuforge.compiler.frontends.tflite.reader import read_tflite
from mcuforge.compiler.graph import Graph
from mcuforge.report.progress import Stages
from scripts.live_tensor_peak import live_tensor_peak
from scripts.make_mobilenet_v2 import file_name, mobilenet_v2
from scripts.make_vit import PRESETS, make_int8

BALANCED, SPEED = PlanOptions(), PlanOptions(goal="speed")
STREAMED, LEAST = PlanOptions(streamed=True), PlanOptions(goal="ram", streamed=True)
AMPLE_BYTES = 1 << 26


@dataclass(frozen=True)
class VitPeers:
    """What TFLM needs for a transformer's RAM, and which Cortex-M7 runs it."""

    tflm_bytes: int | None  # the smallest arena that allocates, GELU as x * sigmoid(1.702 x)
    board: str | None  # None: no Cortex-M7's flash holds the weights


# measured on the networks of the same shapes, tables in ../shared/models/vit/README.md
VIT_PEERS = {
    "vit_32": VitPeers(157_312, "qemu-mps2-an500"),
    "deit_tiny": VitPeers(1_194_752, "disco_f746ng"),
    "mcuformer_t": VitPeers(1_527_296, "disco_f746ng"),
    "mcuformer_t_largest": VitPeers(2_093_296, "disco_f746ng"),
    "deit_small": VitPeers(None, None),
}


def planned(graph: Graph, stages: Stages, options: PlanOptions) -> Compiled:
    """The graph planned for a Cortex-M7 with ample RAM."""
    with stages.stage(f"planning {graph.name}"):
        return compile_graph(graph, "armv7em", AMPLE_BYTES, options=options)


def mobilenet(stages: Stages) -> Iterator[str]:
    """MobileNetV2, planned and not built: random weights, real RAM."""
    yield "| model | naive live-tensor peak | balanced | streamed input | speed |"
    yield "|---|---|---|---|---|"
    for width in (1.0, 0.35):
        name = file_name(width, 224)
        graph = read_tflite(write_model(mobilenet_v2(width, 224)), name=name)
        arenas = (
            planned(graph, stages, options).arena_bytes for options in (BALANCED, STREAMED, SPEED)
        )
        cells = " | ".join(f"{arena:,}" for arena in arenas)
        yield f"| {name} | {live_tensor_peak(graph):,} | {cells} |"


def arena_and_bound(compiled: Compiled) -> str:
    """Two cells: bytes of the arena, and its lower bound."""
    optimal = compiled.plan.peak == compiled.plan.lower_bound
    bound = "optimal" if optimal else f"{compiled.plan.lower_bound:,}"
    return f"{compiled.arena_bytes:,} | {bound}"


def vit(stages: Stages) -> Iterator[str]:
    """Vision transformers, planned for Cortex-M7 and not built: random weights, real RAM."""
    yield (
        "| bytes of arena | tokens | parameters | live tensors | TFLM "
        "| image streamed | bound | image resident | bound | streamed, `--optimize ram` |"
    )
    yield "|---|---|---|---|---|---|---|---|---|---|"
    for preset, peers in VIT_PEERS.items():
        with vit_file(preset) as file:
            graph = read_model(file)
        streamed = arena_and_bound(planned(graph, stages, STREAMED))
        resident = arena_and_bound(planned(graph, stages, BALANCED))
        least = planned(graph, stages, LEAST).arena_bytes
        vit = PRESETS[preset]
        rank = f", rank {vit.rank:g}" if vit.rank else ""
        yield (
            f"| {preset}: {vit.image}x{vit.image}, patch {vit.patch}, {vit.width} wide, "
            f"{vit.blocks} blocks{rank} | {vit.tokens} | {graph.parameters:,} "
            f"| {live_tensor_peak(graph):,} "
            f"| {'-' if peers.tflm_bytes is None else f'{peers.tflm_bytes:,}'} "
            f"| {streamed} | {resident} | {least:,} |"
        )


def vit_runs(stages: Stages) -> Iterator[str]:
    """Instructions per inference on boards that hold the weights; every verdict is pass."""
    yield "| model | MACs | Cortex-M7 | per MAC | RV32IMAC | per MAC |"
    yield "|---|---|---|---|---|---|"
    for preset, peers in VIT_PEERS.items():
        cells = []
        with vit_file(preset) as file:
            macs = read_model(file).macs
            for board in (peers.board, "qemu-riscv32"):
                if board is None:
                    cells.append("- | -")
                    continue
                report = deploy(Request(file, board, emulate=True, samples=1), stages)
                assert report.verdict == "pass", (preset, board)
                count = report.run.instructions
                assert count is not None, "emulated boards count"
                cells.append(f"{count / 1e6:,.0f} M | {count / macs:.2f}")
        yield f"| {preset} | {macs / 1e6:,.0f} M | {' | '.join(cells)} |"


@contextmanager
def vit_file(preset: str) -> Iterator[Path]:
    """The int8 model of a preset, in a folder that is gone afterwards."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / f"{preset}.onnx"
        model = make_int8(preset, PRESETS[preset])
        file.write_bytes(model.SerializeToString(deterministic=True))
        yield file


TABLES = {
    "mobilenet": mobilenet,
    "vit": vit,
    "vit_runs": vit_runs,
}


def main() -> None:
    """Print tables as Markdown, each row as soon as it is known."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("tables", nargs="+", choices=tuple(TABLES))
    wanted = parser.parse_args()
    stages = Stages(Console(stderr=True))
    for name in wanted.tables:
        for row in TABLES[name](stages):
            print(row, flush=True)


if __name__ == "__main__":
    main()
