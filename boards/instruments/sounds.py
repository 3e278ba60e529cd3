# SPDX-License-Identifier: Apache-2.0
"""Files of audio, as the interface board plays them: 16 bits at 16 kHz, the first channel."""

import wave
from dataclasses import dataclass
from pathlib import Path

from mcuforge.errors import CompileError

SAMPLE_HZ = 16_000
SAMPLE_BYTES = 2


@dataclass(frozen=True)
class Sound:
    """The first channel of a file, in little-endian samples."""

    data: bytes

    @property
    def seconds(self) -> float:
        """How long it plays."""
        return len(self.data) / SAMPLE_BYTES / SAMPLE_HZ


@dataclass(frozen=True)
class Speaker:
    """Where sounds come from and go to."""

    card: Path  # the folder of .wav files
    hears: Path  # the file to which samples are appended that the board is to hear


def read_wav(path: Path) -> Sound:
    """Read a file; CompileError if it is not there or no such audio."""
    try:
        with wave.open(str(path), "rb") as file:
            channels, size, hz = file.getnchannels(), file.getsampwidth(), file.getframerate()
            frames = file.readframes(file.getnframes())
    except (OSError, EOFError, RuntimeError, ValueError, wave.Error) as error:
        why = getattr(error, "strerror", None) or str(error) or "the file is damaged"
        raise CompileError(
            f"the audio cannot be read: {why}",
            str(path),
            "a .wav file with 16-bit samples at 16 kHz",
        ) from error
    if (size, hz) != (SAMPLE_BYTES, SAMPLE_HZ):
        raise CompileError(
            f"the audio has {8 * size} bits at {hz} Hz", str(path), "expected: 16 bits at 16000 Hz"
        )
    first = [frames[at : at + size] for at in range(0, len(frames) - size + 1, channels * size)]
    return Sound(b"".join(first))
