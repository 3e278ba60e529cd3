# SPDX-License-Identifier: Apache-2.0
"""Reads labelled images or series from the arrays of an .npz file, and scikit-learn's digits."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mcuforge.compiler.tensors import Array
from mcuforge.errors import CompileError
from mcuforge.flow.data import to_indices

CHUNK = 1000  # images converted at once: the float copies stay small
GREY_OR_RGB = (1, 3)


@dataclass(frozen=True, eq=False)
class Source:
    """Labelled inputs as they were found, before anything is held out."""

    x: Array  # uint8 (n, rows, columns, channels) of images, float32 (n, samples, channels)
    y: NDArray[np.int64]  # (n)
    test: tuple[Array, NDArray[np.int64]] | None
    names: tuple[str, ...] | None  # of the classes
    ordered: bool  # the samples have an order of their own, which a stored teacher may rely on


def from_arrays(arrays: Mapping[str, Array], path: Path) -> Source:
    """Take x_train, y_train and optional x_test, y_test, or x, y; `classes` may name the classes.

    Images are uint8 (n, rows, columns, channels) or grey (n, rows, columns), or numbers of another
    dtype that are whole pixels 0 to 255, or float multiples of 1/255 from 0 to 1. Channels may come
    first where there are 1 or 3 of them and the last axis is another length. Three-dimensional
    float arrays are series (n, samples, channels); NaN at the end of a series is padding. Raises
    CompileError for missing arrays and for any other shape, dtype or value.
    """
    train = ("x_train", "y_train") if {"x_train", "y_train"} & arrays.keys() else ("x", "y")
    test = ("x_test", "y_test") if {"x_test", "y_test"} & arrays.keys() else ()
    for name in (*train, *test):
        if name not in arrays:
            raise CompileError(
                f"the data file has no array '{name}', it has {sorted(arrays) or 'none'}",
                str(path),
                "np.savez('data.npz', x=inputs, y=labels), or x_train, y_train, x_test and y_test",
            )
    inputs = _inputs({name: arrays[name] for name in (*train, *test)[::2]}, path)
    labels = [to_labels(arrays[name], name, path) for name in (*train, *test)[1::2]]
    return Source(
        inputs[0],
        labels[0],
        (inputs[1], labels[1]) if test else None,
        class_names(arrays, path),
        ordered=True,
    )


def digits() -> Source:
    """Take scikit-learn's digits: 1,797 grey images (8, 8, 1), 0 to 16 scaled to 0 to 255.

    Raises CompileError where scikit-learn is not installed.
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise missing_package("scikit-learn") from error
    x, y = load_digits(return_X_y=True)
    pixels = np.rint(x.reshape(-1, 8, 8, 1) * (255 / 16)).astype(np.uint8)
    return Source(pixels, y.astype(np.int64), None, None, ordered=True)


def missing_package(name: str) -> CompileError:
    """The error for a package that the extra `nas` brings."""
    return CompileError(
        f"the Python package {name} is not installed, this data needs it",
        sys.executable,
        "python -m pip install 'mcuforge[nas]'",
    )


def class_names(arrays: Mapping[str, Array], path: Path) -> tuple[str, ...] | None:
    """Take the names of the classes from the array `classes`, strings (k), if there is one."""
    names = arrays.get("classes")
    if names is None:
        return None
    if names.ndim != 1 or names.dtype.kind != "U":
        raise CompileError(
            f"array 'classes' is {names.dtype} of shape {list(names.shape)}, "
            "expected one string per class",
            str(path),
            "np.array(['cat', 'dog', ...]), or leave it out",
        )
    return tuple(str(name) for name in names)


def to_labels(y: Array, name: str, path: Path) -> NDArray[np.int64]:
    """Take labels of shape (n) or (n, 1) in any integer dtype as int64 (n), or CompileError."""
    if y.ndim == 2 and y.shape[1] == 1 and y.dtype.kind in "iu":
        y = y[:, 0]
    if y.ndim != 1 or y.dtype.kind not in "iu":
        raise CompileError(
            f"labels '{name}' are {y.dtype} of shape {list(y.shape)}, "
            "expected integers of shape [n]",
            str(path),
            f"{to_indices(y)}, one class index per sample",
        )
    return y.astype(np.int64)


def _inputs(arrays: Mapping[str, Array], path: Path) -> list[Array]:
    """Convert the training inputs, and those of the test part, by one rule for both."""
    (first, x), *_ = arrays.items()
    for name, other in arrays.items():
        if other.dtype != x.dtype or other.shape[1:] != x.shape[1:]:
            raise CompileError(
                f"array '{name}' is {other.dtype} of shape {list(other.shape)}, "
                f"'{first}' is {x.dtype} of shape {list(x.shape)}: expected one dtype and one "
                "shape per sample",
                str(path),
                "convert both alike; fill the shorter series up with NaN",
            )
    if x.dtype == np.uint8 and x.ndim == 3 and x.size:
        return [grey[..., None] for grey in arrays.values()]
    if x.dtype.kind in "iuf" and x.ndim == 4 and x.size:
        layout = _axes(x, first, path)
        return [np.ascontiguousarray(p.transpose(layout)) for p in _pixels(arrays, path)]
    if x.dtype.kind == "f" and x.ndim == 3 and x.size:
        return [_series(series, name, path) for name, series in arrays.items()]
    raise CompileError(
        f"array '{first}' is {x.dtype} of shape {list(x.shape)}, expected images (uint8 "
        "[n, rows, columns, channels]) or series (float32 [n, samples, channels])",
        str(path),
        _shape_hint(x, first),
    )


def _shape_hint(x: Array, name: str) -> str:
    """Say how to bring an array that is neither images nor series into one of their forms."""
    if x.ndim == 3 and x.dtype.kind in "iu":
        return f"{name}.astype(np.uint8) of grey images, {name}.astype(np.float32) of series"
    if x.ndim == 2 and x.dtype.kind in "iuf":
        return f"{name}.astype(np.float32)[..., None] if each row is a series of one channel"
    return "give one row per sample"


def _axes(x: Array, name: str, path: Path) -> tuple[int, ...]:
    """Return the axes of images in the order sample, row, column, channel."""
    _, first, middle, last = x.shape
    if last in GREY_OR_RGB or last < min(first, middle):
        return (0, 1, 2, 3)
    if first in GREY_OR_RGB:
        return (0, 2, 3, 1)
    raise CompileError(
        f"array '{name}' has shape {list(x.shape)}, expected [n, rows, columns, channels] with "
        "1 or 3 channels, or with fewer channels than rows and columns",
        str(path),
        f"{name}.transpose(0, 2, 3, 1) if the channels come first",
    )


def _pixels(arrays: Mapping[str, Array], path: Path) -> list[NDArray[np.uint8]]:
    """Convert pixels of any numeric dtype to uint8 of the same shape, exactly."""
    filled = {name: x for name, x in arrays.items() if x.size}
    low = {name: float(x.min()) for name, x in filled.items()}
    high = {name: float(x.max()) for name, x in filled.items()}
    real = next(iter(arrays.values())).dtype.kind == "f"
    for name in filled:
        if not np.isfinite([low[name], high[name]]).all():
            raise CompileError(
                f"array '{name}' holds NaN or infinity, expected pixels 0 to 255 or 0 to 1",
                str(path),
                "store the images as uint8",
            )
        if low[name] < 0 or high[name] > 255:
            raise CompileError(
                f"array '{name}' runs from {low[name]:g} to {high[name]:g}, expected pixels "
                "0 to 255 or 0 to 1",
                str(path),
                "store the images before they were normalized, as uint8",
            )
    scale = 255.0 if real and max(high.values()) <= 1 else 1.0
    return [_whole(x, name, scale, path) for name, x in arrays.items()]


def _whole(x: Array, name: str, scale: float, path: Path) -> NDArray[np.uint8]:
    """Convert `x * scale`, which lies within 0 to 255, to uint8 where it is whole to 1/255."""
    if x.dtype == np.uint8:
        return x.astype(np.uint8, copy=False)
    whole = np.empty(x.shape, np.uint8)
    for start in range(0, len(x), CHUNK):
        part = slice(start, start + CHUNK)
        scaled = x[part].astype(np.float64) * scale
        rounded = np.rint(scaled)
        if np.abs(scaled - rounded).max() > 1 / 255:
            unit = "1/255" if scale == 255 else "1"
            times = f" * {scale:g}" if scale != 1 else ""
            raise CompileError(
                f"array '{name}' is {x.dtype} and holds pixels that are not multiples of {unit}, "
                "expected images of 8 bits",
                str(path),
                f"store them as uint8: np.rint({name}{times}).astype(np.uint8)",
            )
        whole[part] = rounded
    return whole


def _series(x: Array, name: str, path: Path) -> NDArray[np.float32]:
    """Convert series to float32; NaN may only fill whole steps at the end of a series."""
    with np.errstate(over="ignore"):
        series = x.astype(np.float32)
    if np.isinf(series).any():
        raise CompileError(
            f"array '{name}' holds infinity, expected finite float32 values",
            str(path),
            "clean the data, or scale it",
        )
    missing = np.isnan(series)
    padding = missing.all(axis=2)
    gaps = missing.any(axis=2) != padding
    gaps[:, :-1] |= padding[:, :-1] & ~padding[:, 1:]
    gaps[:, 0] |= padding[:, 0]
    if gaps.any():
        index = int(gaps.any(axis=1).argmax())
        raise CompileError(
            f"series {index} of '{name}' holds NaN before its end, expected values and then NaN "
            "in all channels as padding",
            str(path),
            "fill gaps in the data; give every series at least one step",
        )
    return series
