# SPDX-License-Identifier: Apache-2.0
"""Write an int8 segmentation network that needs three whole maps at once, more than one RAM holds.

    python -m scripts.make_segmenter --out FOLDER [--size 60]

An encoder halves the image twice. A gate, computed from the whole deepest map, weighs every map
before the decoder adds them up. The gate is a barrier: before it is known the planner cannot free
a row of any map, whatever the order of rows. So (16 + 64/4 + 128/16) * size * size bytes are alive.
With 60 rows these are 144,000 bytes: more than the 128 KiB of an STM32F407 or F446, less than the
F407's 128 KiB and 64 KiB of CCM together. The weights come from a fixed seed and the answers mean
nothing; the same arguments give the same bytes.
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

SEED = 407
CHANNELS = (16, 64, 128)  # of the maps at full, half and quarter size
IMAGE: Quantized = (1 / 127.5, -1)  # -1 to 1
RELU6: Quantized = (6 / 255, -128)
LINEAR: Quantized = (0.04, 0)
POINT = Sliding((1, 1), same=False)


def encoder(build: ModelBuilder, image: Value) -> list[Value]:
    """Return the maps, largest first."""
    maps = [build.conv(image, CHANNELS[0], Sliding((3, 3)), RELU6, "relu6")]
    for channels in CHANNELS[1:]:
        half = build.depthwise(maps[-1], 1, Sliding((3, 3), (2, 2)), RELU6, "relu6")
        maps.append(build.conv(half, channels, POINT, RELU6, "relu6"))
    return maps


def gated(build: ModelBuilder, value: Value, context: Value) -> Value:
    """Weigh each channel of `value` by a number computed from the whole image."""
    gate = build.conv(context, value.shape[3], POINT, LINEAR)
    return build.arithmetic("MUL", value, build.function("LOGISTIC", gate, PROBABILITY), 1.0, -128)


def segmenter(size: int) -> ModelSpec:
    """Build the network for `size` x `size` x 3, a multiple of 4; it gives one value per pixel."""
    build = ModelBuilder(SEED)
    maps = encoder(build, build.input((1, size, size, 3), IMAGE))
    context = build.mean(maps[-1], (1, 2), keep_dims=True, quant=RELU6)
    x = gated(build, maps[-1], context)
    for value in reversed(maps[:-1]):
        x = build.conv(x, value.shape[3], POINT, LINEAR)
        x = build.resize(x, (value.shape[1], value.shape[2]), False, False)
        x = build.arithmetic("ADD", x, gated(build, value, context), 1.0, 0)
    x = build.conv(x, 1, Sliding((3, 3)), LINEAR)
    return build.spec([build.function("LOGISTIC", x, PROBABILITY)])


def main() -> None:
    """Write the file and print where it is."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder of the file")
    parser.add_argument("--size", type=int, default=60, help="rows and columns of the image")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    path = options.out / f"segmenter_{options.size}.tflite"
    model = write_model(segmenter(options.size))
    path.write_bytes(model)
    print(f"{path}: {len(model):,} bytes")


if __name__ == "__main__":
    main()
