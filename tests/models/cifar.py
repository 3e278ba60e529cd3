# SPDX-License-Identifier: Apache-2.0
"""Prepares the 1,000 CIFAR-10 images beside the checkout for the shared transformers."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np

from tests.shared import shared

# of the training images' channels, by which the networks' inputs are normalized
MEAN = np.array([0.4914, 0.4822, 0.4465], np.float32)
SPREAD = np.array([0.2470, 0.2435, 0.2616], np.float32)


def cifar_file(folder: Path, layout: Literal["NHWC", "NCHW"]) -> Path:
    """Write normalized float32 images and labels as an .npz; skip the test if they are missing."""
    with np.load(shared("data/cifar10_test_1k.npz")) as data:
        images, labels = data["images"], data["labels"]
    x = (images.astype(np.float32) / 255 - MEAN) / SPREAD
    if layout == "NCHW":
        x = np.ascontiguousarray(x.transpose(0, 3, 1, 2))
    path = folder / "cifar.npz"
    np.savez(path, x=x.astype(np.float32), y=labels.astype(np.int64))
    return path
