# SPDX-License-Identifier: Apache-2.0
"""Print README's table: the MLPerf Tiny models on emulated boards, beside TFLM's measured figures.

    python -m scripts.peer_table

Needs the third-party models and baselines.json in ../shared beside the checkout.
"""

from __future__ import annotations

import json
from pathlib import Path

from rich.console import Console

from mcuforge.deploy import Request, deploy
from mcuforge.report.progress import Stages

SHARED = Path(__file__).resolve().parents[2] / "shared"
MODELS = ("kws_ref_model", "vww_96_int8", "pretrainedResnet_quant", "ad01_int8", "str_ww_ref_model")
BOARDS = ("qemu-mps2-an500", "qemu-mps2-an386", "qemu-riscv32")
PEER = "TFLM+CMSIS-NN"


def main() -> None:
    """Deploy every model to every board and print Markdown."""
    rows = json.loads((SHARED / "baselines.json").read_text(encoding="utf-8"))["rows"]
    stages = Stages(Console(stderr=True))
    print(
        "| model | RAM, bytes | TFLM arena | flash, bytes | TFLM flash | instructions M7 | M4 "
        "| RV32IMAC | TFLM + CMSIS-NN M7 |\n|---|---|---|---|---|---|---|---|---|"
    )
    for model in MODELS:
        file = SHARED / "models" / "mlperf_tiny" / f"{model}.tflite"
        reports = [deploy(Request(file, board, emulate=True), stages) for board in BOARDS]
        assert all(report.verdict == "pass" for report in reports)
        peers = [
            row
            for row in rows
            if (row["engine"], row["model"], row["cpu"]) == (PEER, model, "cortex-m7")
        ]
        counts = " | ".join(f"{(r.run.instructions or 0) / 1e6:.2f} M" for r in reports)
        print(
            f"| {model} | {reports[0].ram.total:,} | {min(p['ram_bytes'] for p in peers):,} "
            f"| {reports[0].flash.total:,} | {min(p['flash_bytes'] for p in peers):,} "
            f"| {counts} | {min(p['instructions'] for p in peers) / 1e6:.2f} M |"
        )


if __name__ == "__main__":
    main()
