# SPDX-License-Identifier: Apache-2.0
"""Augmentation of training batches, and the fixed views that a stored teacher has seen.

Everything that is drawn comes from the generator that the caller gives: the same generator and
batch give the same result.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from mcuforge.compiler.tensors import Array, Index
from mcuforge.errors import CompileError
from mcuforge.flow.data import read_npz
from mcuforge.nas.data import Data

Float32 = NDArray[np.float32]
Pixels = TypeVar("Pixels", bound=np.generic)


def crop_flip(
    x: NDArray[Pixels], rng: np.random.Generator, pad: int, flip: bool
) -> NDArray[Pixels]:
    """Move every image by up to `pad` pixels and mirror half of them.

    x: images (n, rows, columns, channels); the result has the same shape and dtype. Shifts are
    drawn evenly from -pad to pad in both directions, or up to one less than the image's side. What
    moves in is the reflection of the image at its edge. flip: left and right are exchanged with
    probability 1/2.
    """
    count, rows, columns, _ = x.shape
    down, right = (
        rng.integers(-most, most + 1, count) for most in (min(pad, rows - 1), min(pad, columns - 1))
    )
    mirrored = rng.random(count) < 0.5 if flip else np.zeros(count, np.bool_)
    return _moved(x, np.arange(count), down, right, mirrored)


def jitter(
    x: Float32,
    rng: np.random.Generator,
    *,
    noise: float = 0.05,
    scale: float = 0.1,
    shift: float = 0.1,
) -> Float32:
    """Move every series in time, scale it and add noise.

    x: normalized series, float32 (n, samples, channels), as is the result. shift: the largest shift
    as a share of the samples; zeros, the mean, move in. scale: the standard deviation of the factor
    around 1, one per series. noise: the standard deviation of what is added. Steps that are zero in
    every channel are padding and stay zero.
    """
    count, samples, _ = x.shape
    most = int(samples * shift)
    later = rng.integers(-most, most + 1, count)
    factor = 1 + scale * rng.standard_normal((count, 1, 1), np.float32)
    added = noise * rng.standard_normal(x.shape, np.float32)
    from_step = np.arange(samples) - later[:, None]
    inside = (from_step >= 0) & (from_step < samples)
    moved = x[np.arange(count)[:, None], from_step.clip(0, samples - 1)] * inside[..., None]
    result: Float32 = moved * factor + added * moved.any(axis=2, keepdims=True)
    return result.astype(np.float32, copy=False)


@dataclass(frozen=True, eq=False)
class Teacher:
    """A trained network's answers to a few fixed views of every training image.

    A view mirrors or not, and moves the image down and right by a few pixels.
    """

    digest: str  # of the file's arrays
    train: Array  # float logits (views, n, classes)
    views: Index  # (views, 3): mirrored (0 or 1), down, right

    @classmethod
    def load(cls, path: Path, data: Data) -> Teacher:
        """Read `train` and `views` from an .npz file and check that they belong to `data`.

        Raises CompileError for missing arrays, for shapes that do not fit the training part, for
        logits that are not finite, for data whose training part is not in the file's order, and for
        logits that hardly agree with the labels: those of another data set or another order.
        """
        arrays = read_npz(path)
        train, views = (_array(arrays, name, path) for name in ("train", "views"))
        if data.kind != "images" or not data.in_file_order:
            raise CompileError(
                f"a stored teacher needs images in the file's order, {data.origin} is divided "
                "otherwise",
                str(path),
                "search without a teacher, or on an .npz file with x_train, y_train, x_test, "
                "y_test in a mixed order",
            )
        count, classes = len(data.train_y), data.classes
        if train.dtype.kind != "f" or train.ndim != 3 or train.shape[1:] != (count, classes):
            raise CompileError(
                f"the teacher's 'train' is {train.dtype} of shape {list(train.shape)}, expected "
                f"logits [views, {count}, {classes}] for {data.origin}",
                str(path),
                "make them with the images that the search trains on",
            )
        rows, columns, _ = data.shape
        if (
            views.dtype.kind not in "iu"
            or views.shape != (len(train), 3)
            or not len(views)
            or (abs(views.astype(np.int64)) >= (2, rows, columns)).any()
            or views[:, 0].min() < 0
        ):
            raise CompileError(
                f"the teacher's 'views' are {views.dtype} of shape {list(views.shape)}, expected "
                f"integers [{len(train)}, 3]: mirrored (0 or 1), and pixels down and right, less "
                "than the image's sides",
                str(path),
                "np.array([[0, 0, 0], [1, 0, 0], [0, -2, 1], ...])",
            )
        if not np.isfinite(train).all():
            raise CompileError(
                "the teacher's logits hold NaN or infinity, expected finite values",
                str(path),
                "train the teacher again",
            )
        agreed = float((train[0].argmax(axis=1) == data.train_y).mean())
        commonest = float(np.bincount(data.train_y).max() / count)
        if agreed < commonest + 0.1 * (1 - commonest):
            raise CompileError(
                f"the teacher agrees with {100 * agreed:.1f} % of the training labels, expected "
                f"more than the {100 * commonest:.1f} % of the commonest class",
                str(path),
                "make its logits with this data, in the file's order",
            )
        found = sha256(train.tobytes() + views.astype(np.int64).tobytes()).hexdigest()[:16]
        return cls(found, train, views.astype(np.int64))

    def unmirrored(self) -> Teacher:
        """The teacher with those views alone that do not mirror; CompileError if there are none."""
        straight = self.views[:, 0] == 0
        if not straight.any():
            raise CompileError(
                "all views of the teacher are mirrored, and --no-flip asks for others",
                "--teacher",
                "make views that are not mirrored",
            )
        return Teacher(f"{self.digest} unmirrored", self.train[straight], self.views[straight])

    def view(self, x: NDArray[Pixels], indices: Index, which: Index | int) -> NDArray[Pixels]:
        """Return the images that the teacher saw, (batch, rows, columns, channels) in x's dtype.

        x: all training images (n, rows, columns, channels). indices: int64 (batch), into `x`.
        which: the view of each, int64 (batch), or one for all. An image is moved first, its
        reflection fills the edge, and then it is mirrored.
        """
        mirrored, down, right = self.views[np.broadcast_to(which, indices.shape)].T
        return _moved(x, indices, down, right, mirrored == 1)

    def logits(self, indices: Index, which: Index | int) -> Float32:
        """Return the teacher's logits for the same images and views, float32 (batch, classes)."""
        logits: Float32 = self.train[which, indices].astype(np.float32)
        return logits


def _array(arrays: dict[str, Array], name: str, path: Path) -> Array:
    if name in arrays:
        return arrays[name]
    raise CompileError(
        f"the teacher's file has no array '{name}', it has {sorted(arrays) or 'none'}",
        str(path),
        "np.savez('teacher.npz', train=logits, views=views)",
    )


def _moved(
    x: NDArray[Pixels], indices: Index, down: Index, right: Index, mirrored: NDArray[np.bool_]
) -> NDArray[Pixels]:
    """Gather x[indices], each image moved (less than its side, edges reflected), then mirrored."""
    _, rows, columns, channels = x.shape
    row = _reflected(np.arange(rows) - down[:, None], rows)
    forward = np.arange(columns)
    column = np.where(mirrored[:, None], forward[::-1], forward) - right[:, None]
    column = _reflected(column, columns)
    pixel = (indices[:, None] * rows + row)[:, :, None] * columns + column[:, None, :]
    flat = x.reshape(-1, channels).take(pixel.reshape(-1), axis=0)
    return flat.reshape(len(indices), rows, columns, channels)


def _reflected(index: Index, length: int) -> Index:
    """Mirror indices from 1 - length to 2 * length - 2 at the ends, into 0 to length - 1."""
    last = length - 1
    inside: Index = last - abs(last - abs(index))
    return inside
