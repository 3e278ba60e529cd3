# SPDX-License-Identifier: Apache-2.0
"""The slowest tests of the last pytest run, and the time per folder, in CPU seconds.

    python -m scripts.slowest_tests [--count 30]

tests/cpu_seconds.py writes the figures at the end of every run, with xdist too: the seconds of the
test's process and of the compilers and emulators it has waited for.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

FIGURES = Path(__file__).resolve().parent.parent / ".pytest_cache" / "cpu_seconds.json"
PARTS = 3  # tests/unit/ops: as deep as folders are told apart


def folder_of(test: str) -> str:
    """The folder that a test's time is added to."""
    *folders, _ = test.partition("::")[0].split("/")
    return "/".join(folders[:PARTS])


def lines(seconds: Mapping[str, float], count: int) -> list[str]:
    """The table as text: folders by time, then the slowest tests."""
    by_folder: Counter[str] = Counter()
    tests = Counter(folder_of(test) for test in seconds)
    for test, used in seconds.items():
        by_folder[folder_of(test)] += used  # type: ignore[assignment]  # a Counter of floats
    shown = [f"{'CPU s':>8} {'tests':>6}  folder"]
    shown += [f"{used:8.1f} {tests[name]:6d}  {name}" for name, used in by_folder.most_common()]
    shown += [f"{sum(seconds.values()):8.1f} {len(seconds):6d}  all", "", f"{'CPU s':>8}  test"]
    slowest = sorted(seconds.items(), key=lambda item: (-item[1], item[0]))
    return shown + [f"{used:8.1f}  {test}" for test, used in slowest[:count]]


def main() -> int:
    """Print the tables; 1 where no run has left its figures."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--count", type=int, default=30, help="how many tests to show")
    count = parser.parse_args().count
    if not FIGURES.is_file():
        print("no run has left its figures yet: `make test` first", file=sys.stderr)
        return 1
    print("\n".join(lines(json.loads(FIGURES.read_text(encoding="utf-8")), count)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
