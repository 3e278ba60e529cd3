# SPDX-License-Identifier: Apache-2.0
"""Print README's tables: the MLPerf Tiny models on emulated boards, beside what peers need.

    python -m scripts.peer_table             RAM, flash and instructions beside TFLM
    python -m scripts.peer_table ram         arenas by goal and input, the bound, what they cost
    python -m scripts.peer_table mobilenet   MobileNetV2 beside its naive live-tensor peak
    python -m scripts.peer_table vit         vision transformers: arenas beside TFLM and targets
    python -m scripts.peer_table vit_runs    the same networks' instructions (an hour)

The first two need the third-party models and baselines.json in ../shared beside the checkout.
Several tables may be asked for at once; what they share is deployed once. --samples N: random
inputs each deploy compares, 32 by default; counts do not depend on it.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console

from mcuforge.compiler.compile import PlanOptions, compile_graph
from mcuforge.compiler.frontends import read_model
from mcuforge.compiler.frontends.tflite import read_tflite
from mcuforge.compiler.ir import Graph
from mcuforge.compiler.schedule.naive import live_tensor_peak
from mcuforge.deploy import Request, deploy
from mcuforge.report.model import Report
from mcuforge.report.progress import Stages
from scripts.make_mobilenet_v2 import file_name, mobilenet_v2
from scripts.make_vit import PRESETS, make_int8
from tests.models.tflite_writer import write_model

SHARED = Path(__file__).resolve().parents[2] / "shared"
MODELS = ("kws_ref_model", "vww_96_int8", "pretrainedResnet_quant", "ad01_int8", "str_ww_ref_model")
BOARDS = ("qemu-mps2-an500", "qemu-mps2-an386", "qemu-riscv32")
TFLM, TINY_ENGINE = "TFLM+CMSIS-NN", "TinyEngine"
PEER_CPU = "cortex-m7"
BALANCED, SPEED = PlanOptions(), PlanOptions(goal="speed")
STREAMED = PlanOptions(streamed=True)
ROWLESS = frozenset({"ad01_int8"})  # its input is one vector: there are no rows to stream
AMPLE_BYTES = 1 << 26


@dataclass(frozen=True)
class VitPeers:
    """What TFLM needs for a transformer's RAM, what we are to need, and which Cortex-M7 runs it."""

    tflm_bytes: int | None  # the smallest arena that allocates, GELU as x * sigmoid(1.702 x)
    streamed_target: int
    resident_target: int
    board: str | None  # None: no Cortex-M7's flash holds the weights


# measured on the networks of the same shapes, tables in ../shared/models/vit/README.md
VIT_PEERS = {
    "vit_32": VitPeers(157_312, 17_600, 17_600, "qemu-mps2-an500"),
    "deit_tiny": VitPeers(1_194_752, 104_500, 164_000, "disco_f746ng"),
    "mcuformer_t": VitPeers(1_527_296, 119_500, 187_000, "disco_f746ng"),
    "mcuformer_t_largest": VitPeers(2_093_296, 139_500, 187_000, "disco_f746ng"),
    "deit_small": VitPeers(None, 210_000, 212_000, None),
}


@dataclass(frozen=True)
class Peer:
    """What an engine needs for a model, the least over its build flags."""

    ram_bytes: int
    tensor_bytes: int  # of which tensors and scratch; equal where the engine does not tell
    flash_bytes: int
    instructions: int


def peer(engine: str, model: str) -> Peer | None:
    """The measured figures of an engine whose name begins so; None where it was not measured."""
    rows = json.loads((SHARED / "baselines.json").read_text(encoding="utf-8"))["rows"]
    found = [
        row
        for row in rows
        if row["engine"].startswith(engine) and (row["model"], row["cpu"]) == (model, PEER_CPU)
    ]
    if not found:
        return None
    return Peer(
        min(row["ram_bytes"] for row in found),
        min(row.get("ram_tensors_and_scratch", row["ram_bytes"]) for row in found),
        min(row["flash_bytes"] for row in found),
        min(row["instructions"] for row in found),
    )


def model_file(model: str) -> Path:
    """The third party's file."""
    return SHARED / "models" / "mlperf_tiny" / f"{model}.tflite"


@dataclass(frozen=True)
class Bench:
    """Deploys each model once for a board and options, `samples` random inputs each."""

    stages: Stages
    samples: int | None = None
    reports: dict[tuple[str, str, PlanOptions], Report] = field(default_factory=dict)

    def deployed(self, model: str, board: str, options: PlanOptions) -> Report:
        """The report of one deploy; every figure of a table stands on a verdict of pass."""
        key = (model, board, options)
        if key not in self.reports:
            request = Request(
                model_file(model), board, emulate=True, samples=self.samples, options=options
            )
            self.reports[key] = deploy(request, self.stages)
        assert self.reports[key].verdict == "pass", key
        return self.reports[key]


def instructions(report: Report) -> int:
    """Counted instructions of one inference; emulated boards always have them."""
    assert report.run.instructions is not None
    return report.run.instructions


def overview(bench: Bench) -> Iterator[str]:
    """RAM, flash and instructions on three boards beside TFLM."""
    yield (
        "| model | RAM, bytes | TFLM arena | flash, bytes | TFLM flash | instructions M7 | M4 "
        "| RV32IMAC | TFLM + CMSIS-NN M7 |"
    )
    yield "|---|---|---|---|---|---|---|---|---|"
    for model in MODELS:
        reports = [bench.deployed(model, board, BALANCED) for board in BOARDS]
        tflm = peer(TFLM, model)
        assert tflm is not None
        counts = " | ".join(f"{instructions(r) / 1e6:.2f} M" for r in reports)
        yield (
            f"| {model} | {reports[0].ram.total:,} | {tflm.ram_bytes:,} "
            f"| {reports[0].flash.total:,} | {tflm.flash_bytes:,} "
            f"| {counts} | {tflm.instructions / 1e6:.2f} M |"
        )


def ram(bench: Bench) -> Iterator[str]:
    """Arena bytes by goal and input beside peers, and the instructions balanced costs."""
    yield (
        "| model | TFLM tensors / whole arena | TinyEngine | balanced, resident input "
        "| bound | streamed input | speed | instructions balanced | speed | overhead |"
    )
    yield "|---|---|---|---|---|---|---|---|---|---|"
    for model in MODELS:
        balanced = bench.deployed(model, BOARDS[0], BALANCED)
        speed = bench.deployed(model, BOARDS[0], SPEED)
        bench.deployed(model, BOARDS[2], BALANCED)
        streamed = "-"
        if model not in ROWLESS:
            streamed = f"{bench.deployed(model, BOARDS[0], STREAMED).ram.arena:,}"
            bench.deployed(model, BOARDS[2], STREAMED)
        tflm, tiny = peer(TFLM, model), peer(TINY_ENGINE, model)
        assert tflm is not None
        overhead = instructions(balanced) / instructions(speed) - 1
        bound = "optimal" if balanced.plan.optimal else f"{balanced.plan.lower_bound:,}"
        yield (
            f"| {model} | {tflm.tensor_bytes:,} / {tflm.ram_bytes:,} "
            f"| {'-' if tiny is None else f'{tiny.ram_bytes:,}'} | {balanced.ram.arena:,} "
            f"| {bound} | {streamed} | {speed.ram.arena:,} "
            f"| {instructions(balanced) / 1e6:.2f} M | {instructions(speed) / 1e6:.2f} M "
            f"| {overhead:+.1%} |"
        )


def mobilenet(bench: Bench) -> Iterator[str]:
    """MobileNetV2, planned and not built: its weights are random, its RAM is real."""
    yield "| model | naive live-tensor peak | balanced | streamed input | speed |"
    yield "|---|---|---|---|---|"
    for width in (1.0, 0.35):
        name = file_name(width, 224)
        graph = read_tflite(write_model(mobilenet_v2(width, 224)), name=name)
        arenas = []
        for options in (BALANCED, STREAMED, SPEED):
            with bench.stages.stage(f"planning {name}"):
                arenas.append(compile_graph(graph, "portable", AMPLE_BYTES, options=options))
        cells = " | ".join(f"{compiled.arena_bytes:,}" for compiled in arenas)
        yield f"| {name} | {live_tensor_peak(graph):,} | {cells} |"


def planned(graph: Graph, bench: Bench, options: PlanOptions) -> tuple[str, str]:
    """Bytes of the arena, and what no plan goes below."""
    with bench.stages.stage(f"planning {graph.name}"):
        compiled = compile_graph(graph, "armv7em", AMPLE_BYTES, options=options)
    optimal = compiled.plan.peak == compiled.plan.lower_bound
    bound = "optimal" if optimal else f"{compiled.plan.lower_bound:,}"
    return f"{compiled.arena_bytes:,}", bound


def vit(bench: Bench) -> Iterator[str]:
    """Vision transformers, planned for Cortex-M7 and not built: random weights, RAM is real."""
    yield (
        "| model | tokens | parameters | naive live tensors | TFLM arena "
        "| image streamed | bound | target | image resident | bound | target |"
    )
    yield "|---|---|---|---|---|---|---|---|---|---|---|"
    for preset, peers in VIT_PEERS.items():
        with vit_file(preset) as file:
            graph = read_model(file)
        streamed, streamed_bound = planned(graph, bench, STREAMED)
        resident, resident_bound = planned(graph, bench, BALANCED)
        yield (
            f"| {preset} | {PRESETS[preset].tokens} | {graph.parameters:,} "
            f"| {live_tensor_peak(graph):,} "
            f"| {'-' if peers.tflm_bytes is None else f'{peers.tflm_bytes:,}'} "
            f"| {streamed} | {streamed_bound} | {peers.streamed_target:,} "
            f"| {resident} | {resident_bound} | {peers.resident_target:,} |"
        )


def vit_runs(bench: Bench) -> Iterator[str]:
    """Instructions of an inference on the boards that hold the weights; every verdict is pass."""
    yield "| model | MACs | Cortex-M7 | per MAC | RV32IMAC | per MAC |"
    yield "|---|---|---|---|---|---|"
    for preset, peers in VIT_PEERS.items():
        cells = []
        with vit_file(preset) as file:
            macs = read_model(file).macs
            for board in (peers.board, BOARDS[2]):
                if board is None:
                    cells.append("- | -")
                    continue
                request = Request(file, board, emulate=True, samples=bench.samples or 1)
                report = deploy(request, bench.stages)
                assert report.verdict == "pass", (preset, board)
                count = instructions(report)
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
    "overview": overview,
    "ram": ram,
    "mobilenet": mobilenet,
    "vit": vit,
    "vit_runs": vit_runs,
}


def main() -> None:
    """Print tables as Markdown, each row as soon as it is known."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("tables", nargs="*", choices=tuple(TABLES), default="overview")
    parser.add_argument("--samples", type=int, metavar="N", help="random inputs of each deploy")
    wanted = parser.parse_args()
    bench = Bench(Stages(Console(stderr=True)), wanted.samples)
    for name in [wanted.tables] if isinstance(wanted.tables, str) else wanted.tables:
        for row in TABLES[name](bench):
            print(row, flush=True)


if __name__ == "__main__":
    main()
