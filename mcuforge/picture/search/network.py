# SPDX-License-Identifier: Apache-2.0
"""Derives the blocks of a network and the shapes between them from the choices of its space.

Choices are named as `nas/space.py` names them: `stage0.width`, `tokens.depth`, `block1.heads`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from math import ceil, prod, sqrt
from typing import Literal

from mcuforge.report.model import LayerFacts
from mcuforge.report.search_words import TIMES, bytes_words, shape_words

Look = Literal["ends", "image", "tokens"]
OF_BLOCKS = ("heads", "ratio", "rank")


@dataclass(frozen=True)
class Part:
    """One box of the diagram: `depth` blocks of a kind. `layers`: how their names begin."""

    title: str
    detail: str
    shape: tuple[int, ...]  # of its output, without the batch
    look: Look
    depth: int = 1
    skips: bool = False
    layers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Drawn:
    """A box at its place. The glyph is as high as the image and as wide as its channels."""

    part: Part
    y: float
    width: float
    height: float
    shape: str
    share: float | None  # of all instructions
    cost: str


ROW = 50.0
WIDEST, HIGHEST = 46.0, 30.0


def parts(choices: Mapping[str, object], shape: tuple[int, ...], classes: int) -> tuple[Part, ...]:
    """The boxes of a network, from the input to the classes."""
    made = [Part("input", "int8", shape, "ends")]
    if "stem.width" in choices:
        kernel, stride = _whole(choices, "stem.kernel", 3), _whole(choices, "stem.stride", 1)
        width = _whole(choices, "stem.width", 1)
        made.append(
            Part(
                "stem",
                f"convolution, {_window(kernel, stride)}",
                _halved(shape, stride, width),
                "image",
                layers=("stem",),
            )
        )
    made += _stages(choices, made[-1].shape)
    if width := _whole(choices, "last.width", 0):
        last = (*made[-1].shape[:-1], width)
        made.append(Part("last", f"1{TIMES}1 convolution", last, "image", layers=("last",)))
    made += _tokens(choices, made[-1].shape)
    feature = "the class token" if choices.get("tokens.class_token") else "the mean"
    head = Part("head", f"{feature}, then a linear layer", (classes,), "ends", layers=("head",))
    return (*made, head)


def _stages(choices: Mapping[str, object], shape: tuple[int, ...]) -> Iterator[Part]:
    number = 0
    while (name := f"stage{number}") and f"{name}.depth" in choices:
        depth = _whole(choices, f"{name}.depth", 0)
        if depth:
            kind = str(choices.get(f"{name}.kind", "plain"))
            width, stride = (_whole(choices, f"{name}.{key}", 1) for key in ("width", "stride"))
            kernel = _whole(choices, f"{name}.{kind}.kernel", 3)
            expansion = _whole(choices, f"{name}.{kind}.expansion", 1)
            detail = _window(kernel, stride)
            if expansion > 1:
                detail += f", expands {expansion}{TIMES}"
            shape = _halved(shape, stride, width)
            yield Part(
                f"stage {number}: {depth} {TIMES} {kind}",
                detail,
                shape,
                "image",
                depth,
                kind in ("residual", "inverted"),
                (f"{name}.",),
            )
        number += 1


def _tokens(choices: Mapping[str, object], shape: tuple[int, ...]) -> Iterator[Part]:
    depth = _whole(choices, "tokens.depth", 0)
    if not depth:
        return
    width, patch = _whole(choices, "tokens.width", 1), _whole(choices, "tokens.patch", 1)
    extra = 1 if choices.get("tokens.class_token") else 0
    count = prod(side // patch for side in shape[:-1]) + extra
    names = ("patches", "class_token", "positions", "tokens")
    detail = f"patches of {patch}{TIMES}{patch}" if len(shape) == 3 else f"patches of {patch}"
    if extra:
        detail += ", and a class token"
    yield Part("tokens", detail, (count, width), "tokens", layers=names)
    blocks = [(_block(choices, number), number) for number in range(depth)]
    for detail, alike in groupby(blocks, key=lambda block: block[0]):
        numbers = [number for _, number in alike]
        first, last = numbers[0], numbers[-1]
        title = f"block {first}" if first == last else f"blocks {first} to {last}"
        own = tuple(f"block{number}." for number in numbers)
        yield Part(title, detail, (count, width), "tokens", len(numbers), True, own)


def _block(choices: Mapping[str, object], number: int) -> str:
    """What is chosen for one transformer block, or for all of them."""
    found = {
        key: choices.get(f"block{number}.{key}", choices.get(f"tokens.{key}")) for key in OF_BLOCKS
    }
    head_width = choices.get("tokens.head_width")
    words = f"{found['heads']} heads of {head_width}, MLP {found['ratio']}{TIMES}"
    return words if found["rank"] in (None, 1, 1.0) else f"{words}, rank {found['rank']}"


def summary(boxes: Sequence[Part]) -> str:
    """The network on one line: 'stem 16; 2 × residual 32; tokens 64 × 96; blocks 0 to 3'."""
    words = []
    for part in boxes[1:-1]:
        title = part.title.partition(": ")[2] or part.title
        words.append(f"{title} {part.shape[-1]}" if part.look == "image" else title)
    return "; ".join(words)


def drawn(boxes: Sequence[Part], layers: Sequence[LayerFacts]) -> tuple[Drawn, ...]:
    """Place the boxes one below the other, with what their layers cost where that is known."""
    costs = _costs(boxes, layers)
    total = sum(instructions for instructions, _ in costs.values())
    most_channels = max(part.shape[-1] for part in boxes[:-1])
    most_pixels = max(_side(part.shape) for part in boxes[:-1])
    made = []
    for index, part in enumerate(boxes):
        share, words = None, ""
        if index in costs and total:
            instructions, ram = costs[index]
            share = instructions / total
            words = f"{100 * share:.1f} %, {bytes_words(ram)}"
        wide = 6 + (WIDEST - 6) * min(1.0, part.shape[-1] / most_channels)
        high = 5 + (HIGHEST - 5) * min(1.0, _side(part.shape) / most_pixels)
        shape = shape_words(part.shape)
        made.append(Drawn(part, ROW * index, wide, high, shape, share, words))
    return tuple(made)


def _costs(boxes: Sequence[Part], layers: Sequence[LayerFacts]) -> Mapping[int, tuple[int, int]]:
    """By box: the instructions of its layers, and the most RAM alive in one of them.

    A layer whose name says nothing belongs to the box of the layer before it.
    """
    found: dict[int, tuple[int, int]] = {}
    here = 0
    for layer in layers:
        here = next(
            (
                i
                for i, part in enumerate(boxes)
                if part.layers and layer.name.startswith(part.layers)
            ),
            here,
        )
        if here:
            cost, ram = found.get(here, (0, 0))
            found[here] = (cost + (layer.instructions or 0), max(ram, layer.ram_live))
    return found


def _side(shape: tuple[int, ...]) -> float:
    """The side of a square of as many pixels, tokens or samples."""
    return sqrt(prod(shape[:-1]))


def _halved(shape: tuple[int, ...], stride: int, width: int) -> tuple[int, ...]:
    """The output of a padded layer: only the stride shrinks it."""
    return (*(ceil(side / stride) for side in shape[:-1]), width)


def _window(kernel: int, stride: int) -> str:
    return f"kernel {kernel}" if stride == 1 else f"kernel {kernel}, stride {stride}"


def _whole(choices: Mapping[str, object], name: str, default: int) -> int:
    value = choices.get(name, default)
    return int(value) if isinstance(value, int | float) else default
