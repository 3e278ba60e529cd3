# SPDX-License-Identifier: Apache-2.0
"""The C of log filterbank energies on this machine equals the reference, byte for byte."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from mcuforge.compiler.audio.lfbe import Lfbe
from mcuforge.compiler.codegen.audio import audio_c
from mcuforge.runtime_c.sources import audio_sources, headers_dir
from tests.golden.host import SANITIZERS, WARNINGS
from tests.golden.objects import objects
from tests.sounds import SOUNDS, WAVS, sound, wav

REFERENCE_SCALE = 0.003701042616739869  # of MLPerf Tiny's streaming wake word

MAIN = """
#include <stdio.h>
#include <string.h>
#include "mcuforge/audio/audio.h"

int main(void)
{
    static int16_t samples[SAMPLES];
    static int8_t features[BINS];
    const size_t kept = SAMPLES - STRIDE;
    for (;;) {
        memmove(samples, samples + STRIDE, kept * 2);
        if (fread(samples + kept, 2, STRIDE, stdin) != STRIDE) return 0;
        mcuforge_audio(samples, features);
        fwrite(features, 1, BINS, stdout);
    }
}
"""

Program = tuple[Lfbe, Path]
KINDS = {
    "benchmark": Lfbe(REFERENCE_SCALE),
    "wide": Lfbe(0.1, zero_point=3, window=512, stride=320, bins=20),
    "fine": Lfbe(2.0**-11, zero_point=-100, window=256, stride=256, bins=10, sample_hz=8000),
    "small": Lfbe(0.02, zero_point=-5, window=64, stride=8, bins=4),
}


@pytest.fixture(scope="module", params=KINDS)
def program(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Program:
    lfbe = KINDS[request.param]
    folder = tmp_path_factory.mktemp("lfbe")
    (folder / "audio.c").write_text(audio_c(lfbe))
    (folder / "main.c").write_text(MAIN)
    command = ["gcc", *WARNINGS, *SANITIZERS, f"-I{headers_dir()}"]
    own = [str(folder / "audio.c"), str(folder / "main.c")]
    made = folder / "program"
    sizes = [f"-DSAMPLES={lfbe.samples}", f"-DSTRIDE={lfbe.stride}", f"-DBINS={lfbe.bins}"]
    linked = [*own, *objects(audio_sources(), command), "-o", str(made)]
    subprocess.run([*command, *sizes, *linked], check=True)
    return lfbe, made


def features(program: Program, samples: NDArray[np.int16]) -> NDArray[np.int8]:
    """What the C computes of audio: int8 (windows, bins)."""
    lfbe, made = program
    done = subprocess.run([made], input=samples.astype("<i2").tobytes(), capture_output=True)
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    return np.frombuffer(done.stdout, np.int8).reshape(-1, lfbe.bins)


@pytest.mark.parametrize("name", SOUNDS)
def test_c_equals_the_reference_on_sounds(program: Program, name: str) -> None:
    samples = sound(name)[: 200 * program[0].stride]
    want = program[0].stream(samples)
    assert len(want) > 0
    assert np.array_equal(features(program, samples), want)


@pytest.mark.parametrize("seed", range(4))
def test_c_equals_the_reference_on_noise_of_every_loudness(program: Program, seed: int) -> None:
    rng = np.random.default_rng(seed)
    count = 64 * program[0].stride
    samples = rng.integers(-32768, 32768, count) >> rng.integers(0, 16, count // 64).repeat(64)
    want = program[0].stream(samples.astype(np.int16))
    assert np.array_equal(features(program, samples.astype(np.int16)), want)
    assert len(np.unique(want)) > 1


@pytest.mark.shared
@pytest.mark.slow
@pytest.mark.parametrize("name", WAVS)
def test_c_equals_the_reference_on_the_benchmarks_audio(program: Program, name: str) -> None:
    samples = wav(name)[: 320 * program[0].stride]
    assert np.array_equal(features(program, samples), program[0].stream(samples))
