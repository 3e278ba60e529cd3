# SPDX-License-Identifier: Apache-2.0
"""Log filterbank energies in integers: `runtime_c/audio/lfbe.c` computes the same bytes.

The formula is that of MLPerf Tiny's streaming wake word (mlcommons/tiny, get_dataset.py of
benchmark/training/streaming_wakeword), for samples x in [-1, 1):

    y[n] = x[n] - (1 - 2^-5) x[n-1]                        pre-emphasis
    X = FFT(y[n] (0.54 - 0.46 cos(2 pi n / (N - 1))))      of a window of N samples
    E[b] = sum over k of triangle_b(k) |X[k]|^2 / N        triangles of equal width in mel,
                                                           mel(f) = 1127 ln(1 + f / 700)
    v[b] = (10 log10 E[b] + 52) / 64, clipped to [0, 1]
    q[b] = v[b] / scale + zero point, without its fraction

The benchmark computes it in float32. Here every value is an integer, so each processor, with or
without an FPU, has the same bytes:

- y has units of 2^-20: 32 x[n] - 31 x[n-1] of 16-bit samples is exact. The window and the sines
  have 30 fraction bits, and each product is rounded once, halves upwards. Nothing overflows: no
  partial sum of the FFT is above the sum of all |y| in the window, 2^30.1.
- The real FFT of N samples is a complex one of N / 2, radix 2, decimation in time.
- A bin k below the Nyquist frequency lies in two triangles, whose weights add up to 1.
- log2 comes from a table of 128 chords. Their largest error is 0.00004 dB, and a step of the
  reference model's scale is 0.24 dB.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mcuforge.compiler.ops.common.elementary import exact
from mcuforge.errors import CompileError

Int16 = NDArray[np.int16]
Int64 = NDArray[np.int64]

SINE_BITS = 30  # of the window too
TRIANGLE_BITS = 15
LOG_BITS = 20  # of log2
CHORDS = 128  # between two powers of two
FACTOR_BITS = 24  # of feature steps per octave
STEP_BITS = LOG_BITS + FACTOR_BITS
POWER_SHIFT = 14  # dropped from |X|^2, so that a sum of weighted ones fits 64 bits
UNIT_BITS = 20  # of y
LARGEST_WINDOW = 1024  # 31 bits hold its FFT


@dataclass(frozen=True)
class Lfbe:
    """The features of one kind of audio; the defaults are the benchmark's.

    scale, zero_point: of the model's int8 input. Raises CompileError for sizes without an FFT.
    """

    scale: float
    zero_point: int = -128
    sample_hz: int = 16000
    window: int = 1024  # samples
    stride: int = 512  # samples from one window to the next
    bins: int = 40

    def __post_init__(self) -> None:
        fits = 2**-11 <= self.scale <= 1.0 and -128 <= self.zero_point <= 127
        if not fits:
            raise CompileError(
                f"features of scale {self.scale:g} and zero point {self.zero_point}",
                "the model's input",
                "an int8 input with a scale from 1/2048 to 1",
            )
        power = self.window & (self.window - 1) == 0 and 64 <= self.window <= LARGEST_WINDOW
        if not power or not 0 < self.stride <= self.window or min(np.diff(self.edges)) < 1:
            raise CompileError(
                f"windows of {self.window} samples every {self.stride}, {self.bins} bins",
                "the features of the audio",
                "windows of 64 to 1024 samples, a power of two, with an FFT bin per triangle",
            )

    @property
    def samples(self) -> int:
        """How many samples a window is computed from: pre-emphasis reads one more."""
        return self.window + 1

    @cached_property
    def sines(self) -> Int64:
        """sin(2 pi i / window) with 30 fraction bits, int64 (3 window / 4,)."""
        mp = exact()
        turn = 2 * mp.pi / self.window
        return _integers(mp.sin(turn * i) * 2**SINE_BITS for i in range(3 * self.window // 4))

    @cached_property
    def shape(self) -> Int64:
        """The first half of the symmetric window with 30 fraction bits, int64 (window / 2,)."""
        mp = exact()
        turn = 2 * mp.pi / (self.window - 1)
        half = range(self.window // 2)
        return _integers((0.54 - 0.46 * mp.cos(turn * n)) * 2**SINE_BITS for n in half)

    @cached_property
    def _mels(self) -> list[Any]:
        """How many half triangles lie below each FFT bin under the Nyquist frequency."""
        mp = exact()
        hz = [mp.mpf(k * self.sample_hz) / self.window for k in range(self.window // 2 + 1)]
        mels = [mp.log(1 + f / 700) for f in hz]
        return [mel / mels[-1] * (self.bins + 1) for mel in mels[:-1]]

    @cached_property
    def edges(self) -> Int64:
        """The first FFT bin of each half triangle, int64 (bins + 2,). DC is in none."""
        mels = [float(mel) for mel in self._mels]
        return np.array([1, *np.searchsorted(mels, range(1, self.bins + 2))], np.int64)

    @cached_property
    def rising(self) -> Int64:
        """Weights of FFT bins in rising triangles with 15 fraction bits, int64 (window / 2,)."""
        mp = exact()
        return _integers((mel - mp.floor(mel)) * 2**TRIANGLE_BITS for mel in self._mels)

    @cached_property
    def logs(self) -> Int64:
        """log2(1 + i / 128) at the ends of chords, with 20 fraction bits, int64 (129,)."""
        mp = exact()
        ends = range(CHORDS + 1)
        return _integers(mp.log(1 + mp.mpf(i) / CHORDS, 2) * 2**LOG_BITS for i in ends)

    @property
    def factor(self) -> int:
        """Feature steps per octave of energy, with 24 fraction bits."""
        mp = exact()
        return int(mp.nint(10 * mp.log10(2) / (64 * mp.mpf(self.scale)) * 2**FACTOR_BITS))

    @property
    def offset(self) -> int:
        """Feature steps of an energy of one unit, with 44 fraction bits."""
        mp = exact()
        # |X|^2 has units of 2^-40, N is 2^(bit length - 1), weights have 15 fraction bits
        unit = 2 * UNIT_BITS + self.window.bit_length() - 1 - POWER_SHIFT + TRIANGLE_BITS
        decibels = 52 - unit * 10 * mp.log10(2)
        return int(mp.nint(decibels / (64 * mp.mpf(self.scale)) * 2**STEP_BITS))

    @property
    def most(self) -> int:
        """Feature steps of a feature of 1, with 44 fraction bits."""
        mp = exact()
        return int(mp.nint(2**STEP_BITS / mp.mpf(self.scale)))

    def stream(self, samples: Int16) -> NDArray[np.int8]:
        """Compute the features as audio arrives: int16 (n,) to int8 (n // stride, bins).

        A window ends after each `stride` samples. Before the first sample everything was 0.
        """
        count = len(samples) // self.stride
        if count == 0:
            return np.zeros((0, self.bins), np.int8)
        before = self.samples - self.stride
        padded = np.concatenate([np.zeros(before, np.int64), samples.astype(np.int64)])
        y = 32 * padded[1:] - 31 * padded[:-1]
        windows = np.lib.stride_tricks.sliding_window_view(y, self.window)
        return self._features(windows[:: self.stride][:count])

    def _features(self, y: Int64) -> NDArray[np.int8]:
        """Compute the features of windows with pre-emphasis, int (count, window)."""
        shape = np.concatenate([self.shape, self.shape[::-1]])
        powers = self._powers(_rounded(y * shape, SINE_BITS))
        up = powers * self.rising[1:]
        down = powers * (2**TRIANGLE_BITS - self.rising[1:])
        starts = self.edges[:-1] - 1  # of the bins from 1 on
        energies = np.add.reduceat(up, starts[:-1], axis=1)
        energies[:, -1] -= up[:, starts[-1] :].sum(axis=1)  # reduceat sums its last to the end
        energies += np.add.reduceat(down, starts[1:], axis=1)
        steps = self.factor * self._log2(energies) + self.offset
        steps = np.where(energies > 0, np.clip(steps, 0, self.most), 0)
        steps += self.zero_point << STEP_BITS
        whole = np.where(steps < 0, -(-steps >> STEP_BITS), steps >> STEP_BITS)
        return np.clip(whole, -128, 127).astype(np.int8)

    def _powers(self, y: Int64) -> Int64:
        """Compute |X|^2 >> 14 of bins 1 to window / 2 - 1, from int (count, window)."""
        half = self.window // 2
        real, imaginary = self._fft(y[:, 0::2], y[:, 1::2])
        k = np.arange(1, half)
        even_r, even_i = real[:, k] + real[:, half - k], imaginary[:, k] - imaginary[:, half - k]
        odd_r, odd_i = imaginary[:, k] + imaginary[:, half - k], real[:, half - k] - real[:, k]
        cosine, sine = self._turn(k)
        # twice the even half, twice the odd half: one bit more is shifted out
        r = _rounded((even_r << SINE_BITS) + odd_r * cosine + odd_i * sine, SINE_BITS + 1)
        i = _rounded((even_i << SINE_BITS) + odd_i * cosine - odd_r * sine, SINE_BITS + 1)
        return (r * r + i * i) >> POWER_SHIFT

    def _fft(self, real: Int64, imaginary: Int64) -> tuple[Int64, Int64]:
        """Transform int (count, window / 2) of complex numbers."""
        points = self.window // 2
        order = [int(f"{i:b}".zfill(points.bit_length() - 1)[::-1], 2) for i in range(points)]
        r, i = real[:, order], imaginary[:, order]
        half = 1
        while half < points:
            r, i = r.reshape(-1, points // half // 2, 2, half), i.reshape(r.shape[0], -1, 2, half)
            cosine, sine = self._turn(np.arange(half) * (points // half))
            turned_r = _rounded(r[:, :, 1] * cosine + i[:, :, 1] * sine, SINE_BITS)
            turned_i = _rounded(i[:, :, 1] * cosine - r[:, :, 1] * sine, SINE_BITS)
            r = np.stack([r[:, :, 0] + turned_r, r[:, :, 0] - turned_r], axis=2)
            i = np.stack([i[:, :, 0] + turned_i, i[:, :, 0] - turned_i], axis=2)
            r, i = r.reshape(-1, points), i.reshape(-1, points)
            half *= 2
        return r, i

    def _turn(self, k: Int64) -> tuple[Int64, Int64]:
        """Look up cosine and sine of k / window of a turn, k below window / 2."""
        return self.sines[k + self.window // 4], self.sines[k]

    def _log2(self, x: Int64) -> Int64:
        """Compute log2 with 20 fraction bits; 0 has no logarithm."""
        high = (x >> 32).astype(np.float64)  # both halves are exact in float64
        low = (x & 0xFFFFFFFF).astype(np.float64)
        octave = np.where(high > 0, np.frexp(high)[1] + 31, np.frexp(low)[1] - 1).astype(np.int64)
        over = octave - 31
        mantissa = np.where(over > 0, x >> np.maximum(over, 0), x << np.clip(-over, 0, 31))
        chord = (mantissa >> 24) & (CHORDS - 1)
        rest = (mantissa >> 8) & 0xFFFF
        begin, end = self.logs[chord], self.logs[chord + 1]
        log: Int64 = (octave << LOG_BITS) + begin + ((end - begin) * rest >> 16)
        return log


def _integers(values: Any) -> Int64:
    """Round exact numbers to the nearest integers."""
    mp = exact()
    return np.array([int(mp.nint(value)) for value in values], np.int64)


def _rounded(x: Int64, bits: int) -> Int64:
    """Divide by 2^bits and round, halves upwards."""
    return (x + (1 << (bits - 1))) >> bits
