# SPDX-License-Identifier: Apache-2.0
"""Small networks of sixteen families of transformers, as PyTorch modules with random weights.

Each has 2 blocks of 32 channels and the parts that its family is known for, spelled as their
authors and timm spell them: those are the operators that exporters and quantizers meet. The names
are the families', the networks are ours.
"""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn import functional as F

WIDTH, HEADS, CLASSES, IMAGE = 32, 2, 10, 32


class Mlp(nn.Sequential):  # type: ignore[misc]
    """Two linear layers with a GELU between them."""

    def __init__(self, width: int, hidden: int | None = None, act: type[nn.Module] = nn.GELU):
        hidden = hidden or 2 * width
        super().__init__(nn.Linear(width, hidden), act(), nn.Linear(hidden, width))


class Attention(nn.Module):  # type: ignore[misc]
    """Self-attention of (1, tokens, width), with a fused projection."""

    def __init__(self, width: int = WIDTH, *, causal: bool = False, fused: bool = True):
        super().__init__()
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.causal, self.fused = causal, fused
        self.scale = (width // HEADS) ** -0.5

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        b, n, c = x.shape
        q, k, v = self.qkv(x).reshape(b, n, 3, HEADS, c // HEADS).permute(2, 0, 3, 1, 4).unbind(0)
        if self.fused:
            y = F.scaled_dot_product_attention(q, k, v, is_causal=self.causal)
        else:
            y = ((q * self.scale) @ k.transpose(-2, -1)).softmax(dim=-1) @ v
        return self.out(y.transpose(1, 2).reshape(b, n, c))


class Block(nn.Module):  # type: ignore[misc]
    """A pre-norm transformer block around any mixer of tokens."""

    def __init__(self, mixer: nn.Module, width: int = WIDTH, act: type[nn.Module] = nn.GELU):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.mixer, self.mlp = mixer, Mlp(width, act=act)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x + self.mixer(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class Patches(nn.Module):  # type: ignore[misc]
    """Patches of 8x8 as 16 tokens."""

    def __init__(self, width: int = WIDTH):
        super().__init__()
        self.project = nn.Conv2d(3, width, 8, 8)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.project(x).flatten(2).transpose(1, 2)


class Vit(nn.Module):  # type: ignore[misc]
    """ViT: a class token, learned positions."""

    def __init__(self, tokens: int = 1):
        super().__init__()
        self.patches = Patches()
        self.extra = nn.Parameter(torch.randn(1, tokens, WIDTH))
        self.position = nn.Parameter(torch.randn(1, 16 + tokens, WIDTH))
        self.blocks = nn.Sequential(*(Block(Attention(fused=tokens == 1)) for _ in range(2)))
        self.norm = nn.LayerNorm(WIDTH)
        self.head = nn.Linear(WIDTH, CLASSES)

    def tokens(self, x: torch.Tensor) -> torch.Tensor:
        x = self.patches(x)
        x = torch.cat((self.extra.expand(x.shape[0], -1, -1), x), dim=1) + self.position
        return self.norm(self.blocks(x))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.tokens(x)[:, 0])


class Deit(Vit):
    """DeiT with distillation: a second token with a head of its own, and the mean of both."""

    def __init__(self) -> None:
        super().__init__(2)
        self.distilled = nn.Linear(WIDTH, CLASSES)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.tokens(x)
        return (self.head(x[:, 0]) + self.distilled(x[:, 1])) / 2


class Gpt(nn.Module):  # type: ignore[misc]
    """GPT: causal attention over 16 embedded tokens, tanh GELU."""

    def __init__(self) -> None:
        super().__init__()
        self.position = nn.Parameter(torch.randn(1, 16, WIDTH))
        mixers = (Attention(causal=True) for _ in range(2))
        self.blocks = nn.Sequential(*(Block(mixer, act=TanhGelu) for mixer in mixers))
        self.norm, self.head = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, CLASSES, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.norm(self.blocks(x + self.position)))


class TanhGelu(nn.Module):  # type: ignore[misc]
    """GELU by its formula with tanh, written out as GPT-2 has it."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


class MixerBlock(nn.Module):  # type: ignore[misc]
    """MLP-Mixer: an MLP across tokens, then one across channels."""

    def __init__(self) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.tokens, self.channels = Mlp(16, 24), Mlp(WIDTH)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x + self.tokens(self.norm1(x).transpose(1, 2)).transpose(1, 2)
        return x + self.channels(self.norm2(x))


class MlpMixer(nn.Module):  # type: ignore[misc]
    """MLP-Mixer with mean pooling."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(Patches(), MixerBlock(), MixerBlock(), nn.LayerNorm(WIDTH))
        self.head = nn.Linear(WIDTH, CLASSES)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.body(x).mean(dim=1))


class WindowAttention(nn.Module):  # type: ignore[misc]
    """Swin: attention in windows of 4x4 with relative positions; shifted ones are masked."""

    def __init__(self, size: int, shift: int):
        super().__init__()
        self.size, self.shift, self.window = size, shift, 4
        self.qkv, self.out = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        side = 2 * self.window - 1
        self.table = nn.Parameter(torch.randn(side * side, HEADS) * 0.1)
        at = torch.stack(torch.meshgrid(*[torch.arange(self.window)] * 2, indexing="ij")).flatten(1)
        apart = (at[:, :, None] - at[:, None, :]).permute(1, 2, 0) + self.window - 1
        self.register_buffer("index", apart[..., 0] * side + apart[..., 1])
        regions = torch.zeros(1, size, size, 1)
        slices = (slice(0, -4), slice(-4, -shift), slice(-shift, None)) if shift else ()
        for number, (rows, columns) in enumerate((r, c) for r in slices for c in slices):
            regions[:, rows, columns] = number
        cut = self.windows(regions).squeeze(-1)
        mask = (cut[:, None, :] != cut[:, :, None]) * -100.0
        self.register_buffer("mask", mask[:, None])

    def windows(self, x: torch.Tensor) -> torch.Tensor:
        b, h, w, c = x.shape
        s = self.window
        return x.view(b, h // s, s, w // s, s, c).permute(0, 1, 3, 2, 4, 5).reshape(-1, s * s, c)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        size, s = self.size, self.window
        x = x.view(1, size, size, WIDTH)
        if self.shift:
            x = torch.roll(x, (-self.shift, -self.shift), (1, 2))
        w = self.windows(x)
        n = w.shape[0]
        qkv = self.qkv(w).reshape(n, s * s, 3, HEADS, WIDTH // HEADS).permute(2, 0, 3, 1, 4)
        q, k, v = qkv[0] * (WIDTH // HEADS) ** -0.5, qkv[1], qkv[2]
        bias = self.table[self.index.view(-1)].view(s * s, s * s, HEADS).permute(2, 0, 1)
        scores = q @ k.transpose(-2, -1) + bias[None]
        if self.shift:
            scores = scores + self.mask
        y = (scores.softmax(-1) @ v).transpose(1, 2).reshape(n, s * s, WIDTH)
        y = self.out(y).view(1, size // s, size // s, s, s, WIDTH)
        y = y.permute(0, 1, 3, 2, 4, 5).reshape(1, size, size, WIDTH)
        if self.shift:
            y = torch.roll(y, (self.shift, self.shift), (1, 2))
        return y.reshape(1, size * size, WIDTH)


class Swin(nn.Module):  # type: ignore[misc]
    """Swin: windows, shifted windows, and patches merged two by two."""

    def __init__(self) -> None:
        super().__init__()
        self.project = nn.Conv2d(3, WIDTH, 4, 4)
        self.first, self.second = Block(WindowAttention(8, 0)), Block(WindowAttention(8, 2))
        self.norm, self.reduce = nn.LayerNorm(4 * WIDTH), nn.Linear(4 * WIDTH, WIDTH, bias=False)
        self.head = nn.Linear(WIDTH, CLASSES)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.project(x).flatten(2).transpose(1, 2)
        x = self.second(self.first(x)).view(1, 8, 8, WIDTH)
        parts = (x[:, i::2, j::2] for j in (0, 1) for i in (0, 1))
        x = self.reduce(self.norm(torch.cat(tuple(parts), -1).reshape(1, 16, 4 * WIDTH)))
        return self.head(x.mean(1))


class Pit(nn.Module):  # type: ignore[misc]
    """PiT: between blocks, tokens are pooled by a strided depthwise convolution."""

    def __init__(self) -> None:
        super().__init__()
        self.project = nn.Conv2d(3, 16, 4, 4)
        self.token, self.wider = nn.Parameter(torch.randn(1, 1, 16)), nn.Linear(16, WIDTH)
        self.position = nn.Parameter(torch.randn(1, 16, 8, 8))
        self.first, self.second = Block(Attention(16), 16), Block(Attention())
        self.pool = nn.Conv2d(16, WIDTH, 3, 2, 1, groups=16)
        self.norm, self.head = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, CLASSES)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = (self.project(x) + self.position).flatten(2).transpose(1, 2)
        x = self.first(torch.cat((self.token, x), 1))
        token, x = self.wider(x[:, :1]), x[:, 1:].transpose(1, 2).reshape(1, 16, 8, 8)
        x = self.second(torch.cat((token, self.pool(x).flatten(2).transpose(1, 2)), 1))
        return self.head(self.norm(x)[:, 0])


class Cct(nn.Module):  # type: ignore[misc]
    """CCT: tokens from convolutions, and a learned pooling of the sequence."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            *(nn.Conv2d(3, WIDTH, 3, 1, 1, bias=False), nn.ReLU(), nn.MaxPool2d(3, 2, 1)),
            *(nn.Conv2d(WIDTH, WIDTH, 3, 2, 1, bias=False), nn.ReLU(), nn.MaxPool2d(3, 2, 1)),
        )
        self.position = nn.Parameter(torch.randn(1, 16, WIDTH))
        self.blocks = nn.Sequential(Block(Attention()), Block(Attention()), nn.LayerNorm(WIDTH))
        self.pool, self.head = nn.Linear(WIDTH, 1), nn.Linear(WIDTH, CLASSES)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.blocks(self.stem(x).flatten(2).transpose(1, 2) + self.position)
        weights = self.pool(x).softmax(dim=1).transpose(-1, -2)
        return self.head((weights @ x).squeeze(-2))


def convolved(
    inward: int,
    outward: int,
    kernel: int,
    stride: int = 1,
    groups: int = 1,
    act: type[nn.Module] = nn.Identity,
) -> nn.Sequential:
    """A convolution with batch normalization and an activation."""
    conv = nn.Conv2d(inward, outward, kernel, stride, kernel // 2, groups=groups, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(outward), act())


class Pooled(nn.Module):  # type: ignore[misc]
    """The mean over an image, and a linear layer of the classes."""

    def __init__(self, width: int = WIDTH):
        super().__init__()
        self.head = nn.Linear(width, CLASSES)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(F.adaptive_avg_pool2d(x, 1).flatten(1))


class Residual(nn.Module):  # type: ignore[misc]
    """x + layer(x), or with a learned scale per channel."""

    def __init__(self, layer: nn.Module, *, scaled: bool = False):
        super().__init__()
        self.layer = layer
        self.scale = nn.Parameter(torch.rand(WIDTH, 1, 1)) if scaled else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.layer(x)
        return x + y if self.scale is None else x + self.scale * y
