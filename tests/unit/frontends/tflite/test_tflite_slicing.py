# SPDX-License-Identifier: Apache-2.0
"""STRIDED_SLICE's masks mean what TFLite means by them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mcuforge.compiler import reference
from mcuforge.compiler.frontends.tflite.reader import read_tflite
from mcuforge.errors import CompileError
from tests.golden.case import Case, Operand
from tests.models.case_model import case_model, feed
from tests.models.oracle import needs_2_14, output_shapes, run_reference

SHAPE = (1, 4, 5, 3)
MASKS = ("BeginMask", "EndMask", "EllipsisMask", "NewAxisMask", "ShrinkAxisMask")


def random_case(seed: int) -> Case:
    """A strided slice of SHAPE with random masks, its output's shape still unknown."""
    rng = np.random.default_rng(seed)
    count = int(rng.integers(1, 6))
    begin, end = rng.integers(-3, 3, count), rng.integers(-6, 7, count)
    strides = rng.choice([-2, -1, 1, 1, 2], count)
    masks = {name: int(rng.integers(0, 2**count)) for name in MASKS}
    masks["EllipsisMask"] &= -masks["EllipsisMask"] if rng.random() < 0.5 else 0  # one bit or none
    masks["NewAxisMask"] &= int(rng.integers(0, 2**count))
    lists = (begin, end, strides)
    return Case(
        f"strided slice {seed}",
        "STRIDED_SLICE",
        (
            Operand(SHAPE, 0.1),
            *(
                Operand((count,), dtype="int32", data=tuple(int(v) for v in values))
                for values in lists
            ),
        ),
        (Operand((1,), 0.1),),
        ("StridedSliceOptions", masks),
    )


def reference_shape(case: Case) -> tuple[int, ...] | None:
    """The shape TFLite gives the output, None when it refuses or the output is empty."""
    try:
        (shape,) = output_shapes(case_model(case))
    except RuntimeError:
        return None
    return shape if min(shape, default=1) > 0 else None


def is_surely_sound(case: Case) -> bool:
    """True where TensorFlow itself accepts the masks, whichever dimension an entry speaks of."""
    begin, _, strides = (operand.data for operand in case.inputs[1:])
    assert isinstance(begin, tuple)
    assert isinstance(strides, tuple)
    assert case.options is not None
    options = case.options[1]
    masks = {name: value for name in MASKS if isinstance(value := options[name], int)}
    unspoken = masks["EllipsisMask"] | masks["NewAxisMask"]
    spoken = [i for i in range(len(begin)) if not unspoken >> i & 1]
    shrinks = [i for i in spoken if masks["ShrinkAxisMask"] >> i & 1]
    return len(spoken) + (masks["EllipsisMask"] > 0) <= len(SHAPE) and all(
        strides[i] > 0 and (begin[i] in (-1, 0) or masks["BeginMask"] >> i & 1) for i in shrinks
    )


@needs_2_14
@pytest.mark.parametrize("block", range(8))
def test_random_masks_give_the_shape_and_values_of_the_reference(block: int) -> None:
    agreed = 0
    for seed in range(block * 40, block * 40 + 40):
        case = random_case(seed)
        shape = reference_shape(case)
        model = case_model(replace(case, outputs=(Operand(shape or (1,), 0.1),)))
        x = feed(SHAPE, "int8", seed)
        try:
            graph = read_tflite(model)
        except CompileError:
            assert shape is None or not is_surely_sound(case), case
            continue
        if shape is None:  # of six dimensions or more, which TFLite does not slice
            continue
        (met,) = reference.run(graph, [x])
        (wanted,) = run_reference(model, [x])
        assert np.array_equal(met, wanted), case
        agreed += 1
    assert agreed >= 5
