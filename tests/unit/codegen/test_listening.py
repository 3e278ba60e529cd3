# SPDX-License-Identifier: Apache-2.0
"""What firmware that listens has beside its model, and how much RAM that may take."""

from __future__ import annotations

import pytest

from mcuforge.compiler.codegen.check import (
    LEAST_LOGGED,
    MOST_LOGGED,
    check_model,
    listening,
    listens,
)
from mcuforge.compiler.tensors import DType
from tests.unit.codegen.test_check_model import HASH, dense
from tests.unit.compiler.graphs import tensor

# samples, work of the features, and the longer commands
BESIDE_THE_LOG = 2 * 1025 + 4 * 1024 + 1024


def test_only_the_wake_words_model_listens() -> None:
    assert listens([tensor("x", (1, 30, 1, 40))], [tensor("out", (1, 3))])
    assert not listens([tensor("x", (1, 30, 1, 40))], [tensor("out", (1, 4))])
    assert not listens([tensor("x", (1, 490))], [tensor("out", (1, 12))])
    assert not listens([tensor("x", (1, 1200)), tensor("y", (1, 3))], [tensor("out", (1, 3))])
    assert not listens([tensor("x", (1, 1200), dtype=DType.UINT8)], [tensor("out", (1, 3))])


@pytest.mark.parametrize(
    ("left", "logged"),
    [
        (LEAST_LOGGED - 1, None),
        (LEAST_LOGGED, LEAST_LOGGED),
        (5000, 5000),
        (MOST_LOGGED + 1, MOST_LOGGED),
    ],
)
def test_the_log_takes_the_ram_that_is_left(left: int, logged: int | None) -> None:
    found = listening(dense(1200, 3), BESIDE_THE_LOG + left)
    assert (found and found.log_bytes) == logged


def test_the_model_hears_what_its_input_is_quantized_for() -> None:
    model = dense(1200, 3)
    found = listening(model, 10_000)
    assert found is not None
    port = model.inputs[0]
    assert (found.features.scale, found.features.zero_point) == (port.scale, port.zero_point)
    text = check_model(model, HASH, "build", listening=found)
    assert f"static int8_t activations[{found.log_bytes}];" in text
    assert ".audio = &audio," in text
    assert ".stride = 512," in text
    assert "audio" not in check_model(model, HASH, "build")
