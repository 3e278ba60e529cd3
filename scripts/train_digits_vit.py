# SPDX-License-Identifier: Apache-2.0
"""Train, quantize and write the demo transformer: examples/digits/digits_vit.onnx and its images.

    pip install -e '.[nas]'
    python -m scripts.train_digits_vit

A vision transformer on scikit-learn's handwritten digits (8x8 grey, 10 classes, shipped with the
package): patches of 2x2 are 16 tokens, and the mean token is classified. Trained in float by
PyTorch in about a minute, exported by torch.onnx, quantized to int8 by onnxruntime's own recipe.
The labelled test images are the 360 the training never saw, the same as the CNN's.
"""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn

from mcuforge.compiler.builders.static_quantizer import quantize_model

ROOT = Path(__file__).resolve().parent.parent
SEED = 7
EPOCHS = 120
WIDTH, BLOCKS, HEADS, MLP = 48, 2, 3, 2
PATCH, TOKENS = 2, 16
OPSET = 20  # the first to have GELU as an operator
CALIBRATION_IMAGES = 200
Float = NDArray[np.float32]


class Attention(nn.Module):  # type: ignore[misc]
    """Every token's mix of all tokens' values, by the softmax of query times key."""

    def __init__(self) -> None:
        super().__init__()
        self.q, self.k, self.v = (nn.Linear(WIDTH, WIDTH) for _ in "qkv")
        self.proj = nn.Linear(WIDTH, WIDTH)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        q, k, v = (self.heads(layer(x)) for layer in (self.q, self.k, self.v))
        scores = (q * (WIDTH // HEADS) ** -0.5) @ k.transpose(2, 3)
        mixed = scores.softmax(dim=-1) @ v
        return self.proj(mixed.transpose(1, 2).reshape(-1, TOKENS, WIDTH))

    def heads(self, x: torch.Tensor) -> torch.Tensor:
        """(n, heads, tokens, head width)."""
        return x.reshape(-1, TOKENS, HEADS, WIDTH // HEADS).transpose(1, 2)


class Block(nn.Module):  # type: ignore[misc]
    """Attention and MLP, each behind a LayerNorm and added to the residual stream."""

    def __init__(self) -> None:
        super().__init__()
        self.n1, self.n2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.attention = Attention()
        self.fc1, self.fc2 = nn.Linear(WIDTH, MLP * WIDTH), nn.Linear(MLP * WIDTH, WIDTH)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x + self.attention(self.n1(x))
        return x + self.fc2(nn.functional.gelu(self.fc1(self.n2(x))))


class Vit(nn.Module):  # type: ignore[misc]
    """(n, 1, 8, 8) in 0..1 -> (n, 10) logits."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Conv2d(1, WIDTH, PATCH, PATCH)
        self.position = nn.Parameter(torch.randn(1, TOKENS, WIDTH) * 0.1)
        self.blocks = nn.ModuleList(Block() for _ in range(BLOCKS))
        self.norm = nn.LayerNorm(WIDTH)
        self.head = nn.Linear(WIDTH, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.embed(x).reshape(-1, WIDTH, TOKENS).transpose(1, 2) + self.position
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x).mean(dim=1))


def varied(images: torch.Tensor) -> torch.Tensor:
    """Each image turned, scaled and moved a little: 1,437 of them are few for a transformer."""
    count = len(images)
    angle, size = (torch.rand(count) - 0.5) * 0.5, 1 + (torch.rand(count) - 0.5) * 0.3
    cosine, sine = size * angle.cos(), size * angle.sin()
    move = (torch.rand(2, count) - 0.5) * 0.3
    rows = [torch.stack([cosine, -sine, move[0]]), torch.stack([sine, cosine, move[1]])]
    where = nn.functional.affine_grid(
        torch.stack(rows).permute(2, 0, 1), list(images.shape), align_corners=False
    )
    return nn.functional.grid_sample(images, where, align_corners=False)


def train(x: Float, y: NDArray[np.int64]) -> Vit:
    """The trained float network; x (n, 1, 8, 8) in 0..1."""
    torch.manual_seed(SEED)
    torch.use_deterministic_algorithms(True)
    torch.set_num_threads(1)  # sums in one order, whatever the machine
    net = Vit()
    optimizer = torch.optim.AdamW(net.parameters(), lr=3e-3, weight_decay=0.05)
    images, labels = torch.from_numpy(x), torch.from_numpy(y)
    steps = EPOCHS * -(-len(images) // 64)
    plan = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=steps)
    for _ in range(EPOCHS):
        for batch in torch.randperm(len(images)).split(64):
            logits = net(varied(images[batch]))
            loss = nn.functional.cross_entropy(logits, labels[batch], label_smoothing=0.05)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            plan.step()
    net.eval()
    return net


def exported(net: Vit) -> onnx.ModelProto:
    """The float network as torch.onnx writes it, for one image."""
    file = BytesIO()
    image = torch.zeros(1, 1, 8, 8)
    torch.onnx.export(
        net,
        (image,),
        file,
        opset_version=OPSET,
        dynamo=False,  # the other exporter needs one more package
        input_names=["image"],
        output_names=["logits"],
    )
    return onnx.load_from_string(file.getvalue())


def accuracy(model: bytes, x: Float, y: NDArray[np.int64]) -> float:
    """The share of images onnxruntime classifies right."""
    session = onnxruntime.InferenceSession(model)
    right = [session.run(None, {"image": x[i : i + 1]})[0].argmax() == y[i] for i in range(len(y))]
    return float(np.mean(right))


def main() -> None:
    """Train, quantize, write both files, say the accuracy before and after."""
    digits = load_digits()
    images = (digits.images / 16).astype(np.float32)[:, None]
    x, test_x, y, test_y = train_test_split(
        images, digits.target, test_size=360, random_state=SEED, stratify=digits.target
    )
    single = exported(train(x, y))
    int8 = quantize_model(single, [x[i : i + 1] for i in range(CALIBRATION_IMAGES)])
    model = int8.SerializeToString(deterministic=True)
    folder = ROOT / "examples" / "digits"
    (folder / "digits_vit.onnx").write_bytes(model)
    # the model file's own layout: rows and columns behind the channel
    np.savez_compressed(folder / "digits_vit_test.npz", x=test_x, y=test_y.astype(np.int64))
    print(
        f"accuracy {accuracy(single.SerializeToString(), test_x, test_y):.4f} in float, "
        f"{accuracy(model, test_x, test_y):.4f} in int8 on {len(test_y)} images; "
        f"{len(model):,} bytes"
    )


if __name__ == "__main__":
    main()
