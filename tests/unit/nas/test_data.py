# SPDX-License-Identifier: Apache-2.0
"""Data of a search: read exactly, divided the same way every time, refused in three lines."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from mcuforge.errors import CompileError, InternalError
from mcuforge.nas.data import load
from tests.unit.nas.datasets import images, labels, refused, save

X, Y = images(), labels()


def with_test(path: Path, x: NDArray[np.generic], y: NDArray[np.generic] = Y) -> Path:
    """A file whose test part is the training part."""
    return save(path, x_train=x, y_train=y, x_test=x, y_test=y)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "data.npz"


def test_the_last_tenth_is_held_out_where_there_is_a_test_part(file: Path) -> None:
    data = load(with_test(file, X))
    assert data.in_file_order
    assert np.array_equal(data.train_x, X[:36])
    assert np.array_equal(data.train_y, Y[:36])
    assert np.array_equal(data.held_x, X[36:])
    assert np.array_equal(data.held_y, Y[36:])
    assert data.test_x is not None
    assert np.array_equal(data.test_x, X)
    assert (data.classes, data.labels) == (4, ("0", "1", "2", "3"))
    assert (data.origin, data.kind, data.shape) == ("data.npz", "images", (6, 5, 3))


def test_data_sorted_by_class_is_held_out_from_every_class(file: Path) -> None:
    data = load(with_test(file, X, np.sort(Y)))
    assert not data.in_file_order
    assert sorted(data.held_y.tolist()) == [0, 1, 2, 3]


@pytest.mark.parametrize("with_own_test", [False, True])
def test_the_first_samples_of_sorted_data_have_all_classes(file: Path, with_own_test: bool) -> None:
    x, y = images(1_000), np.repeat(np.arange(4), 250)
    parts = {"x_train": x, "y_train": y, "x_test": x, "y_test": y}
    data = load(save(file, **(parts if with_own_test else {"x": x, "y": y})))
    assert data.test_y is not None
    for part in (data.train_y, data.held_y, data.test_y):
        assert np.bincount(part[:40], minlength=4).min() > 0
        assert np.bincount(part, minlength=4).min() == len(part) // 4


def test_parts_without_a_test_part_are_stratified_and_follow_the_seed(file: Path) -> None:
    x, y = images(200), np.repeat([0, 1], (150, 50))
    save(file, x=x, y=y)
    data, again, other = load(file), load(file), load(file, seed=1)
    assert data.test_y is not None
    assert data.test_x is not None
    assert np.bincount(data.test_y).tolist() == [30, 10]
    assert np.bincount(data.held_y).tolist() == [12, 4]
    assert np.bincount(data.train_y).tolist() == [108, 36]
    parts = np.concatenate([data.train_x, data.held_x, data.test_x])
    assert sorted(p.tobytes() for p in parts) == sorted(p.tobytes() for p in x)
    assert data.digest == again.digest
    assert data.digest != other.digest
    assert load(file, held=0.2).digest != data.digest


def test_every_class_is_in_every_part_even_if_it_is_small(file: Path) -> None:
    data = load(save(file, x=X, y=np.repeat([0, 1], (37, 3))))
    assert data.test_y is not None
    assert [np.bincount(y)[1] for y in (data.train_y, data.held_y, data.test_y)] == [1, 1, 1]


def test_the_digest_is_the_same_on_every_machine(file: Path) -> None:
    assert load(with_test(file, X)).digest == "bc96676d854f6613"
    series = X.reshape(40, 18, 5).astype(np.float64)
    assert load(save(file, x=series, y=Y)).digest == "2d10e4ccec4369c1"


def test_the_digest_sees_one_pixel_and_one_label(file: Path) -> None:
    first = load(with_test(file, X)).digest
    x, y = X.copy(), Y.copy()
    x[3, 2, 1, 0] ^= 1
    y[3] = 0
    assert len({first, load(with_test(file, x)).digest, load(with_test(file, X, y)).digest}) == 3


@pytest.mark.parametrize(
    "stored",
    [
        X.transpose(0, 3, 1, 2),
        X.astype(np.int64),
        X.astype(np.float64),
        X.astype(np.float32) / np.float32(255),
        X / 255,
        (X / 255).transpose(0, 3, 1, 2),
    ],
    ids=["NCHW", "int64", "float64", "0 to 1, float32", "0 to 1", "0 to 1, NCHW"],
)
def test_images_become_uint8_with_channels_last(file: Path, stored: NDArray[np.generic]) -> None:
    data = load(with_test(file, stored))
    assert data.train_x.dtype == np.uint8
    assert np.array_equal(data.train_x, X[:36])
    assert data.train_x.flags.c_contiguous


@pytest.mark.parametrize("shape", [(40, 9, 10), (40, 9, 10, 1), (40, 1, 9, 10)])
def test_grey_images_get_one_channel(file: Path, shape: tuple[int, ...]) -> None:
    assert load(with_test(file, X.reshape(shape))).shape == (9, 10, 1)


def test_labels_may_be_a_column_and_classes_may_have_names(file: Path) -> None:
    names = ["ant", "bee", "cat", "dog"]
    data = load(save(file, x=X, y=Y[:, None].astype(np.uint8), classes=names))
    assert data.labels == tuple(names)
    assert data.train_y.dtype == np.int64
    assert data.train_y.ndim == 1


def test_a_constant_channel_is_divided_by_one(file: Path) -> None:
    series = np.full((40, 5, 1), 0.1)
    data = load(with_test(file, series))
    assert data.std.tolist() == [1]
    assert data.mean.dtype == data.std.dtype == data.normalized(series).dtype == np.float32
    assert abs(data.normalized(series)).max() < 1e-6


def test_images_are_not_normalized(file: Path) -> None:
    with pytest.raises(InternalError, match="images, which are not normalized"):
        load(with_test(file, X)).normalized(X)


def test_padding_of_series_counts_for_nothing(file: Path) -> None:
    series = X.reshape(40, 18, 5).astype(np.float32)
    series[::2, 11:] = np.nan
    data = load(with_test(file, series))
    assert (data.kind, data.shape) == ("series", (18, 5))
    known = series[:36].reshape(-1, 5)
    known = known[~np.isnan(known[:, 0])]
    np.testing.assert_allclose(data.mean, known.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(data.std, known.std(axis=0), rtol=1e-5)
    normalized = data.normalized(series)
    assert not normalized[::2, 11:].any()
    np.testing.assert_allclose(normalized[1], (series[1] - data.mean) / data.std, rtol=1e-5)


def test_the_digits_need_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    data = load(Path("digits"))
    assert (data.shape, data.classes, data.origin) == ((8, 8, 1), 10, "digits")
    assert data.test_y is not None
    assert len(data.test_y) == 359
    assert len(data.train_x) + len(data.held_x) == 1438
    assert (data.train_x.min(), data.train_x.max()) == (0, 255)
    assert "only files of images" in refused(Path("digits"), size=(4, 4))[0]
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    what, hint = refused(Path("digits"), sys.executable)
    assert "scikit-learn is not installed" in what
    assert "mcuforge[nas]" in hint


ONE_HOT = np.eye(4)[Y]
NAN = np.where(X[0, 0, 0, 0] == X, np.nan, X)
GAP = np.ones((40, 6, 2))
GAP[7, 3] = np.nan
HALF_GAP = np.ones((40, 6, 2))
HALF_GAP[8, 5, 1] = np.nan
NOTHING = np.ones((40, 6, 2))
NOTHING[9] = np.nan


@pytest.mark.parametrize(
    ("arrays", "what", "hint"),
    [
        ({}, "no array 'x', it has none", "np.savez"),
        ({"x": X}, "no array 'y', it has ['x']", "np.savez"),
        ({"x_train": X, "y_train": Y, "x_test": X}, "no array 'y_test'", "y_test"),
        ({"x": X, "y": Y[:-1]}, "40 inputs and 39 labels", "one label per input"),
        ({"x": X[:19], "y": Y[:19]}, "19 training samples, expected 20", "more data"),
        ({"x": X, "y": Y.astype(float)}, "float64 of shape [40]", "y.astype(np.int64)"),
        ({"x": X, "y": ONE_HOT}, "float64 of shape [40, 4]", "y.argmax(axis=1)"),
        ({"x": X, "y": Y.astype(str)}, "expected integers", "y.astype(np.int64)"),
        ({"x": X, "y": Y * 2}, "4 classes, labelled 0 to 6: expected 0 to 3", "return_inverse"),
        ({"x": X, "y": Y - 1}, "labelled -1 to 2", "return_inverse"),
        ({"x": X, "y": Y * 0}, "all training samples are of one class", "told apart"),
        ({"x": X, "y": Y, "classes": ["a", "b"]}, "labelled 0 to 3, and 2 names", "from 0"),
        ({"x": X, "y": Y, "classes": list("abcde")}, "class 'e' has no training", "without it"),
        ({"x": X, "y": Y, "classes": 4}, "expected one string per class", "leave it out"),
        ({"x": X, "y": np.arange(40)}, "no class has enough samples", "more data"),
        ({"x": NAN, "y": Y}, "NaN or infinity", "uint8"),
        ({"x": X * 1.5, "y": Y}, "0 to 375, expected pixels", "before they were normalized"),
        ({"x": X / 127.5 - 1, "y": Y}, "runs from -1", "before they were normalized"),
        ({"x": X.astype(np.uint16) + 300, "y": Y}, "expected pixels 0 to 255", "uint8"),
        ({"x": X / 251, "y": Y}, "not multiples of 1/255", "np.rint(x * 255).astype(np.uint8)"),
        ({"x": X * 0.99, "y": Y}, "not multiples of 1,", "np.rint(x).astype(np.uint8)"),
        ({"x": X.reshape(40, -1), "y": Y}, "uint8 of shape [40, 90]", "[..., None]"),
        ({"x": X.reshape(40, 9, 10).astype(int), "y": Y}, "int64", "x.astype(np.uint8) of grey"),
        ({"x": X.reshape(40, 5, 2, 9), "y": Y}, "with 1 or 3 channels", "transpose(0, 2, 3, 1)"),
        ({"x": X[:, :0], "y": Y}, "expected images", "one row per sample"),
        ({"x": X.astype(str), "y": Y}, "expected images", "one row per sample"),
        ({"x": X.astype(complex), "y": Y}, "expected images", "one row per sample"),
        ({"x": 3, "y": Y}, "int64 of shape []", "one row per sample"),
        ({"x": GAP, "y": Y}, "series 7 of 'x' holds NaN before its end", "fill gaps"),
        ({"x": HALF_GAP, "y": Y}, "series 8 of 'x' holds NaN before its end", "all channels"),
        ({"x": NOTHING, "y": Y}, "series 9 of 'x' holds NaN before its end", "at least one step"),
        ({"x": GAP * 1e39, "y": Y}, "infinity, expected finite float32", "scale it"),
    ],
)
def test_bad_arrays_are_refused(
    file: Path, arrays: dict[str, object], what: str, hint: str
) -> None:
    found, remedy = refused(save(file, **arrays))
    assert what in found
    assert hint in remedy or hint in found


@pytest.mark.parametrize(
    ("test_x", "test_y", "what"),
    [
        (X[:, :5], Y, "expected one dtype and one shape per sample"),
        (X / 255, Y, "expected one dtype"),
        (X, Y[1:], "the test part holds 40 inputs and 39 labels"),
        (X, Y + 1, "the test part has labels 1 to 4, expected 0 to 3"),
        (X[:0], Y[:0], "the test part is empty"),
    ],
)
def test_a_bad_test_part_is_refused(
    file: Path, test_x: NDArray[np.generic], test_y: NDArray[np.generic], what: str
) -> None:
    assert what in refused(save(file, x_train=X, y_train=Y, x_test=test_x, y_test=test_y))[0]


def test_files_that_are_no_archives_are_refused(file: Path, tmp_path: Path) -> None:
    assert "no such file or folder" in refused(tmp_path / "none.npz")[0]
    with_test(file, X)
    whole = file.read_bytes()
    for damaged in (b"", b"text", whole[:1000], whole[:-30]):
        file.write_bytes(damaged)
        assert "cannot be read as .npz" in refused(file)[0]
    np.savez(file, x=np.array([{}, []], object), y=Y)
    assert "Object arrays cannot be loaded" in refused(file)[0]


@pytest.mark.parametrize("held", [0.0, -1.0, 0.6, float("nan")])
def test_an_odd_share_is_refused(file: Path, held: float) -> None:
    assert "expected more than 0 and at most 0.5" in refused(with_test(file, X), held=held)[0]


def test_arrays_are_not_resized(file: Path) -> None:
    assert "only files of images" in refused(with_test(file, X), size=(3, 3))[0]
    with pytest.raises(CompileError, match="expected 1 or more"):
        load(file, size=(0, 3))
