# SPDX-License-Identifier: Apache-2.0
"""Random networks of the families a search asks for: to measure costs of candidates with.

Every sampler takes a `random.Random` and returns a network; the same seed gives the same networks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random

from mcuforge.nas.networks import (
    Blocks,
    HybridNet,
    InvertedNet,
    Network,
    ResidualNet,
    SequenceNet,
    Stage,
    VitNet,
)

Sampler = Callable[[Random], Network]
CLASSES_240 = 1000  # ImageNet's


@dataclass(frozen=True)
class Supernet:
    """The ranges of one of MCUFormer's supernets, for 240x240 images.

    Width, depth, rank and patch are one for the whole network, heads and MLP ratio one per block.
    The ranges of widths, depths, heads and ratios are AutoFormer's (Chen et al., ICCV 2021).
    """

    widths: tuple[int, ...]
    depths: tuple[int, ...]
    heads: tuple[int, ...]
    ratios: tuple[float, ...]  # of an MLP's hidden width to the width
    ranks: tuple[float, ...] = tuple(step / 100 for step in range(40, 100, 5))  # of the width
    patches: tuple[int, ...] = (16, 20, 24, 28, 32)

    @property
    def largest(self) -> VitNet:
        """The architecture with the largest of every choice, and the smallest patches."""
        width, depth = max(self.widths), max(self.depths)
        hidden, heads = int(max(self.ratios) * width), max(self.heads)
        rank = round(max(self.ranks) * width)
        blocks = Blocks(width, (hidden,) * depth, (heads,) * depth, 64, rank)
        return VitNet(blocks, min(self.patches), 240, True, CLASSES_240)

    def sample(self, random: Random) -> VitNet:
        """Draw an architecture: every choice is made evenly."""
        width, depth = random.choice(self.widths), random.choice(self.depths)
        blocks = Blocks(
            width,
            tuple(int(random.choice(self.ratios) * width) for _ in range(depth)),
            tuple(random.choice(self.heads) for _ in range(depth)),
            head_width=64,
            rank=round(random.choice(self.ranks) * width),
        )
        return VitNet(blocks, random.choice(self.patches), 240, True, CLASSES_240)


SUPERNETS: Mapping[str, Supernet] = {
    "T": Supernet((192, 216, 240), (12, 13, 14), (3, 4), (3.5, 4.0)),
    "S": Supernet((320, 384, 448), (12, 13, 14), (5, 6, 7), (3.0, 3.5, 4.0)),
    "B": Supernet((528, 576, 624), (14, 15, 16), (9, 10), (3.0, 3.5, 4.0)),
}


def residual(random: Random) -> ResidualNet:
    """A residual CNN for 32x32 images."""
    widths = [random.randrange(8, top + 1, 8) for top in (64, 128, 256)]
    stages = [Stage(w, random.randint(1, 3), 1 if i == 0 else 2) for i, w in enumerate(widths)]
    return ResidualNet(random.randrange(8, 33, 4), tuple(stages))


def inverted(random: Random) -> InvertedNet:
    """An inverted-residual CNN for 32x32 images."""
    stages = tuple(
        Stage(
            random.randrange(8, top + 1, 8),
            random.randint(1, 3),
            stride,
            random.choice((3, 5)),
            random.choice((2, 3, 4, 6)),
        )
        for top, stride in ((32, 1), (64, 2), (96, 2), (160, 2))
    )
    return InvertedNet(random.randrange(8, 33, 8), stages, random.choice((0, 128, 256)))


def hybrid(random: Random) -> HybridNet:
    """Convolutions to 8x8 pixels, then tokens."""
    stages = tuple(Stage(random.randrange(16, 97, 8), random.randint(1, 2)) for _ in range(2))
    return HybridNet(
        random.randrange(8, 33, 8), stages, _blocks(random, range(48, 129, 16), (1, 4))
    )


def vit(random: Random) -> VitNet:
    """A transformer for 32x32 images, with patches of 4x4."""
    return VitNet(_blocks(random, range(48, 129, 16), (4, 8)), patch=4)


def sequence(random: Random) -> SequenceNet:
    """A 1-D CNN for sensor series."""
    stages = tuple(
        Stage(
            random.randrange(8, 65, 8),
            random.randint(1, 2),
            random.choice((1, 2)),
            random.choice((3, 5, 7)),
        )
        for _ in range(3)
    )
    samples, channels = random.choice((64, 128, 256)), random.choice((1, 3, 6, 9))
    return SequenceNet(samples, channels, random.randrange(8, 33, 8), stages, random.random() < 0.5)


def _blocks(random: Random, widths: range, depths: tuple[int, int]) -> Blocks:
    """Transformer blocks for 32x32 images; heads and hidden width are one per block."""
    width, depth = random.choice(widths), random.randint(*depths)
    hidden = tuple(width * random.randint(1, 4) for _ in range(depth))
    heads = tuple(random.choice((2, 3, 4)) for _ in range(depth))
    return Blocks(width, hidden, heads, random.choice((16, 32)))


FAMILIES: Mapping[str, Sampler] = {
    "residual": residual,
    "inverted": inverted,
    "hybrid": hybrid,
    "vit": vit,
    "sequence": sequence,
}
SPACES: Mapping[str, Sampler] = {**FAMILIES, "supernet-T": SUPERNETS["T"].sample}
