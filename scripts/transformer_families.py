# SPDX-License-Identifier: Apache-2.0
"""Write int8 QDQ files of sixteen families of transformers, as users get them from stock tools.

    python -m scripts.transformer_families --out DIR [--family NAME ...]
    python -m scripts.zoo DIR

Each network (32 channels, 2 blocks, random weights) is exported by torch.onnx in opset 17, prepared
by onnxruntime's quant_pre_process and quantized by its quantize_static with the defaults: QDQ, one
scale per tensor. NAME_onnx.npz beside NAME.onnx has an input and onnxruntime's answer to it. Needs
the extra `nas` for PyTorch.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import logging
import math
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from onnxruntime.quantization import quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process
from torch import nn
from torch.nn import functional as F

from mcuforge.compiler.builders.static_quantizer import Feeds
from mcuforge.compiler.judges.onnx import run_onnxruntime
from scripts.transformer_blocks import (
    CLASSES,
    HEADS,
    IMAGE,
    WIDTH,
    Attention,
    Block,
    Cct,
    Deit,
    Gpt,
    MlpMixer,
    Patches,
    Pit,
    Pooled,
    Residual,
    Swin,
    Vit,
    convolved,
)

OPSET = 17
CALIBRATION_SAMPLES = 16
SEED = 20


def conv_mixer() -> nn.Module:
    """ConvMixer: depthwise and pointwise convolutions, GELU before each batch normalization."""

    def normed(conv: nn.Module) -> nn.Sequential:
        return nn.Sequential(conv, nn.GELU(), nn.BatchNorm2d(WIDTH))

    blocks = [
        layer
        for _ in range(2)
        for layer in (
            Residual(normed(nn.Conv2d(WIDTH, WIDTH, 5, padding=2, groups=WIDTH))),
            normed(nn.Conv2d(WIDTH, WIDTH, 1)),
        )
    ]
    return nn.Sequential(normed(nn.Conv2d(3, WIDTH, 4, 4)), *blocks, Pooled())


class PoolMixer(nn.Module):  # type: ignore[misc]
    """PoolFormer's mixer: an average pool less its input."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.avg_pool2d(x, 3, 1, 1, count_include_pad=False) - x


def pool_former() -> nn.Module:
    """PoolFormer: pools mix tokens; GroupNorm of one group, a learned scale per channel."""

    def block() -> list[nn.Module]:
        mlp = (nn.Conv2d(WIDTH, 64, 1), nn.GELU(), nn.Conv2d(64, WIDTH, 1))
        mixer = nn.Sequential(nn.GroupNorm(1, WIDTH), PoolMixer())
        channels = nn.Sequential(nn.GroupNorm(1, WIDTH), *mlp)
        return [Residual(mixer, scaled=True), Residual(channels, scaled=True)]

    return nn.Sequential(nn.Conv2d(3, WIDTH, 7, 4, 2), *block(), *block(), Pooled())


class BiasedAttention(nn.Module):  # type: ignore[misc]
    """LeViT's attention: batch-normalized projections, a learned bias per distance, Hardswish."""

    def __init__(self, size: int):
        super().__init__()
        self.qkv, self.norm = nn.Linear(WIDTH, 3 * WIDTH, bias=False), nn.BatchNorm1d(3 * WIDTH)
        self.out, self.out_norm = nn.Linear(WIDTH, WIDTH, bias=False), nn.BatchNorm1d(WIDTH)
        at = [(i, j) for i in range(size) for j in range(size)]
        apart = [(abs(a - c), abs(b - d)) for a, b in at for c, d in at]
        kinds = list(dict.fromkeys(apart))
        self.biases = nn.Parameter(torch.randn(HEADS, len(kinds)) * 0.1)
        index = torch.tensor([kinds.index(pair) for pair in apart])
        self.register_buffer("index", index.view(len(at), len(at)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        b, n, c = x.shape
        y = self.norm(self.qkv(x).flatten(0, 1)).view(b, n, HEADS, -1)
        q, k, v = y.split([c // HEADS] * 3, dim=3)
        q, k, v = (part.permute(0, 2, 1, 3) for part in (q, k, v))
        scores = q @ k.transpose(-2, -1) * (c // HEADS) ** -0.5 + self.biases[:, self.index]
        y = (scores.softmax(dim=-1) @ v).transpose(1, 2).reshape(b, n, c)
        return self.out_norm(self.out(F.hardswish(y)).flatten(0, 1)).view(b, n, c)


class NormedLinear(nn.Module):  # type: ignore[misc]
    """A linear layer of tokens with batch normalization, as LeViT has it."""

    def __init__(self, inward: int, outward: int):
        super().__init__()
        self.linear, self.norm = nn.Linear(inward, outward, bias=False), nn.BatchNorm1d(outward)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.linear(x)
        return self.norm(y.flatten(0, 1)).view_as(y)


class Levit(nn.Module):  # type: ignore[misc]
    """LeViT: a stem of convolutions, attention with biases, batch normalization everywhere."""

    def __init__(self) -> None:
        super().__init__()
        act = nn.Hardswish
        stem = (convolved(3, 8, 3, 2, act=act), convolved(8, 16, 3, 2, act=act))
        self.stem = nn.Sequential(*stem, convolved(16, WIDTH, 3, 2))
        layers: list[nn.Module] = []
        for _ in range(2):
            mlp = nn.Sequential(NormedLinear(WIDTH, 64), nn.Hardswish(), NormedLinear(64, WIDTH))
            layers += [Residual(BiasedAttention(4)), Residual(mlp)]
        self.blocks = nn.Sequential(*layers)
        self.head = nn.Sequential(nn.BatchNorm1d(WIDTH), nn.Linear(WIDTH, CLASSES))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.blocks(self.stem(x).flatten(2).transpose(1, 2))
        return self.head(x.mean(1))


class CrossCovariance(nn.Module):  # type: ignore[misc]
    """XCA: attention between channels, with queries and keys normalized over tokens."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv, self.out = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.temperature = nn.Parameter(torch.ones(HEADS, 1, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        b, n, c = x.shape
        q, k, v = self.qkv(x).reshape(b, n, 3, HEADS, c // HEADS).permute(2, 0, 3, 4, 1).unbind(0)
        q, k = F.normalize(q, dim=-1), F.normalize(k, dim=-1)
        scores = (q @ k.transpose(-2, -1)) * self.temperature
        return self.out((scores.softmax(-1) @ v).permute(0, 3, 1, 2).reshape(b, n, c))


class LocalPatches(nn.Module):  # type: ignore[misc]
    """XCiT's local interaction: two depthwise convolutions over the tokens' image."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = (
            nn.Conv2d(WIDTH, WIDTH, 3, padding=1, groups=WIDTH) for _ in range(2)
        )
        self.norm = nn.BatchNorm2d(WIDTH)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        image = x.permute(0, 2, 1).reshape(1, WIDTH, 4, 4)
        y = self.second(self.norm(F.gelu(self.first(image))))
        return y.reshape(1, WIDTH, 16).permute(0, 2, 1)


class Xcit(nn.Module):  # type: ignore[misc]
    """XCiT: cross-covariance attention, local interaction, and a mean of the tokens."""

    def __init__(self) -> None:
        super().__init__()
        blocks = [
            layer
            for _ in range(2)
            for layer in (
                Block(CrossCovariance()),
                Residual(nn.Sequential(nn.LayerNorm(WIDTH), LocalPatches())),
            )
        ]
        self.body = nn.Sequential(Patches(), *blocks, nn.LayerNorm(WIDTH))
        self.head = nn.Linear(WIDTH, CLASSES)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.body(x).mean(1))


class EfficientFormer(nn.Module):  # type: ignore[misc]
    """EfficientFormer: blocks of pools on images, then one of attention with a bias on tokens."""

    def __init__(self) -> None:
        super().__init__()
        stem = (convolved(3, 16, 3, 2, act=nn.ReLU), convolved(16, WIDTH, 3, 2, act=nn.ReLU))
        mlp = nn.Sequential(convolved(WIDTH, 64, 1, act=nn.GELU), convolved(64, WIDTH, 1))
        blocks = (Residual(PoolMixer(), scaled=True), Residual(mlp, scaled=True))
        self.images = nn.Sequential(*stem, *blocks, convolved(WIDTH, WIDTH, 3, 2))
        self.tokens = Block(Attention(fused=False))
        self.norm, self.head = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, CLASSES)
        self.distilled = nn.Linear(WIDTH, CLASSES)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.norm(self.tokens(self.images(x).flatten(2).transpose(1, 2))).mean(1)
        return (self.head(x) + self.distilled(x)) / 2


class SplitAttention(nn.Module):  # type: ignore[misc]
    """EdgeNeXt's encoder: channels in parts through depthwise convolutions, then XCA and an MLP."""

    def __init__(self) -> None:
        super().__init__()
        part = WIDTH // 2
        self.conv = nn.Conv2d(part, part, 3, padding=1, groups=part)
        self.block = Block(CrossCovariance())
        self.gamma = nn.Parameter(torch.rand(WIDTH))
        y, x = torch.meshgrid(*[torch.linspace(0, 2 * math.pi, 8)] * 2, indexing="ij")
        waves = [f(a * k) for k in (1, 2) for a in (x, y) for f in (torch.sin, torch.cos)]
        self.register_buffer("waves", torch.stack(waves)[None])
        self.position = nn.Conv2d(8, WIDTH, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        first, second = x.chunk(2, 1)
        mixed = torch.cat((self.conv(first), second), 1) + self.position(self.waves)
        tokens = mixed.flatten(2).permute(0, 2, 1)
        y = (self.gamma * self.block(tokens)).permute(0, 2, 1).reshape(x.shape)
        return x + y


class ChannelNorm(nn.Module):  # type: ignore[misc]
    """A layer normalization over the channels of an image, by permuting it there and back."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(WIDTH)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.norm(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


def edge_next() -> nn.Module:
    """EdgeNeXt: a convolutional encoder, then split depthwise transposed attention."""

    class Encoder(nn.Module):  # type: ignore[misc]
        """Depthwise convolution, then a layer normalization and an MLP with channels last."""

        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(WIDTH, WIDTH, 5, padding=2, groups=WIDTH)
            self.norm, self.gamma = nn.LayerNorm(WIDTH), nn.Parameter(torch.rand(WIDTH))
            self.mlp = nn.Sequential(nn.Linear(WIDTH, 64), nn.GELU(), nn.Linear(64, WIDTH))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = self.gamma * self.mlp(self.norm(self.conv(x).permute(0, 2, 3, 1)))
            return x + y.permute(0, 3, 1, 2)

    stem = (nn.Conv2d(3, WIDTH, 4, 4), ChannelNorm())
    return nn.Sequential(*stem, Encoder(), SplitAttention(), Pooled())


class SeparableAttention(nn.Module):  # type: ignore[misc]
    """MobileViTv2: one score per token weighs a context vector, in patches of 2x2."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv, self.out = nn.Conv2d(WIDTH, 1 + 2 * WIDTH, 1), nn.Conv2d(WIDTH, WIDTH, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        q, k, v = self.qkv(x).split([1, WIDTH, WIDTH], dim=1)
        context = (k * q.softmax(dim=-1)).sum(dim=-1, keepdim=True)
        return self.out(F.relu(v) * context.expand_as(v))


class MobileVit(nn.Module):  # type: ignore[misc]
    """MobileViTv2: an inverted bottleneck, and separable attention on unfolded patches."""

    def __init__(self) -> None:
        super().__init__()
        act = nn.SiLU
        bottleneck = nn.Sequential(
            *(convolved(WIDTH, 64, 1, act=act), convolved(64, 64, 3, 1, 64, act=act)),
            convolved(64, WIDTH, 1),
        )
        stem = (convolved(3, WIDTH, 3, 2, act=act), Residual(bottleneck))
        self.stem = nn.Sequential(*stem, convolved(WIDTH, WIDTH, 3, 2, WIDTH, act=act))
        mlp = nn.Sequential(nn.Conv2d(WIDTH, 64, 1), act(), nn.Conv2d(64, WIDTH, 1))
        self.mixer = Residual(nn.Sequential(nn.GroupNorm(1, WIDTH), SeparableAttention()))
        self.mlp = Residual(nn.Sequential(nn.GroupNorm(1, WIDTH), mlp))
        self.out = nn.Sequential(convolved(WIDTH, WIDTH, 1), Pooled())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x)
        b, c, h, w = x.shape
        x = x.reshape(b, c, h // 2, 2, w // 2, 2).permute(0, 1, 3, 5, 2, 4)
        x = self.mlp(self.mixer(x.reshape(b, c, 4, h * w // 4)))
        x = x.reshape(b, c, 2, 2, h // 2, w // 2).permute(0, 1, 4, 2, 5, 3)
        return self.out(x.reshape(b, c, h, w))


class SqueezeExcite(nn.Module):  # type: ignore[misc]
    """A factor per channel, computed from the mean of the image."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(WIDTH, 8, 1), nn.Conv2d(8, WIDTH, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = F.relu(self.first(x.mean((2, 3), keepdim=True)))
        return x * torch.sigmoid(self.second(y))


def fast_vit() -> nn.Module:
    """FastViT as it is deployed: folded mixers, convolutional MLPs, attention at the end."""

    def mlp() -> nn.Module:
        first = convolved(WIDTH, WIDTH, 7, 1, WIDTH)
        rest = (nn.Conv2d(WIDTH, 64, 1), nn.GELU(), nn.Conv2d(64, WIDTH, 1))
        return Residual(nn.Sequential(first, *rest), scaled=True)

    class ImageAttention(nn.Module):  # type: ignore[misc]
        """Attention over the pixels of an image, behind a batch normalization."""

        def __init__(self) -> None:
            super().__init__()
            self.norm, self.attention = nn.BatchNorm2d(WIDTH), Attention(fused=False)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = self.attention(self.norm(x).flatten(2).transpose(-2, -1))
            return y.transpose(-2, -1).reshape(x.shape)

    mixer = nn.Conv2d(WIDTH, WIDTH, 3, padding=1, groups=WIDTH)
    stem = (convolved(3, WIDTH, 3, 2, act=nn.GELU), convolved(WIDTH, WIDTH, 3, 2, WIDTH))
    position = Residual(nn.Conv2d(WIDTH, WIDTH, 7, padding=3, groups=WIDTH))
    tail = (convolved(WIDTH, WIDTH, 3, 2), position, Residual(ImageAttention(), scaled=True), mlp())
    return nn.Sequential(*stem, mixer, mlp(), *tail, SqueezeExcite(), nn.GELU(), Pooled())


class LinearAttention(nn.Module):  # type: ignore[misc]
    """EfficientViT: linear attention with ReLU as its kernel, and a division by its sum."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv = nn.Conv2d(WIDTH, 3 * WIDTH, 1, bias=False)
        self.wider = nn.Conv2d(3 * WIDTH, 3 * WIDTH, 5, padding=2, groups=3 * WIDTH, bias=False)
        self.out = convolved(2 * WIDTH, WIDTH, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        b, _, h, w = x.shape
        y = self.qkv(x)
        y = torch.cat((y, self.wider(y)), 1).reshape(b, -1, 3 * 16, h * w)
        q, k, v = F.relu(y[:, :, :16]), F.relu(y[:, :, 16:32]), y[:, :, 32:]
        v = F.pad(v, (0, 0, 0, 1), value=1.0)
        both = (v @ k.transpose(-1, -2)) @ q
        found = both[:, :, :-1] / (both[:, :, -1:] + 1e-5)
        return self.out(found.reshape(b, -1, h, w))


def efficient_vit() -> nn.Module:
    """EfficientViT: linear attention with tokens of two scales, and inverted bottlenecks."""

    def bottleneck() -> nn.Module:
        act = nn.Hardswish
        middle = (convolved(WIDTH, 64, 1, act=act), convolved(64, 64, 3, 1, 64, act=act))
        return Residual(nn.Sequential(*middle, convolved(64, WIDTH, 1)))

    stem = (convolved(3, 16, 3, 2, act=nn.Hardswish), convolved(16, WIDTH, 3, 2))
    blocks = (Residual(LinearAttention()), bottleneck(), Residual(LinearAttention()), bottleneck())
    return nn.Sequential(*stem, *blocks, Pooled())


FAMILIES: Mapping[str, Callable[[], nn.Module]] = {
    "cct": Cct,
    "convmixer": conv_mixer,
    "deit_distilled": Deit,
    "edgenext": edge_next,
    "efficientformer": EfficientFormer,
    "efficientvit": efficient_vit,
    "fastvit": fast_vit,
    "gpt": Gpt,
    "levit": Levit,
    "mlp_mixer": MlpMixer,
    "mobilevit_v2": MobileVit,
    "pit": Pit,
    "poolformer": pool_former,
    "swin": Swin,
    "vit": Vit,
    "xcit": Xcit,
}


def settled(family: str) -> nn.Module:
    """The network of a family, its batch normalizations as after some training."""
    torch.manual_seed(SEED)
    model = FAMILIES[family]()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, 0, 0.2)
            nn.init.normal_(module.running_mean, 0, 0.2)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
    return model.eval()


def samples(family: str, count: int) -> list[np.ndarray[tuple[int, ...], np.dtype[np.float32]]]:
    """Inputs of a family's network, float32: soft images, or 16 embedded tokens."""
    rng = np.random.default_rng(SEED)
    shape = (count, 1, 16, WIDTH) if family == "gpt" else (count, 1, 3, IMAGE, IMAGE)
    x = rng.normal(0, 1, shape)
    if family != "gpt":
        x = sum((np.roll(x, (i, j), (3, 4)) for i in range(3) for j in range(3)), np.zeros(1)) / 3
    return list(x.astype(np.float32))


def write(family: str, folder: Path) -> Path:
    """Export, prepare and quantize one family's network; its file, with an answer beside it."""
    model, inputs = settled(family), samples(family, CALIBRATION_SAMPLES + 1)
    path = folder / f"{family}.onnx"
    logging.getLogger().setLevel(logging.ERROR)
    with TemporaryDirectory() as temporary, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exported, prepared = Path(temporary) / "float.onnx", Path(temporary) / "prepared.onnx"
        with contextlib.redirect_stdout(io.StringIO()):
            torch.onnx.export(
                model,
                (torch.from_numpy(inputs[0]),),
                str(exported),
                opset_version=OPSET,
                input_names=["x"],
                output_names=["y"],
                dynamo=False,
            )
        quant_pre_process(str(exported), str(prepared))
        quantize_static(str(prepared), str(path), Feeds([{"x": x} for x in inputs[:-1]]))
    (answer,) = run_onnxruntime(path, [inputs[-1][np.newaxis]])
    np.savez(folder / f"{family}_onnx.npz", in_x=inputs[-1], out_0=answer[0])
    return path


def main() -> None:
    """Write the files of all families, or of those that are named."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    parser.add_argument("--family", nargs="+", choices=tuple(FAMILIES), default=tuple(FAMILIES))
    chosen = parser.parse_args()
    chosen.out.mkdir(parents=True, exist_ok=True)
    for family in chosen.family:
        path = write(family, chosen.out)
        print(f"{path}: {path.stat().st_size:,} bytes", flush=True)


if __name__ == "__main__":
    main()
