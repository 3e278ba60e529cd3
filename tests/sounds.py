# SPDX-License-Identifier: Apache-2.0
"""Audio for tests: sounds made from formulas, and two files of the wake word benchmark."""

from __future__ import annotations

import math
import wave

import numpy as np
from numpy.typing import NDArray

from tests.shared import shared

HZ = 16000
SOUNDS = ("silence", "impulse", "alternating", "square", "tone", "sweep", "vowel")
WAVS = ("marvin_617de221_0.wav", "short_wav_easy10s.wav")


def sound(name: str, seconds: float = 1.0) -> NDArray[np.int16]:
    """16-bit samples at 16 kHz."""
    n = np.arange(int(seconds * HZ))
    t = n / HZ
    match name:
        case "silence":
            level = 0 * t
        case "impulse":
            level = np.where(n == 700, 1.0, 0.0)
        case "alternating":  # the largest values that pre-emphasis and the FFT meet
            level = np.where(n % 2, -1.0, 1.0)
        case "square":
            level = np.where(n // 20 % 2, -1.0, 1.0)
        case "tone":
            level = 0.1 * np.sin(2 * np.pi * 440 * t)
        case "sweep":
            level = 0.9 * np.sin(2 * np.pi * (50 * t + 3900 * t * t / seconds))
        case _:  # a voice: overtones of a pitch that falls, louder near two formants
            pitch = 2 * np.pi * (130 * t - 20 * t * t / seconds)
            loud = [_formants(130 * k) * np.sin(k * pitch) for k in range(1, 30)]
            level = 0.2 * sum(loud) * (0.5 - 0.5 * np.cos(2 * np.pi * 4 * t))
    samples: NDArray[np.int16] = np.clip(np.rint(level * 32768), -32768, 32767).astype(np.int16)
    return samples


def _formants(hz: float) -> float:
    near, far = math.exp(-(((hz - 700) / 300) ** 2)), math.exp(-(((hz - 1800) / 400) ** 2))
    return near + 0.5 * far


def wav(name: str) -> NDArray[np.int16]:
    """The first channel of one of WAVS; skips the test where it is missing."""
    with wave.open(str(shared(f"data/mlperf_sww01/{name}"))) as file:
        data = np.frombuffer(file.readframes(file.getnframes()), "<i2")
        return data.reshape(-1, file.getnchannels())[:, 0].astype(np.int16)
