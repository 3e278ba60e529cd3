# SPDX-License-Identifier: Apache-2.0
"""The streaming wake word on emulated boards: audio, features, the runner's dialogue, `mlperf`."""

from __future__ import annotations

import json
import re
import wave
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from mcuforge.boards.emulator import qemu
from mcuforge.boards.link.text import TextLink
from mcuforge.boards.link.wake_words import WakeWordLink
from mcuforge.boards.virtual.machine import VirtualBoard
from mcuforge.commands.emulate import Request as Emulate
from mcuforge.commands.emulate import emulate
from mcuforge.commands.mlperf import Request, mlperf
from mcuforge.compiler.audio.lfbe import Lfbe
from mcuforge.compiler.builders.tflite_builder import ModelBuilder
from mcuforge.compiler.builders.tflite_writer import write_model
from mcuforge.compiler.frontends import read_model
from mcuforge.compiler.reference import run
from mcuforge.errors import BoardError, CompileError
from mcuforge.flow.bench import instruments_around
from mcuforge.flow.firmware import build_check
from mcuforge.flow.session import compile_session, open_session
from mcuforge.report.mlperf import RECORD, RESULTS, TRANSCRIPT
from tests.emulated.deployed import QUIET
from tests.emulated.test_mlperf import dialogue, expected
from tests.shared import shared
from tests.sounds import sound

BOARD = "qemu-mps2-an500"
BOARDS = (BOARD, "qemu-mps2-m0plus", "qemu-riscv32")
SCALE = 0.004
SEED = 10
CHUNK = 512
THRESHOLD = 115
WAV = "short_wav_easy10s.wav"


def listener(folder: Path) -> Path:
    """A model of the wake word's sizes with one layer, which detects a few chunks of a voice."""
    build = ModelBuilder(SEED)
    x = build.input((1, 1200), (SCALE, -128))
    path = folder / "model.tflite"
    path.write_bytes(write_model(build.spec([build.linear(x, 3, (0.02, 127))])))
    return path


def write_wav(path: Path, samples: NDArray[np.int16]) -> None:
    """A file with two channels, as the benchmark's; the second one is noise."""
    noise = np.random.default_rng(0).integers(-99, 99, len(samples))
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(16000)
        file.writeframes(np.stack([samples, noise], axis=1).astype("<i2").tobytes())


def answers(model: Path, samples: NDArray[np.int16]) -> list[list[int]]:
    """The reference's answers after each chunk; before the first one all features were 0."""
    graph = read_model(model)
    features = Lfbe(SCALE).stream(samples)
    history = np.zeros((30, 40), np.int8)
    found = []
    for newest in features:
        history = np.concatenate([history[1:], newest[None]])
        found.append(run(graph, (history.reshape(1, -1),))[0].reshape(-1).tolist())
    return found


@contextmanager
def started(model: Path, board: str, folder: Path) -> Iterator[qemu.Emulator]:
    """The board with the firmware that listens."""
    session = open_session(model, board, emulate=True, firmware="mlperf")
    built = build_check(session, compile_session(session), folder / "project")
    with qemu.start(session.board, built.firmware.elf) as emulator:
        yield emulator


@contextmanager
def staged(model: Path, folder: Path, sounds: Path) -> Iterator[WakeWordLink]:
    """The same with an interface board before it."""
    with ExitStack() as held:
        emulator = held.enter_context(started(model, BOARD, folder))
        board = open_session(model, BOARD, emulate=True).board
        bench = held.enter_context(instruments_around(board, emulator, sounds))
        opened = WakeWordLink.open_interface(bench.interface_port, dut_baud=board.baud)
        yield held.enter_context(opened)


@pytest.mark.parametrize("board", BOARDS)
def test_features_on_the_board_are_those_of_the_reference(board: str, tmp_path: Path) -> None:
    model = listener(tmp_path)
    samples = sound("vowel")[: 4 * CHUNK]
    features, wanted = Lfbe(SCALE).stream(samples), answers(model, samples)
    with started(model, board, tmp_path) as emulator, TextLink.open(emulator.port) as link:
        for number, chunk in enumerate(samples.reshape(-1, CHUNK)):
            link.load(chunk.astype("<i2").tobytes())
            said = "\n".join(link.command("extract_uart_stream"))
            lists = dict(re.findall(r"m-(\w+)-\[(.*?)\]", said))
            assert [int(v) for v in lists["features"].split(",")] == features[number].tolist()
            assert [int(v) for v in lists["activations"].split(",")] == wanted[number]


def test_the_image_for_hardware_hears_what_its_line_loads(tmp_path: Path) -> None:
    model = listener(tmp_path)
    samples = sound("vowel")[: 4 * CHUNK]
    session = open_session(model, "nucleo_l4r5zi", exact=True, firmware="mlperf")
    built = build_check(session, compile_session(session), tmp_path / "project")
    machine = VirtualBoard(session.board, built.firmware.elf)
    machine.start()
    with TextLink(machine.port()) as link:
        link.synchronize()
        assert "m-[Listening to what db loads]" in link.command("start")
        machine.chip.outputs.edges.clear()
        for chunk in samples.reshape(-1, CHUNK):
            link.load(chunk.astype("<i2").tobytes())
        (found,) = re.findall(r"activations: \[(.*?)\]", "".join(link.command("stop")))
    wanted = [answer[0] for answer in answers(model, samples)]
    assert [int(value) for value in found.split(",")] == wanted
    edges = [(edge.pin, edge.high) for edge in machine.chip.outputs.edges]
    assert edges.count(("duty", True)) == edges.count(("duty", False)) == len(wanted)
    loud = [value > THRESHOLD for value in wanted[1:]]
    assert edges.count(("detection", False)) == 1 + sum(loud)


def test_what_is_played_is_heard_and_seen_on_the_pins(tmp_path: Path) -> None:
    model = listener(tmp_path)
    samples = np.concatenate([sound("silence", 0.2), sound("vowel", 1.2), sound("tone", 0.2)])
    write_wav(tmp_path / "a.wav", samples)
    wanted = [answer[0] for answer in answers(model, samples)]
    with staged(model, tmp_path, tmp_path) as link:
        assert link.own("ls") == ("a.wav",)
        for _ in range(2):  # the same once more, from the start
            link.start()
            link.play("a.wav")
            heard = link.stop()
            assert heard.activations == tuple(wanted)
            assert heard.chunks == len(wanted)
            duty = link.duty_cycle()
            detections = link.detections_ms()
            assert duty.starts == tuple(3200 * (n + 1) for n in range(len(wanted)))
            work = [stop - start for start, stop in zip(duty.starts, duty.stops, strict=True)]
            assert all(1 <= time < 3200 for time in work)
            loud = [n for n, value in enumerate(wanted) if value > THRESHOLD or n == 0]
            assert [time // 32 - 1 for time in detections] == loud
        assert 1 < len(detections) < len(wanted)


def test_what_cannot_be_played(tmp_path: Path) -> None:
    model = listener(tmp_path)
    (tmp_path / "broken.wav").write_bytes(b"no audio")
    with staged(model, tmp_path, tmp_path) as link:
        for name in ("none.wav", "broken.wav", "../model.tflite"):
            (first, second) = link.own(f"play {name}")
            assert first == f"Attempting to play {name}"
            assert second.startswith("Error playing file.")


# what is left out of recorded lines, beside that of other dialogues
LEFT_OUT = {
    "[dut]: m-lap-us-N": r"\[dut\]: m-lap-us-[0-9]+",
    "[dut]: m-stream-[chunks N, ticks of features N, ticks of the model N]": (
        r"\[dut\]: m-stream-\[chunks [0-9]+, ticks of features [0-9]+, ticks of the model [0-9]+\]"
    ),
    "[dut]: [activations]": r"\[dut\]: \[(-?[0-9]+(, )?|\s*\[dut\]: )+\s*\]",
    "times": r"([0-9]+,\s*)+",
}


@pytest.mark.shared
def test_the_official_runners_dialogue(tmp_path: Path) -> None:
    model = shared("models/mlperf_tiny/str_ww_ref_model.tflite")
    write_wav(tmp_path / WAV, sound("vowel"))
    turns = "\n".join(dialogue("sww01", "all modes")).split("> ")[1:]
    with staged(model, tmp_path, tmp_path) as link:
        for turn in turns:
            command, *wanted = turn.rstrip("\n").split("\n< ")
            TextLink.send(link, command)
            heard = ""
            while heard.count("m-ready") < turn.count("m-ready"):
                heard += f"{link.read_line(30.0)}\n"
            patterns = [LEFT_OUT.get(line) or expected(line.rstrip()) for line in wanted]
            # lines end as the board ends them: the last row of times has no end
            assert re.fullmatch(r"\s*".join(patterns) + "\n", heard), (heard, wanted)


@pytest.mark.parametrize(("mode", "verdict"), [("both", "fail"), ("performance", "measured")])
def test_a_folder_of_recordings_becomes_a_report(mode: str, verdict: str, tmp_path: Path) -> None:
    model = listener(tmp_path)
    loud = np.concatenate([sound("vowel", 0.5), sound("silence", 0.6)])
    samples = np.tile(loud, 12)  # a false detection every 1.1 s
    write_wav(tmp_path / "a.wav", samples)
    entry = {"wav_file": "a.wav", "length_sec": 13.2, "detection_windows": [[0.1, 0.2], [6.0, 6.5]]}
    (tmp_path / "a.json").write_text(json.dumps([entry, {**entry, "wav_file": "long_wav.wav"}]))
    out = tmp_path / "out"
    request = Request(model, BOARD, tmp_path, emulate=True, out=out, mode=mode)  # type: ignore[arg-type]
    report = mlperf(request, QUIET)
    assert report.benchmark == "sww01"
    heard = report.wake_words
    assert heard is not None
    (played,) = heard.played
    assert played.chunks == len(samples) // CHUNK
    assert played.found + played.missed == 2
    assert heard.missing == ("long_wav.wav",)
    assert 0 < played.duty_cycle < 1
    assert played.period_s == pytest.approx(0.032, rel=1e-6)
    assert heard.feature_instructions is not None
    assert 50_000 < heard.feature_instructions < 500_000
    assert "the rules ask for long_wav.wav" in report.not_by_rules
    assert report.verdict == verdict
    text = (out / RESULTS).read_text()
    assert f"{len(played.false_s)} False positives" in text
    assert json.loads((out / RECORD).read_text())["wake_words"]["played"][0]["file"] == "a.wav"
    assert "> play a.wav%\n" in (out / TRANSCRIPT).read_text()


@pytest.mark.slow
@pytest.mark.shared
def test_the_benchmarks_own_recording_is_detected_as_by_its_reference(tmp_path: Path) -> None:
    model = shared("models/mlperf_tiny/str_ww_ref_model.tflite")
    data = shared("data/mlperf_sww01/sww_short_test.json").parent
    report = mlperf(Request(model, BOARD, data, emulate=True), QUIET)
    assert report.wake_words is not None
    (played,) = report.wake_words.played
    # its README: 2 true positives and 1 false negative
    assert (played.file, played.found, played.missed, played.false_s) == (WAV, 2, 1, ())
    assert report.verdict == "pass"


def test_a_board_that_qemu_does_not_run_is_refused(tmp_path: Path) -> None:
    model = listener(tmp_path)
    with pytest.raises(BoardError, match="an interface board plays the streaming wake word"):
        mlperf(Request(model, "nucleo_f446re", tmp_path, exact=True), QUIET)


def test_a_folder_without_sounds_is_refused(tmp_path: Path) -> None:
    model = listener(tmp_path)
    for sounds in (tmp_path, tmp_path / "none"):
        request = Emulate(model, board=BOARD, firmware="mlperf", sounds=sounds)
        with pytest.raises(CompileError, match=r"no \.wav file is there"):
            emulate(request, QUIET, lambda _: None)


def test_a_board_without_room_for_audio_is_refused(tmp_path: Path) -> None:
    model = listener(tmp_path)
    session = open_session(model, "hifive1", emulate=True, firmware="mlperf")
    with pytest.raises(BoardError, match="too few for audio"):
        build_check(session, compile_session(session), tmp_path / "project")
