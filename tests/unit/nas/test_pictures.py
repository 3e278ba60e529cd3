# SPDX-License-Identifier: Apache-2.0
"""Image files as data of a search: in folders by class, and as JPEG files in an .npz file."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from mcuforge.errors import CompileError
from mcuforge.nas.data import load
from mcuforge.nas.pictures import Picture, decode
from tests.shared import shared
from tests.unit.nas.datasets import images, labels, refused, save

X, Y = images(), labels(classes=2)
NAMES = ("cat", "dog")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "mcuforge" / "data"


def write(root: Path, x: NDArray[np.uint8] = X, suffix: str = ".png") -> Path:
    """A folder of images, one folder per class."""
    for index, (pixels, label) in enumerate(zip(x, Y, strict=False)):
        file = root / NAMES[label] / f"{index:03}{suffix}"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels.squeeze()).save(file)
    return root


def jpeg(pixels: NDArray[np.uint8]) -> bytes:
    """One JPEG file."""
    buffer = io.BytesIO()
    Image.fromarray(pixels.squeeze()).save(buffer, "JPEG")
    return buffer.getvalue()


def packed(files: list[bytes], part: str = "train") -> dict[str, NDArray[np.generic]]:
    """The arrays of a part of an .npz file of JPEG files."""
    return {
        f"{part}_bytes": np.frombuffer(b"".join(files), np.uint8),
        f"{part}_off": np.cumsum([0, *map(len, files)]).astype(np.uint32),
        f"{part}_label": labels(len(files), 2).astype(np.uint8),
    }


def decoded(files: list[bytes]) -> NDArray[np.uint8]:
    """JPEG files as Pillow reads them."""
    return np.stack([np.asarray(Image.open(io.BytesIO(file))) for file in files])


FILES = [jpeg(image) for image in X]


def every(path: Path, size: tuple[int, int] | None = None) -> Iterator[bytes]:
    """The images of all parts of a data set."""
    data = load(path, size=size)
    assert data.test_x is not None
    for part in (data.train_x, data.held_x, data.test_x):
        yield from (image.tobytes() for image in part)


def test_a_folder_is_read_exactly(tmp_path: Path) -> None:
    root = write(tmp_path / "pets")
    (root / "cat" / "Thumbs.db").touch()
    (root / ".hidden").mkdir()
    (root / "readme.txt").touch()
    data = load(root)
    assert (data.labels, data.origin, data.shape) == (NAMES, "pets", (6, 5, 3))
    assert not data.in_file_order
    assert sorted(every(root)) == sorted(image.tobytes() for image in X)
    for image, label in zip(data.train_x, data.train_y, strict=True):
        (index,) = np.flatnonzero((image == X).all(axis=(1, 2, 3)))
        assert index % 2 == label


def test_a_folder_may_come_with_a_test_part(tmp_path: Path) -> None:
    write(tmp_path / "train")
    write(tmp_path / "test", X[:4])
    data = load(tmp_path)
    assert data.test_x is not None
    assert sorted(x.tobytes() for x in data.test_x) == sorted(x.tobytes() for x in X[:4])
    assert np.bincount(data.held_y).tolist() == [2, 2]
    (tmp_path / "test" / "cow").mkdir()
    where = str(tmp_path / "test" / "cow")
    assert "holds no image" in refused(tmp_path, where)[0]
    Image.fromarray(X[0]).save(tmp_path / "test" / "cow" / "1.BMP")
    assert "a class 'cow' that the training part has not" in refused(tmp_path, where)[0]


def test_grey_images_have_one_channel_unless_one_is_coloured(tmp_path: Path) -> None:
    grey = images(channels=1)
    write(tmp_path, grey)
    assert sorted(every(tmp_path)) == sorted(image.tobytes() for image in grey)
    Image.fromarray(X[0]).save(tmp_path / "dog" / "999.png")
    assert load(tmp_path).shape == (6, 5, 3)


def test_transparency_and_palettes_are_read_as_colours(tmp_path: Path) -> None:
    write(tmp_path)
    opaque = np.full((6, 5, 1), 9, np.uint8)
    Image.fromarray(np.concatenate([X[0], opaque], axis=2)).save(tmp_path / "cat" / "000.png")
    flat = Image.new("P", (5, 6))
    flat.putpalette([10, 20, 30])
    flat.save(tmp_path / "cat" / "002.png", transparency=b"\x05")
    found = list(every(tmp_path))
    assert X[0].tobytes() in found
    assert bytes([10, 20, 30] * 30) in found


def test_images_of_other_sizes_are_refused_or_resized(tmp_path: Path) -> None:
    write(tmp_path)
    odd = tmp_path / "cat" / "004.png"
    twice = X[4].repeat(2, axis=0).repeat(2, axis=1)
    Image.fromarray(twice).save(odd)
    what, hint = refused(tmp_path, str(odd))
    assert "12 rows and 10 columns, the images before it 6 and 5" in what
    assert "size=(6, 5)" in hint
    assert sorted(every(tmp_path, (6, 5))) == sorted(image.tobytes() for image in X)
    assert load(tmp_path, size=(3, 4)).shape == (3, 4, 3)


def test_photos_are_turned_as_their_camera_says(tmp_path: Path) -> None:
    write(tmp_path)
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    Image.fromarray(X[0][::-1, ::-1]).save(tmp_path / "cat" / "000.png", exif=exif)
    assert X[0].tobytes() in set(every(tmp_path))


@pytest.mark.parametrize("content", [b"", b"text", FILES[0][:300]])
def test_an_unreadable_image_is_named(tmp_path: Path, content: bytes) -> None:
    write(tmp_path)
    (tmp_path / "dog" / "x.jpg").write_bytes(content)
    what, hint = refused(tmp_path, str(tmp_path / "dog" / "x.jpg"))
    assert "the image cannot be read" in what
    assert " at 0x" not in what
    assert "remove it" in hint


def test_images_of_16_bits_are_refused(tmp_path: Path) -> None:
    write(tmp_path)
    deep = tmp_path / "cat" / "000.png"
    Image.fromarray(np.full((6, 5), 40000, np.uint16)).save(deep)
    assert "more than 8 bits" in refused(tmp_path, str(deep))[0]


def test_folders_without_images_are_refused(tmp_path: Path) -> None:
    what, hint = refused(tmp_path)
    assert "no folders of images" in what
    assert "data/cat/1.png" in hint
    write(tmp_path)
    (tmp_path / "cow").mkdir()
    assert "holds no image" in refused(tmp_path, str(tmp_path / "cow"))[0]


def test_images_that_no_memory_holds_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(np, "empty", full)
    with pytest.raises(CompileError, match="2 images of 6 rows and 5 columns take"):
        decode([[Picture("a.jpg", FILES[0])] * 2], None)


def test_pillow_is_asked_for_by_its_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path)
    monkeypatch.setitem(sys.modules, "PIL", None)
    what, hint = refused(tmp_path, sys.executable)
    assert "Pillow is not installed" in what
    assert "mcuforge[nas]" in hint


def test_jpeg_files_in_an_archive_are_decoded(tmp_path: Path) -> None:
    file = save(tmp_path / "jpeg.npz", **packed(FILES), **packed(FILES[:6], "test"), classes=NAMES)
    data = load(file)
    assert np.array_equal(data.train_x, decoded(FILES)[:36])
    assert data.test_x is not None
    assert np.array_equal(data.test_x, decoded(FILES[:6]))
    assert data.in_file_order
    assert (data.labels, data.origin) == (NAMES, "jpeg.npz")
    assert load(file, size=(3, 3)).shape == (3, 3, 3)


def test_grey_jpeg_files_have_one_channel(tmp_path: Path) -> None:
    files = [jpeg(image) for image in images(channels=1)]
    assert load(save(tmp_path / "jpeg.npz", **packed(files))).shape == (6, 5, 1)


def test_decoded_images_are_kept_and_a_damaged_cache_is_made_again(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = save(tmp_path / "jpeg.npz", **packed(FILES))
    first = load(file).digest
    (kept,) = cache.iterdir()
    sound = kept.read_bytes()
    middle = len(sound) // 2
    flipped = sound[:middle] + bytes([sound[middle] ^ 1]) + sound[middle + 1 :]
    for damaged in (b"", sound[:middle], flipped):
        kept.write_bytes(damaged)
        assert load(file).digest == first
        assert kept.read_bytes() == sound
    save(kept, train=X[:3])
    assert load(file).digest == first
    assert [kept] == list(cache.iterdir())
    monkeypatch.setitem(sys.modules, "PIL", None)
    assert load(file).digest == first  # nothing is decoded


def test_a_cache_that_cannot_be_written_is_no_fault(tmp_path: Path, cache: Path) -> None:
    cache.parent.mkdir(parents=True)
    cache.touch()
    assert load(save(tmp_path / "jpeg.npz", **packed(FILES))).shape == (6, 5, 3)


SOUND = packed(FILES)
OFF = SOUND["train_off"].astype(np.int64)
FLAT = "does not cut 'train_bytes' into files"


@pytest.mark.parametrize(
    ("changed", "what"),
    [
        ({"train_off": None}, "no array 'train_off'"),
        ({"train_label": None}, "no array 'train_label'"),
        ({"train_label": SOUND["train_label"][1:]}, "40 inputs and 39 labels"),
        ({"train_label": np.ones((40, 2))}, "expected integers"),
        ({"test_off": OFF}, "no array 'test_bytes'"),
        ({"train_off": OFF[::-1]}, FLAT),
        ({"train_off": OFF + 1}, FLAT),
        ({"train_off": OFF.astype(float)}, FLAT),
        ({"train_off": OFF - 1}, FLAT),
        ({"train_off": np.zeros(0, int)}, FLAT),
        ({"train_bytes": SOUND["train_bytes"].astype(np.int16)}, FLAT),
        ({"train_bytes": SOUND["train_bytes"][:-9]}, FLAT),
    ],
)
def test_inconsistent_archives_are_refused(
    tmp_path: Path, changed: dict[str, NDArray[np.generic] | None], what: str
) -> None:
    arrays = {name: x for name, x in (SOUND | changed).items() if x is not None}
    assert what in refused(save(tmp_path / "jpeg.npz", **arrays))[0]


def test_a_damaged_image_in_an_archive_is_named(tmp_path: Path) -> None:
    file = save(tmp_path / "jpeg.npz", **packed([*FILES[:25], b"none", *FILES[26:]]))
    assert "cannot be read" in refused(file, f"{file}, train image 25")[0]


@pytest.mark.shared
def test_cifar10s_jpeg_files_are_decoded(tmp_path: Path) -> None:
    with np.load(shared("data/cifar10_jpeg.npz")) as whole:
        off = whole["train_off"][:61]
        arrays = {
            "train_bytes": whole["train_bytes"][: off[-1]],
            "train_off": off,
            "train_label": whole["train_label"][:60],
            "classes": whole["classes"],
        }
    data = load(save(tmp_path / "jpeg.npz", **arrays))
    assert data.shape == (32, 32, 3)
    assert data.labels[:2] == ("airplane", "automobile")
