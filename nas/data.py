# SPDX-License-Identifier: Apache-2.0
"""The data sets that a search trains on: read, checked and divided in the same way every time."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mcuforge.compiler.tensors import Array
from mcuforge.errors import CompileError, InternalError
from mcuforge.flow.data import read_npz
from mcuforge.nas.data_arrays import Source, digits, from_arrays
from mcuforge.nas.pictures import from_folder, from_jpegs, holds_jpegs

Labels = NDArray[np.int64]
Float32 = NDArray[np.float32]

DIGITS = "digits"
TEST_SHARE = 0.2  # of data that comes without a test part
FEWEST = 20  # training samples


@dataclass(frozen=True, eq=False)
class Data:
    """Labelled images or series in three parts; `load` makes them.

    Networks train on `train`, every decision of a search is made on `held`, and finalists alone
    read `test`.
    """

    train_x: Array  # uint8 (n, rows, columns, channels) of images, float32 (n, samples, channels)
    train_y: Labels  # (n), 0 to classes - 1
    held_x: Array
    held_y: Labels
    test_x: Array | None
    test_y: Labels | None
    classes: int
    labels: tuple[str, ...]  # the classes' names, "0", "1", ... where they have none
    origin: str  # "cifar10.npz"
    kind: Literal["images", "series"]
    in_file_order: bool = False  # training sample i is sample i of the file: a teacher needs it

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one input: (rows, columns, channels) or (samples, channels)."""
        return self.train_x.shape[1:]

    @cached_property
    def digest(self) -> str:
        """The first 16 hex digits of a SHA-256 of all arrays in their parts."""
        sha = hashlib.sha256(f"{self.kind} {self.classes}".encode())
        parts = (self.train_x, self.train_y, self.held_x, self.held_y, self.test_x, self.test_y)
        for array in parts:
            if array is None:
                sha.update(b" none")
            else:
                sha.update(f" {array.shape} ".encode())
                little = array.astype(array.dtype.newbyteorder("<"), copy=False)
                sha.update(np.ascontiguousarray(little).data)
        return sha.hexdigest()[:16]

    @property
    def mean(self) -> Float32:
        """The mean of the training part's series, float32 [channels]."""
        return self._moments[0]

    @property
    def std(self) -> Float32:
        """Their standard deviation, float32 [channels]; 1 where a channel is constant."""
        return self._moments[1]

    def normalized(self, x: Array) -> Float32:
        """Series as networks read them, float32 in the shape of `x` (n, samples, channels).

        They become (x - mean) / std, with zeros for padding.

        Images are read as pixels: see training.batches.inputs.
        """
        y = (x.astype(np.float32) - self.mean) / self.std
        return np.where(np.isnan(y), np.float32(0), y)

    @cached_property
    def _moments(self) -> tuple[Float32, Float32]:
        if self.kind == "images":
            raise InternalError(f"{self.origin} holds images, which are not normalized")
        series = self.train_x.reshape(-1, self.train_x.shape[-1]).astype(np.float64)
        mean, variance = np.nanmean(series, axis=0), np.nanvar(series, axis=0)
        variance[np.nanmax(series, axis=0) == np.nanmin(series, axis=0)] = 0
        std = np.sqrt(variance).astype(np.float32)
        std[std == 0] = 1
        return mean.astype(np.float32), std


def load(
    path: Path, *, seed: int = 0, held: float = 0.1, size: tuple[int, int] | None = None
) -> Data:
    """Read a data set and divide it: the same file, `seed` and `held` give the same parts.

    path: an .npz file of arrays (`data_arrays.from_arrays`) or of JPEG files
    (`pictures.from_jpegs`), a folder of images (`pictures.from_folder`), or "digits" for
    scikit-learn's digits. Data without a test part gives 20 % for it. held: the share of the
    training data that is held out. Where an .npz file comes with a test part, this is the end of
    its training samples, unless a class would then be missing in either part. All other parts are
    drawn from each class alike, by `seed`, and mixed, so that the first samples of a part have all
    classes. size: rows and columns that image files are resized to.

    Raises CompileError for data that cannot be read, for fewer than 20 samples or 2 classes, for
    labels other than 0 to k - 1 and for a class without a training sample.
    """
    if not 0 < held <= 0.5:
        raise CompileError(
            f"a share of {held:g} is to be held out, expected more than 0 and at most 0.5",
            str(path),
            "0.1 holds out a tenth",
        )
    source, origin = _read(path, size)
    names = _checked(source, path)
    x, y, test = source.x, source.y, source.test
    in_order = False
    if test is None:
        rest, drawn = _stratified(y, TEST_SHARE, (seed, 0))
        test = x[drawn], y[drawn]
        x, y = x[rest], y[rest]
    elif source.ordered:
        last = max(1, round(len(y) * held))
        in_order = all(len(np.unique(part)) == len(names) for part in (y[:-last], y[-last:]))
    if in_order:
        parts = x[:-last], y[:-last], x[-last:], y[-last:]
    else:
        rest, drawn = _stratified(y, held, (seed, 1))
        parts = x[rest], y[rest], x[drawn], y[drawn]
        mixed = np.argsort(np.random.default_rng((seed, 2)).random(len(test[1])), kind="stable")
        test = test[0][mixed], test[1][mixed]
    _refuse_absent(parts[1], parts[3], names, path)
    return Data(
        *parts,
        *test,
        len(names),
        names,
        origin,
        "images" if source.x.dtype == np.uint8 else "series",
        in_order,
    )


def _read(path: Path, size: tuple[int, int] | None) -> tuple[Source, str]:
    """Read what `path` stands for; also return what reports call it."""
    if size is not None and min(size) < 1:
        raise CompileError(
            f"images are to be resized to {size[0]} rows and {size[1]} columns, expected 1 or more",
            str(path),
            "for example size=(32, 32)",
        )
    if path.is_dir():
        return from_folder(path, size), path.resolve().name
    if not path.exists() and path != Path(DIGITS):
        raise CompileError(
            "there is no such file or folder",
            str(path),
            "give an .npz file, a folder with one folder of images per class, or 'digits'",
        )
    arrays = read_npz(path) if path.exists() else {}
    if holds_jpegs(arrays):
        return from_jpegs(arrays, path, size), path.name
    if size is not None:
        raise CompileError(
            "only files of images can be resized, this data is arrays",
            str(path),
            "resize the arrays, or give a folder of images",
        )
    return (from_arrays(arrays, path) if path.exists() else digits()), path.name


def _checked(source: Source, path: Path) -> tuple[str, ...]:
    """Check numbers of samples and labels; return one name per class."""
    for part, x, y in (("training", source.x, source.y), ("test", *(source.test or ((), ())))):
        if len(x) != len(y):
            raise CompileError(
                f"the {part} part holds {len(x)} inputs and {len(y)} labels, "
                "expected equal numbers",
                str(path),
                "give one label per input",
            )
    if len(source.y) < FEWEST:
        raise CompileError(
            f"there are {len(source.y)} training samples, expected {FEWEST} or more",
            str(path),
            "collect more data",
        )
    found = np.unique(source.y)
    classes = len(found) if source.names is None else len(source.names)
    if found[0] < 0 or found[-1] >= classes:
        raise CompileError(
            f"the training part has {len(found)} classes, labelled {found[0]} to {found[-1]}"
            + ("" if source.names is None else f", and {classes} names")
            + f": expected 0 to {classes - 1}",
            str(path),
            "number the classes from 0: classes, y = np.unique(y, return_inverse=True)",
        )
    if classes < 2:
        raise CompileError(
            "all training samples are of one class, expected 2 classes or more",
            str(path),
            "add samples of what is to be told apart",
        )
    if source.test is not None and not len(source.test[1]):
        raise CompileError(
            "the test part is empty, expected samples or no test part",
            str(path),
            "leave it out: a fifth of the training data is then taken for it",
        )
    if source.test is not None and not 0 <= source.test[1].min() <= source.test[1].max() < classes:
        raise CompileError(
            f"the test part has labels {source.test[1].min()} to {source.test[1].max()}, "
            f"expected 0 to {classes - 1} as in the training part",
            str(path),
            "number the classes of both parts alike",
        )
    return tuple(map(str, range(classes))) if source.names is None else source.names


def _refuse_absent(y: Labels, held_y: Labels, names: tuple[str, ...], path: Path) -> None:
    """Refuse training labels that leave a class out, and an empty held-out part."""
    absent = np.flatnonzero(np.bincount(y, minlength=len(names)) == 0)
    if len(absent):
        raise CompileError(
            f"class '{names[absent[0]]}' has no training sample, expected one or more per class",
            str(path),
            "add samples of it, or number the classes without it",
        )
    if not len(held_y):
        raise CompileError(
            "no class has enough samples to hold one out, expected 3 or more per class",
            str(path),
            "collect more data",
        )


def _stratified(y: Labels, share: float, seed: tuple[int, int]) -> tuple[Labels, Labels]:
    """Draw `share` of each class: the indices that stay and those drawn, both mixed.

    Of a class with two samples or more, at least one is drawn and one stays.
    """
    # sorting drawn numbers gives the same order in every version of numpy
    order = np.argsort(np.random.default_rng(seed).random(len(y)), kind="stable")
    drawn = np.zeros(len(y), np.bool_)
    for label in np.unique(y):
        mine = order[y[order] == label]
        drawn[mine[: min(max(1, round(len(mine) * share)), len(mine) - 1)]] = True
    return order[~drawn[order]], order[drawn[order]]
