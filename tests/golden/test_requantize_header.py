# SPDX-License-Identifier: Apache-2.0
"""runtime_c's requantize.h and fine_scale.h, compiled here, equal fixed_point.py's values."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from mcuforge.compiler.ops.common.fixed_point import (
    doubling_high_mul,
    quantize_multiplier,
    requantize,
    rounding_shift_right,
    wrap_int32,
)
from mcuforge.runtime_c.sources import kernels_dir

Int32 = NDArray[np.int32]

WRAPPER = """
#include "fine_scale.h"
#include "requantize.h"

static int32_t scaled(int32_t x, int32_t multiplier, int32_t shift, int32_t zero_point)
{
    const struct mcuforge_scaling scaling = mcuforge_scaling_of(multiplier, shift, zero_point);
    return mcuforge_scaled(2 * x, &scaling);
}

static int32_t fine(int32_t x, int32_t multiplier, int32_t shift, int32_t zero_point)
{
    const struct mcuforge_fine fine = mcuforge_fine_of(zero_point, multiplier, shift, 20);
    return mcuforge_finer(x, &fine);
}

static int32_t coarse(int32_t x, int32_t multiplier, int32_t zero_point)
{
    const struct mcuforge_coarse coarse = mcuforge_coarse_of(zero_point, multiplier, 20);
    return mcuforge_coarser(x, &coarse);
}

static const int32_t zero_points[] = {-128, 5, 127};

void each(const int32_t *x, const int32_t *a, const int32_t *b, int32_t *out, int32_t n,
          int32_t which)
{
    for (int32_t i = 0; i < n; i++) {
        switch (which) {
        case 0: out[i] = mcuforge_requantize(x[i], a[i], b[i]); break;
        case 1: out[i] = mcuforge_high_mul(x[i], a[i]); break;
        case 2: out[i] = mcuforge_shift_right(x[i], a[i]); break;
        case 3: out[i] = mcuforge_wrap_add(x[i], a[i]); break;
        case 4: out[i] = mcuforge_clamp(x[i], a[i], b[i]); break;
        case 5: out[i] = mcuforge_has_scaling(b[i]) ? 1 : 0; break;
        case 10: case 11: case 12:
            out[i] = scaled(x[i], a[i], b[i], zero_points[which - 10]); break;
        case 20: case 21: case 22:
            out[i] = fine(x[i], a[i], b[i], zero_points[which - 20]); break;
        default: out[i] = coarse(x[i], a[i], zero_points[which - 30]); break;
        }
    }
}
"""
LOWEST, HIGHEST = -(2**31), 2**31 - 1
ZERO_POINTS = (-128, 5, 127)  # as in the wrapper
EDGES = (LOWEST, LOWEST + 1, -(2**30), -256, -1, 0, 1, 255, 2**30, HIGHEST - 1, HIGHEST)


class Header:
    """The header's functions on arrays; undefined behaviour ends the process."""

    def __init__(self, folder: Path) -> None:
        source, library = folder / "wrapper.c", folder / "wrapper.so"
        source.write_text(WRAPPER)
        command = ["gcc", "-std=c99", "-Wall", "-Wextra", "-Wconversion", "-Werror", "-O2"]
        command += ["-fsanitize=undefined", "-fsanitize-undefined-trap-on-error", "-shared"]
        command += ["-fPIC", "-I", str(kernels_dir() / "common"), str(source), "-o", str(library)]
        subprocess.run(command, check=True)
        self.each = ctypes.CDLL(str(library)).each

    def __call__(self, which: int, x: Int32, a: Int32, b: Int32) -> list[int]:
        inputs = [np.ascontiguousarray(v, np.int32) for v in np.broadcast_arrays(x, a, b)]
        out = np.empty(inputs[0].size, np.int32)
        pointers = [v.ctypes.data_as(ctypes.c_void_p) for v in (*inputs, out)]
        self.each(*pointers, out.size, which)
        return [int(v) for v in out]


@pytest.fixture(scope="module")
def header(tmp_path_factory: pytest.TempPathFactory) -> Header:
    if shutil.which("gcc") is None:
        pytest.skip("gcc is not installed")
    return Header(tmp_path_factory.mktemp("requantize"))


def array(*values: int) -> Int32:
    return np.array(values, np.int32)


def drawn(seed: int, count: int = 20000) -> Int32:
    """int32 values of every magnitude, the edges first."""
    rng = np.random.default_rng(seed)
    values = rng.integers(LOWEST, HIGHEST, count, endpoint=True) >> rng.integers(0, 31, count)
    values[: len(EDGES)] = EDGES
    return values.astype(np.int32)


@pytest.mark.parametrize("real", [0.0, 1e-9, 0.0013, 0.25, 0.5, 0.73, 1.0, 1.5, 3.3, 1000.0])
def test_requantize_agrees_on_every_small_value(header: Header, real: float) -> None:
    multiplier = quantize_multiplier(real)
    x = np.arange(-70000, 70001, dtype=np.int32)
    got = header(0, x, array(multiplier.mantissa), array(multiplier.shift))
    assert got == requantize(x, multiplier.mantissa, multiplier.shift).tolist()


@pytest.mark.parametrize("shift", range(-31, 31))
def test_requantize_agrees_on_every_shift(header: Header, shift: int) -> None:
    x = drawn(shift + 100, 4000)
    mantissas = np.abs(drawn(shift + 200, 4000).astype(np.int64)) % 2**30 + 2**30
    mantissas[:3] = (0, 2**30, HIGHEST)
    got = header(0, x, mantissas.astype(np.int32), array(shift))
    assert got == requantize(x, mantissas, shift).tolist()


def test_high_products_agree(header: Header) -> None:
    x, mantissas = drawn(1), drawn(2)
    mantissas[mantissas == LOWEST] = 1
    assert header(1, x, mantissas, array(0)) == doubling_high_mul(x, mantissas).tolist()


def test_shifts_agree(header: Header) -> None:
    x = drawn(3)
    shifts = (np.arange(x.size) % 32).astype(np.int32)
    assert header(2, x, shifts, array(0)) == rounding_shift_right(x, shifts).tolist()


def test_wrapping_sums_agree(header: Header) -> None:
    x, y = drawn(4), drawn(5)
    assert header(3, x, y, array(0)) == wrap_int32(x.astype(np.int64) + y).tolist()


def test_clamps_agree(header: Header) -> None:
    x = drawn(6)
    assert header(4, x, array(-128), array(127)) == np.clip(x, -128, 127).tolist()


@pytest.mark.parametrize("shift", range(-22, 1))
@pytest.mark.parametrize("place", range(len(ZERO_POINTS)))
def test_scaled_sums_agree_below_2_to_the_30(header: Header, place: int, shift: int) -> None:
    x = drawn(shift + 300, 4000) >> 1
    x[0] = -(2**30) + 1
    mantissas = np.abs(drawn(shift + 400, 4000).astype(np.int64)) % 2**31
    mantissas[:4] = (0, 1, 2**30, HIGHEST)
    want = requantize(x, mantissas, shift) + ZERO_POINTS[place]
    assert header(10 + place, x, mantissas.astype(np.int32), array(shift)) == want.tolist()


def test_a_scaling_is_told_by_its_shift(header: Header) -> None:
    shifts = np.arange(-31, 31, dtype=np.int32)
    known = [int(-22 <= shift <= 0) for shift in shifts]
    assert header(5, array(0), array(0), shifts) == known


@pytest.mark.parametrize("real", [0.0, 1e-6, 0.0013, 0.2, 0.25, 0.25001, 0.37, 0.49999999, 0.5])
@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("place", range(len(ZERO_POINTS)))
def test_the_finer_input_agrees_on_every_value(
    header: Header, place: int, sign: int, real: float
) -> None:
    factor = quantize_multiplier(real)
    x = np.arange(-128, 128, dtype=np.int32)
    centred = (x.astype(np.int64) - ZERO_POINTS[place]) << 20
    want = requantize(centred, sign * factor.mantissa, factor.shift)
    got = header(20 + place, x, array(sign * factor.mantissa), array(factor.shift))
    assert got == want.tolist()


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("place", range(len(ZERO_POINTS)))
def test_the_coarser_input_is_halved_without_a_product(
    header: Header, place: int, sign: int
) -> None:
    x = np.arange(-128, 128, dtype=np.int32)
    centred = (x.astype(np.int64) - ZERO_POINTS[place]) << 20
    twice = 2 * requantize(centred, sign * 2**30, 0)
    assert header(30 + place, x, array(sign * 2**30), array(0)) == twice.tolist()
