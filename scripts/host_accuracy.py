# SPDX-License-Identifier: Apache-2.0
"""A model's generated C on this machine over a whole data file, beside its reference and peer.

    python -m scripts.host_accuracy MODEL --data FILE.npz [--samples N] [--optimize ram]

Exit code 1 when the C is not the reference's.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from mcuforge.compiler.compile import PlanOptions
from mcuforge.compiler.schedule.search import GOALS
from mcuforge.flow.host import check_on_host


def main(arguments: list[str] | None = None) -> int:
    """Print the comparison; 0 when every element is the reference's."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--samples", type=int)
    parser.add_argument("--optimize", choices=GOALS, default="balanced")
    chosen = parser.parse_args(arguments)
    options = PlanOptions(goal=chosen.optimize)
    ran = check_on_host(chosen.model, chosen.data, chosen.samples, options)
    check = ran.check
    print(
        f"{chosen.model.name}: arena {ran.compiled.arena_bytes:,}; "
        f"{check.exact_samples:,} of {check.samples:,} exact, against {check.reference}"
    )
    if check.accuracy is not None:
        print(f"accuracy {check.accuracy:.4f}, {check.peer or 'the reference'} ", end="")
        print(f"{check.reference_accuracy:.4f}; same class {check.top1_agreement:.4f}")
    return 1 if check.mismatched_elements else 0


if __name__ == "__main__":
    sys.exit(main())
