# SPDX-License-Identifier: Apache-2.0
"""Write an OSNet as int8 .tflite with random weights: many branches, to measure the planner with.

    python -m scripts.make_osnet --out FOLDER [--width 0.25] [--resolution 256]
                                 [--blocks 2] [--branches 4]

Structure: Zhou et al., "Omni-Scale Feature Learning for Person Re-Identification", table 1. A block
has several streams of 1, 2, 3 and 4 lite 3x3 convolutions, and a gate on each stream. Two things
differ from the paper. The gates of a block have weights of their own, and `--blocks` (per stage)
and `--branches` (streams per block) make the network grow. The weights come from a fixed seed and
are scaled so that activations neither saturate nor vanish; the answers mean nothing. The same
arguments give the same bytes.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

from mcuforge.compiler.builders.tflite_builder import (
    PROBABILITY,
    ModelBuilder,
    Quantized,
    Sliding,
    Value,
)
from mcuforge.compiler.builders.tflite_writer import ModelSpec, write_model

SEED = 2019
STEM = 64
STAGES = (256, 384, 512)  # channels of their blocks
REDUCTION = 4  # of a block's channels in its streams
GATE_REDUCTION = 16  # of a stream's channels in its gate
FEATURES = 512
IMAGE: Quantized = (1 / 127.5, -1)  # -1 to 1
RELU: Quantized = (6 / 255, -128)
LINEAR: Quantized = (0.04, 0)
POINT = Sliding((1, 1), same=False)
HALF = Sliding((2, 2), (2, 2), same=False)


@dataclass(frozen=True)
class Size:
    """What can be chosen of the network."""

    width: float = 0.25
    resolution: int = 256  # rows of the image, which is half as wide
    blocks: int = 2  # of each stage
    branches: int = 4  # streams of each block

    @property
    def file_name(self) -> str:
        """The file's name, such as 'osnet_0.25_256_2x4.tflite'."""
        return f"osnet_{self.width:g}_{self.resolution}_{self.blocks}x{self.branches}.tflite"


def lite_conv(build: ModelBuilder, x: Value) -> Value:
    """Mix channels, then filter each of them: a 3x3 convolution of few weights."""
    mixed = build.conv(x, x.shape[3], POINT, LINEAR)
    return build.depthwise(mixed, 1, Sliding((3, 3)), RELU, "relu")


def gated(build: ModelBuilder, x: Value) -> Value:
    """Weigh each channel by a number computed from the means of all."""
    means = build.mean(x, (1, 2), keep_dims=True, quant=RELU)
    hidden = build.conv(means, max(1, x.shape[3] // GATE_REDUCTION), POINT, RELU, "relu")
    gate = build.function("LOGISTIC", build.conv(hidden, x.shape[3], POINT, LINEAR), PROBABILITY)
    return build.arithmetic("MUL", x, gate, 1.0, -128)


def stream(build: ModelBuilder, x: Value, depth: int) -> Value:
    """Run `depth` lite convolutions and the gate."""
    for _ in range(depth):
        x = lite_conv(build, x)
    return gated(build, x)


def block(build: ModelBuilder, x: Value, channels: int, branches: int) -> Value:
    """Reduce, run the streams, sum them up, expand, and add the input."""
    narrow = build.conv(x, channels // REDUCTION, POINT, RELU, "relu")
    total = stream(build, narrow, 1)
    for depth in range(2, branches + 1):
        total = build.arithmetic("ADD", total, stream(build, narrow, depth), 0.8, -128)
    out = build.conv(total, channels, POINT, LINEAR)
    same = x if x.shape[3] == channels else build.conv(x, channels, POINT, LINEAR)
    return build.arithmetic("ADD", out, same, 0.8, -128, "relu")


def osnet(size: Size) -> ModelSpec:
    """Build the whole network; its answer is the feature vector of one image."""
    build = ModelBuilder(SEED)
    x = build.input((1, size.resolution, size.resolution // 2, 3), IMAGE)
    x = build.conv(x, scaled(STEM, size.width), Sliding((7, 7), (2, 2)), RELU, "relu")
    x = build.pool(x, Sliding((3, 3), (2, 2)), average=False)
    for stage, channels in enumerate(STAGES):
        if stage:
            x = build.conv(x, x.shape[3], POINT, RELU, "relu")
            x = build.pool(x, HALF, average=True)
        for _ in range(size.blocks):
            x = block(build, x, scaled(channels, size.width), size.branches)
    x = build.conv(x, x.shape[3], POINT, RELU, "relu")
    x = build.mean(x, (1, 2), keep_dims=False, quant=(RELU[0] / 2, RELU[1]))
    return build.spec([build.linear(x, FEATURES, RELU, "relu")])


def scaled(channels: int, width: float) -> int:
    """Multiply by the width, as its authors' code does."""
    return int(channels * width)


def main() -> None:
    """Write the file and print where it is."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder of the file")
    parser.add_argument("--width", type=float, default=0.25, help="width multiplier")
    parser.add_argument("--resolution", type=int, default=256, help="rows, twice the columns")
    parser.add_argument("--blocks", type=int, default=2, help="blocks of each of the three stages")
    parser.add_argument("--branches", type=int, default=4, help="streams of each block")
    options = parser.parse_args()
    size = Size(options.width, options.resolution, options.blocks, options.branches)
    options.out.mkdir(parents=True, exist_ok=True)
    path = options.out / size.file_name
    model = write_model(osnet(size))
    path.write_bytes(model)
    print(f"{path}: {len(model):,} bytes")


if __name__ == "__main__":
    main()
