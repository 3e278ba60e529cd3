# SPDX-License-Identifier: Apache-2.0
"""The committed transformer: small, int8 all through, and right about images it never saw."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx

from mcuforge.compiler.judges.onnx import run_onnxruntime
from tests.models.onnx_runner import quantized_values

DIGITS = Path(__file__).resolve().parents[3] / "examples" / "digits"
MODEL = DIGITS / "digits_vit.onnx"


def test_it_is_small_enough_to_ship() -> None:
    assert MODEL.stat().st_size < 200_000
    assert (DIGITS / "digits_vit_test.npz").stat().st_size < 20_000


def test_its_images_are_the_cnns_in_its_own_layout() -> None:
    ours = np.load(DIGITS / "digits_vit_test.npz")
    theirs = np.load(DIGITS / "digits_test.npz")
    np.testing.assert_array_equal(ours["x"].transpose(0, 2, 3, 1), theirs["x"])
    np.testing.assert_array_equal(ours["y"], theirs["y"])


def test_it_classifies_images_it_was_not_trained_on() -> None:
    data = np.load(DIGITS / "digits_vit_test.npz")
    # as the file spells it: onnxruntime's fused int8 kernels saturate on processors without VNNI,
    # which costs this model seven points
    (answers,) = run_onnxruntime(MODEL, [data["x"][:, None]])
    right = answers.reshape(360, -1).argmax(axis=1) == data["y"]
    assert right.mean() >= 0.96


def test_everything_between_its_layers_is_int8_and_alive() -> None:
    image = np.load(DIGITS / "digits_vit_test.npz")["x"][:1]
    values = dict(quantized_values(onnx.load(str(MODEL)), image))
    assert len(values) > 60
    for name, value in values.items():
        assert value.dtype == np.int8
        assert np.ptp(value.astype(np.int32)) > 40, name
