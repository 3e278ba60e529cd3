# SPDX-License-Identifier: Apache-2.0
"""Reads labelled image files: folders by class, and JPEG files inside an .npz file (Pillow)."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mcuforge.boards.build.pio import cache_dir
from mcuforge.compiler.tensors import Array
from mcuforge.errors import CompileError
from mcuforge.flow.data import read_npz
from mcuforge.nas.data_arrays import Source, class_names, missing_package, to_labels
from mcuforge.report.files import write_whole

SUFFIXES = frozenset(
    (".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")
)
GREY_MODES = frozenset(("1", "L", "LA"))
DEEP_MODES = ("I", "F")  # more than 8 bits per channel: "I;16" too
CACHE_FORM = 1  # raise when the same files would be decoded to other arrays

Size = tuple[int, int]  # rows, columns
Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Picture:
    """One image file, and what errors call it."""

    where: str
    content: bytes | Path


def holds_jpegs(arrays: Mapping[str, Array]) -> bool:
    """True for the arrays of a file that `from_jpegs` reads."""
    return "train_bytes" in arrays


def from_jpegs(arrays: Mapping[str, Array], path: Path, size: Size | None) -> Source:
    """Decode the image files inside an .npz file, once: the pixels are kept in the user's cache.

    train_bytes: all files one after the other, uint8 (bytes). train_off: where each begins and the
    last one ends, integers (n + 1). train_label: integers (n). test_bytes, test_off and test_label
    are the optional test part, `classes` the optional names. Raises CompileError for missing or
    inconsistent arrays and for damaged images.
    """
    parts = ["train", "test"] if any(name.startswith("test_") for name in arrays) else ["train"]
    pictures = {part: _files(arrays, part, path) for part in parts}
    labels = {
        part: to_labels(_array(arrays, f"{part}_label", path), f"{part}_label", path)
        for part in parts
    }
    sha = hashlib.sha256(f"{CACHE_FORM} {size}".encode())
    for part in parts:
        sha.update(np.ascontiguousarray(arrays[f"{part}_bytes"]).data)
        sha.update(arrays[f"{part}_off"].astype("<i8").tobytes())
    cache = cache_dir() / "data" / f"{sha.hexdigest()[:32]}.npz"
    pixels = _cached(cache, {part: len(files) for part, files in pictures.items()})
    if pixels is None:
        pixels = dict(zip(parts, decode(list(pictures.values()), size), strict=True))
        _keep(cache, pixels)
    return Source(
        pixels["train"],
        labels["train"],
        (pixels["test"], labels["test"]) if "test" in parts else None,
        class_names(arrays, path),
        ordered=True,
    )


def from_folder(root: Path, size: Size | None) -> Source:
    """Read `root/<class>/*.png`, or `root/train/<class>/*` and the optional `root/test/<class>/*`.

    Classes and files are sorted by name. All images must have one size, or are resized to `size`
    (rows, columns). They become grey where all of them are. Raises CompileError for folders without
    images and for images that cannot be read or are of another size.
    """
    try:
        divided = any(_folders(root / "train"))
        train = root / "train" if divided else root
        names = [folder.name for folder in _folders(train)]
        parts = [train, root / "test"] if divided and any(_folders(root / "test")) else [train]
        found = [_labelled(part, names) for part in parts]
    except OSError as error:
        raise CompileError(
            f"the folder cannot be read: {error.strerror}",
            str(error.filename or root),
            "check its permissions",
        ) from error
    pixels = decode([[picture for picture, _ in part] for part in found], size)
    labels = [np.array([label for _, label in part], np.int64) for part in found]
    test = (pixels[1], labels[1]) if len(found) > 1 else None
    return Source(pixels[0], labels[0], test, tuple(names), ordered=False)


def decode(parts: Sequence[Sequence[Picture]], size: Size | None) -> list[Pixels]:
    """Decode image files to one uint8 array (n, rows, columns, channels) per part.

    There is one channel if all images are grey, otherwise there are three. size: rows and columns
    to resize to, by the mean of the pixels that an output pixel covers. Raises CompileError for
    damaged images, for different sizes and where Pillow is not installed.
    """
    try:
        from PIL import Image, ImageOps, UnidentifiedImageError
    except ImportError as error:
        raise missing_package("Pillow") from error
    expected, grey, decoded = size, True, []
    for part in parts:
        pixels = np.zeros((0, 0, 0, 3), np.uint8)
        for index, picture in enumerate(part):
            content = picture.content
            try:
                with Image.open(content if isinstance(content, Path) else io.BytesIO(content)) as f:
                    if f.mode.startswith(DEEP_MODES):
                        raise ValueError(f"mode {f.mode} has more than 8 bits per channel")
                    grey = grey and f.mode in GREY_MODES
                    image = ImageOps.exif_transpose(f)
                    if image.mode == "P":
                        image = image.convert("RGBA")  # Pillow warns of palettes with transparency
                    image = image.convert("RGB")
                    if size is not None:
                        image = image.resize(size[::-1], Image.Resampling.BOX)
                    one: Pixels = np.asarray(image, np.uint8)
            except Exception as error:  # Pillow raises nearly anything for a damaged file
                unknown = isinstance(error, UnidentifiedImageError)
                reason = "Pillow does not know its format" if unknown else error
                raise CompileError(
                    f"the image cannot be read: {reason}",
                    picture.where,
                    "replace the file by an image of 8 bits per channel, or remove it",
                ) from error
            found = one.shape[0], one.shape[1]
            rows, columns = expected = expected or found
            if found != expected:
                raise CompileError(
                    f"the image has {found[0]} rows and {found[1]} columns, the images "
                    f"before it {rows} and {columns}: expected one size",
                    picture.where,
                    f"resize the images, or load them with size=({rows}, {columns})",
                )
            if not index:
                pixels = _room(len(part), expected, picture.where)
            pixels[index] = one
        decoded.append(pixels)
    return [pixels[..., :1].copy() for pixels in decoded] if grey else decoded


def _room(count: int, size: Size, where: str) -> Pixels:
    try:
        return np.empty((count, *size, 3), np.uint8)
    except MemoryError as error:
        needed = count * size[0] * size[1] * 3 / 1e9
        raise CompileError(
            f"{count:,} images of {size[0]} rows and {size[1]} columns take {needed:,.0f} GB, "
            "more than there is",
            where,
            "load them smaller, for example with size=(96, 96)",
        ) from error


def _folders(folder: Path) -> list[Path]:
    """The folders in a folder, sorted by name, without hidden ones; none of a missing folder."""
    if not folder.is_dir():
        return []
    inside = (p for p in folder.iterdir() if not p.name.startswith("."))
    return sorted((p for p in inside if p.is_dir()), key=lambda p: p.name)


def _labelled(folder: Path, names: Sequence[str]) -> list[tuple[Picture, int]]:
    """The image files of every class with its index; CompileError for a class without any."""
    found = []
    for inside in _folders(folder):
        files = sorted(p for p in inside.iterdir() if p.suffix.lower() in SUFFIXES)
        files = [p for p in files if not p.name.startswith(".")]
        if not files:
            raise CompileError(
                "the folder holds no image, expected one or more: every folder is a class",
                str(inside),
                f"add images ({', '.join(sorted(SUFFIXES))}), or remove the folder",
            )
        if inside.name not in names:
            raise CompileError(
                f"the test part has a class '{inside.name}' that the training part has not",
                str(inside),
                "give both parts the same folders",
            )
        found += [(Picture(str(p), p), names.index(inside.name)) for p in files]
    if not found:
        raise CompileError(
            "the folder has no folders of images",
            str(folder),
            "put the images of each class into a folder of its own: data/cat/1.png",
        )
    return found


def _array(arrays: Mapping[str, Array], name: str, path: Path) -> Array:
    if name in arrays:
        return arrays[name]
    raise CompileError(
        f"the data file has no array '{name}', it has {sorted(arrays)}",
        str(path),
        "train_bytes, train_off and train_label belong together, and so do test_bytes, ...",
    )


def _files(arrays: Mapping[str, Array], part: str, path: Path) -> list[Picture]:
    """Cut the bytes of a part into image files."""
    content = _array(arrays, f"{part}_bytes", path)
    off = _array(arrays, f"{part}_off", path)
    sound = content.dtype == np.uint8 and content.ndim == off.ndim == 1 and off.dtype.kind in "iu"
    if sound:
        ends = [0, *map(int, off), len(content)]
        sound = len(off) > 0 and all(a <= b for a, b in pairwise(ends))
    if not sound:
        raise CompileError(
            f"'{part}_off' does not cut '{part}_bytes' into files: expected ascending integers "
            f"from 0 to the number of bytes, and '{part}_bytes' as uint8 [bytes]",
            str(path),
            "off = np.cumsum([0] + [len(file) for file in files])",
        )
    whole = content.tobytes()
    return [
        Picture(f"{path}, {part} image {index}", whole[start:end])
        for index, (start, end) in enumerate(pairwise(ends[1:-1]))
    ]


def _cached(file: Path, counts: Mapping[str, int]) -> dict[str, Pixels] | None:
    """Read pixels that were decoded before; None where there are none, or damaged ones."""
    if not file.is_file():
        return None
    try:
        arrays = read_npz(file)
    except CompileError:
        return None
    pixels = {
        name: x.astype(np.uint8, copy=False)
        for name, x in arrays.items()
        if x.dtype == np.uint8 and x.ndim == 4
    }
    return pixels if {name: len(x) for name, x in pixels.items()} == counts else None


def _keep(file: Path, pixels: Mapping[str, Pixels]) -> None:
    """Write pixels to the cache; a cache that cannot be written only costs time."""
    buffer = io.BytesIO()
    np.savez(buffer, **pixels)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(file, buffer.getvalue())
    except (OSError, CompileError):
        return
