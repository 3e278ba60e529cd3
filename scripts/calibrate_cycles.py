# SPDX-License-Identifier: Apache-2.0
"""How far estimated cycles are from published ones: the tables of docs/cycles.md.

    python -m scripts.calibrate_cycles FOLDER [MODEL ...]     FOLDER holds the MLPerf Tiny models

Cycles of our own code on silicon are not known to us. What is published are latencies of other
engines on the same models; two things about them can be set beside an estimate:

1. Cycles per instruction on a Cortex-M4: microTVM with CMSIS-NN published latencies, and we counted
   the instructions that CMSIS-NN's kernels take for the same model in another runtime's build.
2. Cycles on a Cortex-M7 over cycles on a Cortex-M4: engines that published both of one model.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from mcuforge.commands.bench import Request, bench
from mcuforge.report.model import CycleEstimate
from mcuforge.report.progress import Stages

M4, M7 = "qemu-mps2-an386", "qemu-mps2-an500"
L4R5_HZ, H7A3_HZ = 120_000_000, 280_000_000
MODELS = ("pretrainedResnet_quant", "vww_96_int8", "kws_ref_model", "ad01_int8")

# mlcommons/tiny_results_v1.0, closed/OctoML, NUCLEO-L4R5ZI at 120 MHz, microTVM with CMSIS-NN:
# milliseconds, 1000 / "Median throughput" of performance/results.txt
MICROTVM_MS = (389.56, 301.20, 99.81, 8.60)
# instructions of tflite-micro 90b983c2 with CMSIS-NN 4ab83cc3, arm-none-eabi-gcc 12.2, the
# Makefile's own flags, one inference counted by QEMU 7.2 -icount shift=0 on mps2-an386
CMSIS_NN_INSTRUCTIONS = (29_863_160, 24_101_480, 7_699_760, 582_840)


@dataclass(frozen=True)
class Engine:
    """Milliseconds an engine published of MODELS, on both boards in one round."""

    name: str
    l4r5_ms: tuple[float, ...]
    h7a3_ms: tuple[float, ...]

    def ratio(self, model: int) -> float:
        """Cycles on the Cortex-M7 over those on the Cortex-M4."""
        return self.h7a3_ms[model] * H7A3_HZ / (self.l4r5_ms[model] * L4R5_HZ)


# mlcommons/tiny_results_v1.0, v1.1 and v1.2, closed: STM32L4R5 at 120 MHz and STM32H7A3 at 280 MHz
ENGINES = (
    Engine("X-CUBE-AI 7.3 (1.0)", (226.91, 230.47, 75.06, 7.58), (54.34, 50.70, 16.76, 1.83)),
    Engine("Bosch HALE (1.1)", (179.02, 180.73, 62.68, 5.66), (46.83, 43.66, 14.72, 1.36)),
    Engine("Plumerai (1.1)", (167.76, 98.76, 47.78, 4.05), (50.93, 26.82, 13.86, 1.35)),
    Engine("X-CUBE-AI 9.0 (1.2)", (165.13, 88.93, 43.19, 5.26), (40.84, 23.80, 11.32, 1.23)),
)


def estimate(folder: Path, model: str, board: str) -> CycleEstimate:
    """The estimate of a model as `bench --cycles` makes it."""
    stages = Stages(Console(stderr=True), quiet=True)
    request = Request(folder / f"{model}.tflite", board, cycles=True)
    found = bench(request, stages).estimated_cycles
    assert found is not None  # asked for
    return found


def main() -> None:
    """Print both tables as Markdown."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("model", nargs="*", default=[])
    arguments = parser.parse_args()
    wanted = [i for i, model in enumerate(MODELS) if model in (arguments.model or MODELS)]
    found = {
        i: [estimate(arguments.folder, MODELS[i], board) for board in (M4, M7)] for i in wanted
    }
    print("| model | published ms | per instruction, published | estimated | published is |")
    print("|---|---|---|---|---|")
    for i in wanted:
        published = MICROTVM_MS[i] / 1000 * L4R5_HZ / CMSIS_NN_INSTRUCTIONS[i]
        ours = found[i][0].cycles_per_instruction
        above = f"{100 * (published / ours - 1):+.0f} %"
        print(f"| {MODELS[i]} | {MICROTVM_MS[i]} | {published:.2f} | {ours:.2f} | {above} |")
    print()
    names = " | ".join(engine.name for engine in ENGINES)
    print(f"| model | {names} | estimated | published is |")
    print("|---" * (len(ENGINES) + 3) + "|")
    for i in wanted:
        ratios = [engine.ratio(i) for engine in ENGINES]
        ours = found[i][1].cycles / found[i][0].cycles
        cells = " | ".join(f"{ratio:.2f}" for ratio in ratios)
        low, high = (f"{100 * (one / ours - 1):+.0f}" for one in (min(ratios), max(ratios)))
        print(f"| {MODELS[i]} | {cells} | {ours:.2f} | {low} to {high} % |")
    print()
    print("| model | Cortex-M4: estimated cycles | per MAC | Cortex-M7 | per MAC |")
    print("|---|---|---|---|---|")
    for i in wanted:
        cells = " | ".join(f"{e.cycles:,} | {e.cycles_per_mac:.2f}" for e in found[i])
        print(f"| {MODELS[i]} | {cells} |")


if __name__ == "__main__":
    main()
