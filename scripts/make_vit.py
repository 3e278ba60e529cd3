# SPDX-License-Identifier: Apache-2.0
"""Write a vision transformer too large to ship, as int8 QDQ ONNX: real sizes, random weights.

    python -m scripts.make_vit deit_tiny --out .
    python -m scripts.make_vit vit_32 --float --out .

For RAM plans and instruction counts; PyTorch is not needed. Operators are those of opset 20
(LayerNormalization, Gelu and Softmax as one each), layers MatMul and Add, quantized by
onnxruntime's static quantizer, weights per channel, activations symmetric. The weights keep
activations at the size a trained network's have: a class is preferred, a softmax neither flat nor
a single peak. The low-rank presets follow MCUFormer's decomposition: a linear layer is a product
of three matrices, in x r, r x r and r x out, with r the rank's share of the width.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray

from mcuforge.compiler.builders.onnx_builder import OnnxBuilder, parameters
from mcuforge.compiler.builders.static_quantizer import quantize_model

SEED = 11
OPSET = 20
CALIBRATION_IMAGES = 2
SHARPNESS = 1.5  # of query and key: the standard deviation of a softmax's inputs is its square


@dataclass(frozen=True)
class Vit:
    """A vision transformer for square images of three channels."""

    image: int  # rows and columns
    patch: int
    width: int  # of a token
    blocks: int
    heads: int
    head_width: int
    mlp: int  # the hidden layer is that many times the width
    rank: float = 0.0  # of the width; 0: linear layers are whole
    class_token: bool = True  # else the mean of all tokens is classified
    classes: int = 1000

    @property
    def tokens(self) -> int:
        """Patches, and the class token."""
        return (self.image // self.patch) ** 2 + self.class_token


PRESETS = {
    "deit_tiny": Vit(224, 16, 192, 12, 3, 64, 4),
    "deit_small": Vit(240, 16, 384, 12, 6, 64, 4),
    "mcuformer_t": Vit(240, 16, 192, 12, 3, 64, 4, rank=0.7),
    "mcuformer_t_largest": Vit(240, 16, 216, 14, 4, 64, 4, rank=0.95),
    "vit_32": Vit(32, 4, 96, 6, 3, 32, 2, class_token=False, classes=10),
}


class VitWriter:
    """Writes the layers of one network into a builder."""

    def __init__(self, vit: Vit, seed: int) -> None:
        self.vit = vit
        self.build = OnnxBuilder(seed, OPSET)

    def linear(self, name: str, x: str, inputs: int, outputs: int) -> str:
        """Add a linear layer with a bias, whole or in three factors."""
        rank = round(self.vit.rank * self.vit.width)
        if rank:
            x = self.build.linear(f"{name}.0", x, inputs, rank, bias=False)
            x = self.build.linear(f"{name}.1", x, rank, rank, bias=False)
            inputs = rank
        return self.build.linear(name, x, inputs, outputs)

    def heads(self, name: str, x: str, order: Sequence[int], sharpness: float = 1.0) -> str:
        """Project tokens for every head, heads first; `order` is that of the Transpose."""
        vit = self.vit
        x = self.linear(name, x, vit.width, vit.heads * vit.head_width)
        split = (1, vit.tokens, vit.heads, vit.head_width)
        x = self.build.reshape(f"{name}.split", x, split)
        x = self.build.node("Transpose", f"{name}.heads", [x], perm=order)
        if sharpness == 1.0:
            return x
        factor = self.build.constant(f"{name}.scale", np.array(sharpness, np.float32))
        return self.build.node("Mul", f"{name}.scaled", [x, factor])

    def attention(self, name: str, x: str) -> str:
        """Add softmax(q k / sqrt(head width)) v for every head, then the output projection."""
        vit, build = self.vit, self.build
        q = self.heads(f"{name}.q", x, (0, 2, 1, 3), SHARPNESS**2 / sqrt(vit.head_width))
        k = self.heads(f"{name}.k", x, (0, 2, 3, 1))
        v = self.heads(f"{name}.v", x, (0, 2, 1, 3))
        scores = build.node("MatMul", f"{name}.scores", [q, k])
        weights = build.node("Softmax", f"{name}.weights", [scores], axis=-1)
        mixed = build.node("MatMul", f"{name}.mixed", [weights, v])
        mixed = build.node("Transpose", f"{name}.tokens", [mixed], perm=(0, 2, 1, 3))
        joined = (1, vit.tokens, vit.heads * vit.head_width)
        mixed = build.reshape(f"{name}.joined", mixed, joined)
        return self.linear(f"{name}.proj", mixed, joined[2], vit.width)

    def block(self, name: str, x: str) -> str:
        """Add attention and MLP, each behind a LayerNorm and added to the residual stream."""
        vit, build = self.vit, self.build
        normal = build.layer_norm(f"{name}.n1", x, vit.width)
        x = build.node("Add", f"{name}.mid", [x, self.attention(f"{name}.attn", normal)])
        normal = build.layer_norm(f"{name}.n2", x, vit.width)
        hidden = self.linear(f"{name}.fc1", normal, vit.width, vit.mlp * vit.width)
        hidden = build.node("Gelu", f"{name}.gelu", [hidden])
        out = self.linear(f"{name}.fc2", hidden, vit.mlp * vit.width, vit.width)
        return build.node("Add", f"{name}.out", [x, out])

    def write(self, name: str) -> onnx.ModelProto:
        """Build the whole float network: image (1, 3, rows, columns) to logits (1, classes)."""
        vit, build = self.vit, self.build
        x = build.input("image", (1, 3, vit.image, vit.image))
        x = build.conv("embed", x, (vit.width, 3, vit.patch, vit.patch), stride=vit.patch)
        x = build.reshape("patches", x, (1, vit.width, (vit.image // vit.patch) ** 2))
        x = build.node("Transpose", "tokens", [x], perm=(0, 2, 1))
        if vit.class_token:
            token = build.normal("class_token", (1, 1, vit.width), 1.0)
            x = build.node("Concat", "all_tokens", [token, x], axis=1)
        position = build.normal("position", (1, vit.tokens, vit.width), 0.5)
        x = build.node("Add", "placed", [x, position])
        for index in range(vit.blocks):
            x = self.block(f"b{index}", x)
        x = build.layer_norm("norm", x, vit.width)
        if vit.class_token:
            first = build.constant("first", np.array(0, np.int64))
            x = build.node("Gather", "feature", [x, first], axis=1)
        else:
            axes = build.constant("over_tokens", np.array([1], np.int64))
            x = build.node("ReduceMean", "feature", [x, axes], keepdims=0)
        x = build.gemm("logits", x, vit.width, vit.classes)
        return build.model(name, x, (1, vit.classes))


def images(vit: Vit, count: int, seed: int) -> list[NDArray[np.float32]]:
    """Draw smooth float32 images (1, 3, rows, columns) of about unit spread, like photos."""
    rng = np.random.default_rng(seed)
    coarse = rng.standard_normal((count, 1, 3, 8, 8), np.float32)
    fine = rng.standard_normal((count, 1, 3, vit.image, vit.image), np.float32)
    times = vit.image // 8
    wide = coarse.repeat(times, axis=3).repeat(times, axis=4)
    return list(wide + 0.3 * fine)


def make_float(name: str, vit: Vit) -> onnx.ModelProto:
    """Build the network in float32."""
    return VitWriter(vit, SEED).write(name)


def make_int8(name: str, vit: Vit) -> onnx.ModelProto:
    """Build the network as int8 QDQ."""
    samples = images(vit, CALIBRATION_IMAGES, SEED)
    return quantize_model(make_float(name, vit), samples, optimize=False)


def main() -> None:
    """Write the file; print where it is and how many parameters the network has."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("preset", choices=tuple(PRESETS))
    parser.add_argument("--out", type=Path, required=True, help="folder of the file")
    parser.add_argument("--float", action="store_true", help="before it is quantized")
    options = parser.parse_args()
    vit = PRESETS[options.preset]
    model = make_float(options.preset, vit)
    count = parameters(model)
    if not options.float:
        model = make_int8(options.preset, vit)
    options.out.mkdir(parents=True, exist_ok=True)
    path = options.out / f"{options.preset}_{'f32' if options.float else 'int8_qdq'}.onnx"
    data = model.SerializeToString(deterministic=True)
    path.write_bytes(data)
    print(f"{path}: {count:,} parameters, {vit.tokens} tokens, {len(data):,} bytes")


if __name__ == "__main__":
    main()
