# SPDX-License-Identifier: Apache-2.0
"""Made-up reports of searches, plausible and the same every time, for tests of what shows them."""

from __future__ import annotations

from collections.abc import Mapping
from math import exp
from random import Random

from mcuforge.report.model import (
    BoardFacts,
    Check,
    Flash,
    FlashRegion,
    LayerFacts,
    ModelFacts,
    PlanFacts,
    Ram,
    RegionUse,
    Report,
    Run,
    Toolchain,
)
from mcuforge.report.search import (
    Costs,
    DataFacts,
    Feasibility,
    Finalist,
    Formula,
    KindTrial,
    Limits,
    MethodResult,
    Point,
    RankCheck,
    Refused,
    SearchReport,
    SpaceFacts,
    Training,
)

RAM, FLASH, INSTRUCTIONS = 128 * 1024, 512 * 1024, 60e6
CNN: Mapping[str, object] = {
    "stem.width": 16,
    "stem.kernel": 3,
    "stem.stride": 1,
    "stage0.depth": 1,
    "stage0.kind": "plain",
    "stage0.width": 24,
    "stage0.stride": 1,
    "stage0.plain.kernel": 3,
    "stage0.plain.expansion": 1,
    "stage1.depth": 2,
    "stage1.kind": "inverted",
    "stage1.width": 40,
    "stage1.stride": 2,
    "stage1.inverted.kernel": 5,
    "stage1.inverted.expansion": 3,
    "stage2.depth": 3,
    "stage2.kind": "residual",
    "stage2.width": 96,
    "stage2.stride": 2,
    "stage2.residual.kernel": 3,
    "stage2.residual.expansion": 1,
    "stage3.depth": 0,
    "last.width": 128,
}
HYBRID: Mapping[str, object] = {
    "stem.width": 24,
    "stem.kernel": 3,
    "stem.stride": 1,
    "stage0.depth": 2,
    "stage0.kind": "residual",
    "stage0.width": 32,
    "stage0.stride": 2,
    "stage0.residual.kernel": 3,
    "stage0.residual.expansion": 1,
    "stage1.depth": 1,
    "stage1.kind": "plain",
    "stage1.width": 64,
    "stage1.stride": 2,
    "stage1.plain.kernel": 3,
    "stage1.plain.expansion": 1,
    "tokens.depth": 3,
    "tokens.width": 96,
    "tokens.head_width": 32,
    "tokens.patch": 1,
    "tokens.class_token": False,
    **{f"block{n}.heads": heads for n, heads in enumerate((3, 3, 2))},
    **{f"block{n}.ratio": 2.0 for n in range(3)},
    **{f"block{n}.rank": 1.0 for n in range(3)},
}
LAYERS = (
    ("stem", "conv2d", 442_368, 3_100_000, 20_480, (1, 32, 32, 16)),
    ("stage0.plain0.conv", "conv2d", 3_538_944, 11_900_000, 41_984, (1, 32, 32, 24)),
    ("stage1.inverted0.expand", "conv2d", 1_769_472, 6_400_000, 101_376, (1, 32, 32, 72)),
    ("stage1.inverted0.filter", "depthwise", 460_800, 3_300_000, 93_184, (1, 16, 16, 72)),
    ("stage1.inverted0.project", "conv2d", 737_280, 2_000_000, 28_672, (1, 16, 16, 40)),
    ("stage2.residual0.first", "conv2d", 2_211_840, 6_600_000, 16_384, (1, 8, 8, 96)),
    ("add_1", "add", 0, 61_440, 18_432, (1, 8, 8, 96)),
    ("last", "conv2d", 786_432, 2_000_000, 14_336, (1, 8, 8, 128)),
    ("mean", "mean", 0, 24_000, 8_320, (1, 128)),
    ("head", "linear", 1_280, 6_000, 138, (1, 10)),
)
SERIES: Mapping[str, object] = {
    "stem.width": 8,
    "stem.kernel": 5,
    "stem.stride": 2,
    "stage0.depth": 1,
    "stage0.kind": "separable",
    "stage0.width": 16,
    "stage0.stride": 2,
    "stage0.separable.kernel": 7,
    "stage0.separable.expansion": 1,
    "tokens.depth": 0,
}


def points(count: int, seeds: int) -> tuple[Point, ...]:
    """Networks whose accuracy rises with what they cost; evolution finds better ones with time."""
    random = Random(7)
    made: list[Point] = []
    for method, gain in (("evolution", 0.03), ("random", 0.0), ("local", 0.02)):
        for seed in range(seeds):
            for step in range(count):
                ram = int(RAM * (0.2 + 0.79 * random.random()))
                flash = int(FLASH * (0.05 + 0.3 * random.random()))
                size = 8e6 + 51e6 * random.random() * ram / RAM
                best = 0.70 - 0.35 * exp(-3 * size / 60e6) + 0.05 * ram / RAM
                learned = gain * step / count
                accuracy = round(best + learned - abs(random.gauss(0, 0.03)), 4)
                genome = f"{len(made)}.{step}.1.0.2"
                made.append(Point(genome, method, seed, accuracy, ram, flash, size))
    made += [Point(f"9.9.{s}.9", "largest", s, 0.676, 130_048, 201_000, 5.9e7) for s in range(1)]
    return tuple(made)


def finalist(name: str, point: Point, accuracy: float, choices: Mapping[str, object]) -> Finalist:
    """`point` trained to the end; its costs as deployed lie near the estimates."""
    estimated = Costs(point.ram, point.flash, point.instructions)
    deployed = Costs(point.ram + 96, point.flash + 1_210, round(point.instructions * 1.004))
    return Finalist(
        name,
        point.genome,
        choices,
        9_948_416,
        168_330,
        f"{name}.onnx",
        accuracy + 0.004,
        accuracy + 0.001,
        name == "random",
        accuracy + 0.003,
        accuracy,
        10_000,
        accuracy,
        1_000,
        round(accuracy + 0.002, 4),
        estimated,
        deployed,
        Training(1_500_000, 5_400.0, "cpu", {"epochs": 30, "rate": 0.05}),
    )


def deployment(emulated: bool = True) -> Report:
    """The winner's deployment."""
    stand_in = "QEMU 7.2 netduinoplus2" if emulated else None
    ran_as = "stand-in, emulated" if emulated else "hardware"
    total = sum(cost for _, _, _, cost, _, _ in LAYERS)
    return Report(
        ModelFacts("evolution.onnx", "5d" * 32, "onnx", 31, 9_948_416, 168_330),
        BoardFacts("disco_f746ng", "cortex-m7", "armv7em", emulated, stand_in, None, ran_as),
        Toolchain("arm-none-eabi-gcc", "12.2.1", "-O2"),
        "pass",
        (),
        Check("our own", "cifar10.npz", 1_000, 1_000, 0, 0.0, 0.847, 0.847, 1.0),
        Ram(101_376, 512, 1_024, 1_080, 102_912, RAM, 4_096),
        Flash(168_000, 24_000, 192_000, FLASH, 20_000, (FlashRegion("flash", 168_000, FLASH, 2),)),
        PlanFacts(
            101_376,
            101_376,
            True,
            "greedy",
            0.1,
            False,
            0.5,
            (RegionUse("ram", 101_376, RAM, 2),),
            "stage1.inverted0.expand",
            "balanced",
            "resident",
            None,
        ),
        Run(total, 3.6, None, None),
        tuple(
            LayerFacts(index, name, op, macs, cost, ram, None, shape)
            for index, (name, op, macs, cost, ram, shape) in enumerate(LAYERS)
        ),
    )


def refused(count: int) -> tuple[Refused, ...]:
    """Networks that pass one limit or several, some of them far."""
    random = Random(11)
    made: list[Refused] = []
    while len(made) < count:
        ram = int(RAM * (0.3 + 2.2 * random.random() ** 2))
        instructions = INSTRUCTIONS * (0.3 + 2.4 * random.random() ** 2)
        passed = (("ram", ram > RAM), ("instructions", instructions > INSTRUCTIONS))
        limits = tuple(name for name, over in passed if over)
        if not limits:
            continue
        flash = int(FLASH * (0.1 + 0.5 * random.random()))
        made.append(Refused(f"0.{len(made)}.4", limits, ram, flash, instructions))
    return tuple(made)


def method(name: str, best: float, p: float | None, seeds: int, evaluations: float) -> MethodResult:
    deviation = 0.004 if seeds > 1 else 0.0
    p = p if seeds > 4 else None
    return MethodResult(name, evaluations, seeds, best, deviation, best - 0.35, deviation / 2, p, p)


def search(
    *,
    count: int = 60,
    seeds: int = 5,
    instructions: float | None = INSTRUCTIONS,
    choices: Mapping[str, object] = CNN,
    ranks: bool = True,
    emulated: bool = True,
    origin: str = "cifar10.npz",
) -> SearchReport:
    """A search with `count` evaluations per method and seed."""
    found = points(count, seeds)
    by_method = {
        name: max((p for p in found if p.method == name), key=lambda p: p.accuracy)
        for name in dict.fromkeys(p.method for p in found)
    }
    chosen = list(by_method.items())
    accuracies = {"evolution": 0.845, "random": 0.831, "local": 0.84, "largest": 0.836}
    return SearchReport(
        command="mcuforge search cnn32 --data cifar10.npz --board disco_f746ng --emulate --seed 1",
        seed=1,
        budget="standard",
        board=deployment(emulated).board,
        space=SpaceFacts("cnn32", "CNN for 32x32 images", "8f14e45fceea", 35_831_808_000_000, 22),
        data=DataFacts(
            origin,
            "c4ca4238a0b92382",
            "images",
            (32, 32, 3),
            tuple(f"class {n}" for n in range(10)),
            45_000,
            5_000,
            2_000,
            10_000,
        ),
        limits=Limits(RAM, FLASH, instructions),
        feasibility=Feasibility(
            21_412,
            17_630,
            {"ram": 14_210, "instructions": 9_120, "flash": 312},
            {"sums": 9_245, "layers": 11_300, "bound": 655, "plan": 212},
            refused(24),
            (
                Formula("layer peak", 12_292, 9_000, 0, 10_873, 1_873),
                Formula("MCUFormer", 12_292, 9_000, 2_204, 6_833, 37),
            ),
        ),
        supernet=Training(3_000_000, 21_600.0, "cpu", {"epochs": 60, "rate": 0.1, "batch": 128}),
        kinds=(
            KindTrial("residual", 40_000, 8, 0.512),
            KindTrial("plain", 40_000, 8, 0.476),
        ),
        supernet_weights=2_412_340,
        methods=(
            method("evolution", 0.742, None, seeds, count),
            method("random", 0.728, 0.031, seeds, count),
            method("local", 0.739, 0.094, seeds, count * 0.96),
            method("largest", 0.676, 0.031, seeds, 1),
        ),
        points=found,
        ranks=RankCheck(
            tuple(p.genome for p in found[:12]),
            tuple(p.accuracy for p in found[:12]),
            tuple(
                round(0.8 + 0.05 * p.accuracy + 0.002 * (i % 3), 4)
                for i, p in enumerate(found[:12])
            ),
            0.64,
        )
        if ranks
        else None,
        finalists=tuple(finalist(name, point, accuracies[name], choices) for name, point in chosen),
        winner=deployment(emulated),
        stages={"supernet": 21_600.0, "search": 3_100.0, "finalists": 21_600.0, "deploy": 540.0},
        versions={"mcuforge": "0.9", "torch": "2.4.1", "onnxruntime": "1.18", "QEMU": "7.2"},
        verdict="pass",
        reasons=(),
    )
