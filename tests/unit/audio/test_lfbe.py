# SPDX-License-Identifier: Apache-2.0
"""Log filterbank energies in integers, beside the benchmark's formula in floats."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from mcuforge.compiler.audio.lfbe import LARGEST_WINDOW, Lfbe
from mcuforge.compiler.codegen.audio import audio_c
from mcuforge.errors import CompileError
from tests.sounds import SOUNDS, WAVS, sound, wav

SCALE = 0.003701042616739869  # of the reference model's input


def defined(samples: NDArray[np.int16], scale: float) -> NDArray[np.int8]:
    """The benchmark's definition, in float64: int16 (n,) to int8 (n // 512, 40).

    Source: mlcommons/tiny, benchmark/training/streaming_wakeword, get_dataset.py and evaluate.py;
    windows begin 512 samples before the first, as in the reference firmware.
    """
    x = np.concatenate([np.zeros(513), samples / 32768])
    y = x[1:] - (1 - 2**-5) * x[:-1]
    windows = np.lib.stride_tricks.sliding_window_view(y, 1024)[::512]
    hamming = 0.54 - 0.46 * np.cos(2 * np.pi * np.arange(1024) / 1023)
    power = np.abs(np.fft.rfft(windows * hamming)) ** 2 / 1024
    mel = 1127 * np.log(1 + np.arange(513) * 16000 / 1024 / 700)[:, None]
    ends = np.linspace(0, mel[-1, 0], 42)
    low, centre, high = ends[:-2], ends[1:-1], ends[2:]
    triangles = np.minimum((mel - low) / (centre - low), (high - mel) / (high - centre))
    triangles = np.maximum(triangles, 0)
    triangles[0] = 0  # no DC
    energy = np.maximum(power @ triangles, 1e-30)
    value = np.clip((10 * np.log10(energy) + 52) / 64, 0, 1)
    steps: NDArray[np.float64] = np.clip(np.trunc(value / scale - 128), -128, 127)
    return steps.astype(np.int8)


def distances(samples: NDArray[np.int16]) -> list[int]:
    """How many features differ from the definition by 0, 1, 2 ... steps of the scale."""
    ours = Lfbe(SCALE).stream(samples).astype(np.int64)
    found: list[int] = np.bincount(np.abs(ours - defined(samples, SCALE)).reshape(-1)).tolist()
    return found


@pytest.mark.parametrize("name", SOUNDS)
def test_features_are_those_of_the_definition(name: str) -> None:
    assert distances(sound(name)) == [31 * 40]


def test_noise_of_every_loudness_has_the_features_of_the_definition() -> None:
    rng = np.random.default_rng(7)
    samples = np.concatenate([rng.integers(-(2**n), 2**n, 8192) for n in range(16)])
    near = distances(samples.astype(np.int16))
    assert sum(near) == 16 * 16 * 40
    assert sum(near[1:]) <= 6
    assert len(near) <= 2


@pytest.mark.slow  # its recordings are not everywhere where the shared models are
@pytest.mark.shared
@pytest.mark.parametrize(("name", "near"), [(WAVS[0], [1239, 1]), (WAVS[1], [12479, 1])])
def test_the_features_of_the_benchmarks_audio(name: str, near: list[int]) -> None:
    assert distances(wav(name)) == near


def test_the_window_before_the_first_sample_was_silent() -> None:
    voice = sound("vowel")
    late = Lfbe(SCALE).stream(np.concatenate([np.zeros(1024, np.int16), voice]))
    early = Lfbe(SCALE).stream(voice)
    assert np.array_equal(late[2:], early)
    assert len(np.unique(early)) > 50
    assert early.shape == (len(voice) // 512, 40)
    assert Lfbe(SCALE).stream(voice[:511]).shape == (0, 40)


def test_silence_is_the_zero_point_and_loud_sound_is_not_wrapped() -> None:
    assert set(Lfbe(SCALE, zero_point=5).stream(sound("silence")).reshape(-1)) == {5}
    noise = np.random.default_rng(0).integers(-32768, 32768, 8192).astype(np.int16)
    loud = Lfbe(SCALE).stream(noise)  # a feature of 1 is 142 steps above 0
    assert loud.max() == 127
    assert loud.min() > -100


def test_tables_hold_the_formula() -> None:
    lfbe = Lfbe(SCALE)
    assert lfbe.sines[256] == 2**30
    assert lfbe.sines[512] == 0
    assert lfbe.shape[0] == round(0.08 * 2**30)
    assert list(lfbe.edges[:4]) == [1, 3, 6, 10]  # as in the reference firmware's fixed_data.c
    assert list(lfbe.edges[-3:]) == [448, 479, 512]
    assert lfbe.rising[1] == round(0.359173 * 2**15)  # likewise
    assert lfbe.logs[64] == round(np.log2(1.5) * 2**20)


def test_the_c_names_what_it_was_made_for() -> None:
    text = audio_c(Lfbe(SCALE))
    assert ".window = 1024," in text
    assert "static const uint16_t edges[42] = {\n    1, 3, 6, 10," in text


@pytest.mark.parametrize(
    "wrong",
    [
        {"window": 1000},
        {"window": 2 * LARGEST_WINDOW},
        {"window": 32},
        {"stride": 0},
        {"stride": 1025},
        {"bins": 200},
        {"scale": 2.0},
        {"scale": 1e-5},
        {"zero_point": 128},
    ],
)
def test_features_without_an_fft_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(CompileError):
        Lfbe(**{"scale": SCALE, **wrong})  # type: ignore[arg-type]
