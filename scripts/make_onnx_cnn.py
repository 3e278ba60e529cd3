# SPDX-License-Identifier: Apache-2.0
"""Write a small MobileNet or ResNet as int8 QDQ ONNX, quantized as users do it.

    python -m scripts.make_onnx_cnn mobilenet --out .
    python -m scripts.make_onnx_cnn resnet --per-tensor --activations uint8 --out .

The weights are random; PyTorch is not needed. onnxruntime's static quantizer removes each ReLU and
Clip that asymmetric activations make redundant.

`mobilenet`: 96x96x3, MobileNetV2's bottlenecks (expand 1x1, depthwise 3x3, project 1x1, ReLU6 after
the first two, a residual connection where shapes agree), a quarter of the width, fewer blocks.
`resnet`: CIFAR's 32x32x3 in three stages of two blocks, with strided 1x1 convolutions as shortcuts.
Both end with a global average and a linear layer.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnxruntime.quantization import QuantType

from mcuforge.compiler.builders.onnx_builder import OnnxBuilder
from mcuforge.compiler.builders.static_quantizer import quantize_model

SEED = 13
OPSET = 17
CALIBRATION_IMAGES = 4
CLASSES = 10
EXPANSION = 4
# channels and stride of each bottleneck, a quarter of MobileNetV2's
BOTTLENECKS = ((8, 1), (8, 2), (8, 1), (16, 2), (16, 1), (24, 2), (24, 1))
STAGES = ((16, 1), (32, 2), (64, 2))  # channels and stride of each ResNet stage
STAGE_BLOCKS = 2
RELU_GAIN = 1.4  # of a convolution around a ReLU, which halves the power of what it is given
ACTIVATIONS = {"int8": QuantType.QInt8, "uint8": QuantType.QUInt8}


@dataclass(frozen=True)
class Style:
    """How a model is quantized: weights per channel or not, activations and their zero points."""

    per_channel: bool = True
    activations: str = "int8"
    symmetric: bool = True

    @property
    def name(self) -> str:
        """The style as part of a file name, such as 'per_channel_int8_sym'."""
        channels = "per_channel" if self.per_channel else "per_tensor"
        return f"{channels}_{self.activations}_{'sym' if self.symmetric else 'asym'}"


def relu6(build: OnnxBuilder, name: str, x: str) -> str:
    """Clip to 0..6, as PyTorch exports ReLU6."""
    low = build.constant(f"{name}.low", np.array(0, np.float32))
    high = build.constant(f"{name}.high", np.array(6, np.float32))
    return build.node("Clip", name, [x, low, high])


def bottleneck(
    build: OnnxBuilder, name: str, x: str, channels: tuple[int, int], stride: int
) -> str:
    """Expand, filter, project; add a residual connection where the shape allows."""
    inputs, outputs = channels
    wide = EXPANSION * inputs
    y = build.conv(f"{name}.expand", x, (wide, inputs, 1, 1), gain=RELU_GAIN)
    y = relu6(build, f"{name}.expand.act", y)
    y = build.conv(f"{name}.dw", y, (wide, 1, 3, 3), stride, 1, groups=wide, gain=RELU_GAIN)
    y = relu6(build, f"{name}.dw.act", y)
    y = build.conv(f"{name}.project", y, (outputs, wide, 1, 1), gain=RELU_GAIN)
    return build.node("Add", f"{name}.sum", [x, y]) if stride == 1 and inputs == outputs else y


def mobilenet(resolution: int = 96) -> onnx.ModelProto:
    """Build the MobileNet-like float network for images of `resolution` x `resolution` x 3."""
    build = OnnxBuilder(SEED, OPSET)
    x = build.input("image", (1, 3, resolution, resolution))
    x = relu6(build, "stem.act", build.conv("stem", x, (8, 3, 3, 3), 2, 1))
    channels = 8
    for index, (outputs, stride) in enumerate(BOTTLENECKS):
        x = bottleneck(build, f"b{index}", x, (channels, outputs), stride)
        channels = outputs
    x = relu6(build, "last.act", build.conv("last", x, (96, channels, 1, 1)))
    return classified(build, "mobilenet", x, 96)


def residual(build: OnnxBuilder, name: str, x: str, channels: tuple[int, int], stride: int) -> str:
    """Add two 3x3 convolutions, and to them the input or a strided 1x1 convolution of it."""
    inputs, outputs = channels
    y = build.conv(f"{name}.conv1", x, (outputs, inputs, 3, 3), stride, 1, gain=RELU_GAIN)
    y = build.node("Relu", f"{name}.act1", [y])
    y = build.conv(f"{name}.conv2", y, (outputs, outputs, 3, 3), 1, 1, gain=RELU_GAIN / 2)
    if stride != 1 or inputs != outputs:
        x = build.conv(f"{name}.shortcut", x, (outputs, inputs, 1, 1), stride, gain=RELU_GAIN)
    return build.node("Relu", f"{name}.act2", [build.node("Add", f"{name}.sum", [x, y])])


def resnet(resolution: int = 32) -> onnx.ModelProto:
    """Build the ResNet-like float network for images of `resolution` x `resolution` x 3."""
    build = OnnxBuilder(SEED, OPSET)
    x = build.input("image", (1, 3, resolution, resolution))
    x = build.node("Relu", "stem.act", [build.conv("stem", x, (16, 3, 3, 3), 1, 1)])
    channels = 16
    for stage, (outputs, stride) in enumerate(STAGES):
        for block in range(STAGE_BLOCKS):
            name = f"s{stage}.b{block}"
            x = residual(build, name, x, (channels, outputs), 1 if block else stride)
            channels = outputs
    return classified(build, "resnet", x, channels)


def classified(build: OnnxBuilder, name: str, x: str, channels: int) -> onnx.ModelProto:
    """Add a global average, a Flatten and a linear layer; return the model."""
    x = build.node("GlobalAveragePool", "pool", [x])
    x = build.node("Flatten", "feature", [x], axis=1)
    return build.model(name, build.gemm("logits", x, channels, CLASSES), (1, CLASSES))


NETWORKS: dict[str, Callable[[], onnx.ModelProto]] = {"mobilenet": mobilenet, "resnet": resnet}


def images(model: onnx.ModelProto, count: int, seed: int) -> list[NDArray[np.float32]]:
    """Draw smooth float32 images of the model's input shape, of about unit spread."""
    shape = [size.dim_value for size in model.graph.input[0].type.tensor_type.shape.dim]
    rng = np.random.default_rng(seed)
    coarse = rng.standard_normal((count, 1, shape[1], 8, 8), np.float32)
    wide = coarse.repeat(shape[2] // 8, axis=3).repeat(shape[3] // 8, axis=4)
    return list(wide + 0.3 * rng.standard_normal((count, *shape), np.float32))


def make_int8(model: onnx.ModelProto, style: Style) -> onnx.ModelProto:
    """Quantize the network to int8 QDQ in that style."""
    return quantize_model(
        model,
        images(model, CALIBRATION_IMAGES, SEED),
        per_channel=style.per_channel,
        symmetric=style.symmetric,
        activations=ACTIVATIONS[style.activations],
    )


def main() -> None:
    """Write the file and print where it is."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("network", choices=tuple(NETWORKS))
    parser.add_argument("--out", type=Path, required=True, help="folder of the file")
    parser.add_argument("--per-tensor", action="store_true", help="one scale for all weights")
    parser.add_argument("--activations", choices=tuple(ACTIVATIONS), default="int8")
    parser.add_argument("--asymmetric", action="store_true", help="activations have zero points")
    options = parser.parse_args()
    style = Style(not options.per_tensor, options.activations, not options.asymmetric)
    data = make_int8(NETWORKS[options.network](), style).SerializeToString(deterministic=True)
    options.out.mkdir(parents=True, exist_ok=True)
    path = options.out / f"{options.network}_{style.name}.onnx"
    path.write_bytes(data)
    print(f"{path}: {len(data):,} bytes")


if __name__ == "__main__":
    main()
