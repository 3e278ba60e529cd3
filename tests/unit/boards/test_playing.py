# SPDX-License-Identifier: Apache-2.0
"""The virtual interface board plays sounds: what the board hears, and when its pins move."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import numpy as np
import pytest

from mcuforge.boards.instruments.edges import Edge
from mcuforge.boards.instruments.interface_board import CHUNK_BYTES, InterfaceBoard
from mcuforge.boards.instruments.sounds import Speaker, read_wav
from mcuforge.boards.link.port import Port
from mcuforge.errors import CompileError
from tests.unit.flow.test_wake_words import write_wav

WORK = 0.004  # seconds of the board for a chunk


class Listener:
    """A board that takes every chunk, as its edges tell. Its clock runs on as it pleases."""

    def __init__(self, hears: Path, work: float = WORK, deaf_after: int | None = None) -> None:
        self.hears = hears
        self.work = work
        self.deaf_after = deaf_after
        self.chunks: list[bytes] = []
        self.seconds = 123.25

    def take(self) -> list[Edge]:
        """The edges of the chunks that have come; the first and the third are detections."""
        data = self.hears.read_bytes()[CHUNK_BYTES * len(self.chunks) :]
        edges = []
        for at in range(0, len(data), CHUNK_BYTES):
            if len(self.chunks) == self.deaf_after:
                break
            self.chunks.append(data[at : at + CHUNK_BYTES])
            self.seconds += 0.5  # it waits, in its own time
            edges.append(Edge("duty", True, self.seconds))
            self.seconds += self.work
            if len(self.chunks) in (1, 3):
                edges.append(Edge("detection", False, self.seconds - self.work / 4))
            edges.append(Edge("duty", False, self.seconds))
        return edges


def interface(folder: Path, **how: float) -> tuple[InterfaceBoard, Listener]:
    """An interface board before a board that listens; the card has a sound of four chunks."""
    write_wav(folder / "a.wav", 4 * 512 + 100)
    hears = folder / "hears"
    hears.touch()
    listener = Listener(hears, **how)  # type: ignore[arg-type]
    return InterfaceBoard(cast(Port, None), listener, 115200, Speaker(folder, hears)), listener


def said(board: InterfaceBoard, command: str) -> str:
    """The answer to a command."""
    answer: list[str] = []
    board.execute(command, answer.append)
    return "".join(answer)


def test_a_sound_reaches_the_board_chunk_by_chunk(tmp_path: Path) -> None:
    board, listener = interface(tmp_path)
    assert said(board, "ls") == "a.wav\r\nm-ready\r\n"
    said(board, "record_detections")
    assert said(board, "play a.wav") == "Attempting to play a.wav\nsucceeded.\nm-ready\r\n"
    heard = np.frombuffer(b"".join(listener.chunks), "<i2")
    assert heard.tolist() == list(range(4 * 512))  # the first channel, whole chunks


def test_times_are_those_of_the_sound_and_of_the_work(tmp_path: Path) -> None:
    board, _ = interface(tmp_path)
    said(board, "record_detections")
    said(board, "play a.wav")
    assert said(board, "print_detections") == (
        "Detection Timestamps (ms)\r\n35,\r\n99,\r\nm-ready\r\n"
    )
    assert said(board, "print_dutycycle") == (
        "Duty cycle start times (s)\r\n3200, 6400, 9600, 12800, \r\n"
        "Duty cycle stop times (s)\r\n3600, 6800, 10000, 13200, m-ready\r\n"
    )


def test_a_board_that_is_too_slow_falls_behind_the_sound(tmp_path: Path) -> None:
    board, _ = interface(tmp_path, work=0.05)
    said(board, "record_detections")
    said(board, "play a.wav")
    assert "start times (s)\r\n3200, 8200, 13200, 18200, " in said(board, "print_dutycycle")


def test_a_board_that_does_not_listen_ends_the_play(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mcuforge.boards.instruments.interface_board.WORK_SECONDS", 0.02)
    board, listener = interface(tmp_path, deaf_after=2)
    assert said(board, "play a.wav") == (
        "Attempting to play a.wav\nError playing file. The board does not listen.\nm-ready\r\n"
    )
    assert len(listener.chunks) == 2


def test_a_long_sound_tells_how_far_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mcuforge.boards.instruments.interface_board.PROGRESS_SECONDS", 0.0)
    board, _ = interface(tmp_path)
    assert "0.1 s played\n" in said(board, "play a.wav")


def test_what_is_no_sound_is_not_played(tmp_path: Path) -> None:
    board, listener = interface(tmp_path)
    (tmp_path / "b.wav").write_bytes(b"RIFF")
    (tmp_path / "sub").mkdir()
    for name in ("none.wav", "b.wav", "sub/../a.wav", "a\0.wav", ""):
        answer = said(board, f"play {name}")
        assert answer.startswith(f"Attempting to play {name}\nError playing file. ")
        assert answer.endswith("\nm-ready\r\n")
    assert listener.chunks == []
    silent = InterfaceBoard(cast(Port, None), listener, 115200)
    assert "Error playing file." in said(silent, "play a.wav")
    assert said(silent, "ls") == "m-ready\r\n"


def test_a_file_with_one_channel_is_read_too(tmp_path: Path) -> None:
    write_wav(tmp_path / "mono.wav", 300, channels=1)
    assert np.frombuffer(read_wav(tmp_path / "mono.wav").data, "<i2").tolist() == list(range(300))
    write_wav(tmp_path / "slow.wav", 10, hz=8000)
    with pytest.raises(CompileError, match="16 bits at 8000 Hz"):
        read_wav(tmp_path / "slow.wav")


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    write_wav(path, 300)
    whole = path.read_bytes()
    long_header = whole[:19] + b"\2" + whole[20:]  # of 32 MiB
    for damaged in (long_header, b"RIFF", b""):
        path.write_bytes(damaged)
        with pytest.raises(CompileError, match="the audio cannot be read: the file is damaged"):
            read_wav(path)
