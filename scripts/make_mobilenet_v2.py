# SPDX-License-Identifier: Apache-2.0
"""Write MobileNetV2 as int8 .tflite with random weights: a large, real structure to plan.

    python -m scripts.make_mobilenet_v2 --out FOLDER [--width 1.0] [--resolution 224]

Structure: Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks", table 2, with
channels rounded to multiples of 8 as its authors' code does. The weights come from a fixed seed and
are scaled so that activations neither saturate nor vanish; the answers mean nothing. The same
arguments give the same bytes.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from mcuforge.compiler.builders.tflite_builder import (
    PROBABILITY,
    ModelBuilder,
    Quantized,
    Sliding,
    Value,
)
from mcuforge.compiler.builders.tflite_writer import ModelSpec, write_model

SEED = 2018
STAGES = (  # expansion, channels, blocks, stride of the first
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
CLASSES = 1000
FIRST_CHANNELS, LAST_CHANNELS = 32, 1280
IMAGE: Quantized = (1 / 127.5, -1)  # -1 to 1
RELU6: Quantized = (6 / 255, -128)
LINEAR: Quantized = (0.04, 0)  # of what leaves a bottleneck
LOGITS: Quantized = (0.1, 0)
POINT = Sliding((1, 1), same=False)


def rounded_channels(channels: float) -> int:
    """Round to the nearest multiple of 8, or to one higher where that would lose over a tenth."""
    nearest = max(8, int(channels + 4) // 8 * 8)
    return nearest + 8 if nearest < 0.9 * channels else nearest


def bottleneck(build: ModelBuilder, x: Value, expansion: int, channels: int, stride: int) -> Value:
    """Expand, filter, project; add the input where the shape allows."""
    wide = x
    if expansion > 1:
        wide = build.conv(x, x.shape[3] * expansion, POINT, RELU6, "relu6")
    wide = build.depthwise(wide, 1, Sliding((3, 3), (stride, stride)), RELU6, "relu6")
    out = build.conv(wide, channels, POINT, LINEAR)
    if stride == 1 and channels == x.shape[3]:
        return build.arithmetic("ADD", x, out, 0.8, 0)
    return out


def mobilenet_v2(width: float, resolution: int) -> ModelSpec:
    """Build the whole network for images of `resolution` x `resolution` x 3."""
    build = ModelBuilder(SEED)
    x = build.input((1, resolution, resolution, 3), IMAGE)
    first = rounded_channels(FIRST_CHANNELS * width)
    x = build.conv(x, first, Sliding((3, 3), (2, 2)), RELU6, "relu6")
    for expansion, channels, blocks, stride in STAGES:
        for block in range(blocks):
            narrow = rounded_channels(channels * width)
            x = bottleneck(build, x, expansion, narrow, stride if block == 0 else 1)
    last = rounded_channels(LAST_CHANNELS * max(width, 1.0))
    x = build.conv(x, last, POINT, RELU6, "relu6")
    x = build.mean(x, (1, 2), keep_dims=False, quant=(RELU6[0] / 2, RELU6[1]))
    x = build.linear(x, CLASSES, LOGITS)
    return build.spec([build.function("SOFTMAX", x, PROBABILITY)])


def file_name(width: float, resolution: int) -> str:
    """Return the file's name, such as 'mobilenet_v2_0.35_224.tflite'."""
    return f"mobilenet_v2_{width:g}_{resolution}.tflite"


def main() -> None:
    """Write the file and print where it is."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder of the file")
    parser.add_argument("--width", type=float, default=1.0, help="width multiplier")
    parser.add_argument("--resolution", type=int, default=224, help="rows and columns of the image")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    path = options.out / file_name(options.width, options.resolution)
    model = write_model(mobilenet_v2(options.width, options.resolution))
    path.write_bytes(model)
    print(f"{path}: {len(model):,} bytes")


if __name__ == "__main__":
    main()
