# SPDX-License-Identifier: Apache-2.0
"""Data sets of series that aeon and sktime come with, as .npz files for `mcuforge search`.

    pip install --no-deps aeon      # or sktime; only its files are read
    python -m scripts.series_data JapaneseVowels --out japanese_vowels.npz [--dtw]

Series of different lengths are padded with NaN at their end. `--dtw` also prints the accuracy of
the nearest neighbour by dynamic time warping, the usual classifier to compare with.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mcuforge.errors import CompileError

PACKAGES = ("aeon", "sktime")
Series = NDArray[np.float32]


def read(path: Path) -> tuple[list[Series], list[str]]:
    """Series, each float32 [samples, channels], and their labels, of a .ts file."""
    series, labels = [], []
    for line in path.read_text().lower().partition("@data")[2].splitlines():
        if line.strip() and not line.startswith("#"):
            *channels, label = line.strip().split(":")
            columns = [channel.replace("?", "nan").split(",") for channel in channels]
            series.append(np.array(columns, np.float32).T)
            labels.append(label)
    return series, labels


def padded(series: Sequence[Series], samples: int) -> Series:
    """All series as one array, float32 [n, samples, channels]."""
    whole = np.full((len(series), samples, series[0].shape[1]), np.nan, np.float32)
    for row, one in zip(whole, series, strict=True):
        row[: len(one)] = one
    return whole


def warped(a: Series, b: Series) -> float:
    """The squared distance of two series along the best alignment of their samples."""
    apart = ((a[:, None] - b[None]) ** 2).sum(-1)
    before = np.full(len(b) + 1, np.inf)
    before[0] = 0
    for row in apart:
        now = np.full(len(b) + 1, np.inf)
        for place, distance in enumerate(row):
            now[place + 1] = distance + min(before[place], before[place + 1], now[place])
        before = now
    return float(before[-1])


def main() -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--dtw", action="store_true")
    arguments = parser.parse_args()
    name = arguments.name
    found = [spec.submodule_search_locations for p in PACKAGES if (spec := find_spec(p))]
    places = [Path(root) / "datasets" / "data" / name for roots in found for root in roots or ()]
    folder = next((place for place in places if place.is_dir()), None)
    if folder is None:
        raise CompileError(
            f"no data set {name}, expected one that comes with {' or '.join(PACKAGES)}",
            "the installed packages",
            "pip install --no-deps aeon sktime",
        )
    (train, train_labels), (test, test_labels) = (
        read(folder / f"{name}_{part}.ts") for part in ("TRAIN", "TEST")
    )
    classes = sorted(set(train_labels), key=lambda label: (len(label), label))
    y = np.array([classes.index(label) for label in train_labels])
    test_y = np.array([classes.index(label) for label in test_labels])
    longest = max(map(len, (*train, *test)))
    np.savez_compressed(
        arguments.out,
        x_train=padded(train, longest),
        y_train=y,
        x_test=padded(test, longest),
        y_test=test_y,
    )
    print(f"{arguments.out}: {len(train)} + {len(test)} series of up to {longest} samples")
    if arguments.dtw:
        nearest = [np.argmin([warped(one, known) for known in train]) for one in test]
        print(f"nearest neighbour, dynamic time warping: {np.mean(y[nearest] == test_y):.4f}")


if __name__ == "__main__":
    main()
