# SPDX-License-Identifier: Apache-2.0
"""MLPerf Tiny on emulated boards: the official runner's dialogues, and `mcuforge mlperf`."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from mcuforge.boards.emulator import qemu
from mcuforge.boards.link.errors import NoAnswer
from mcuforge.boards.link.text import LOAD_BYTES, TIMEOUT_S, TextLink
from mcuforge.commands.mlperf import Request, mlperf
from mcuforge.compiler.builders.tflite_builder import ModelBuilder
from mcuforge.compiler.builders.tflite_writer import write_model
from mcuforge.compiler.frontends import read_model
from mcuforge.compiler.reference import run
from mcuforge.errors import BoardError, CompileError
from mcuforge.flow.firmware import build_check
from mcuforge.flow.session import compile_session, open_session
from mcuforge.report.mlperf import RECORD, RESULTS, TRANSCRIPT
from tests.emulated.deployed import QUIET
from tests.shared import shared

DIALOGUES = Path(__file__).with_name("mlperf_dialogues.txt")
BOARD = "qemu-mps2-an500"
MODELS = {
    "kws01": "kws_ref_model",
    "ic01": "pretrainedResnet_quant",
    "ad01": "ad01_int8",
    "vww01": "vww_96_int8",
}
MODES = ("accuracy", "performance")
LINES = {  # what is left out of a recorded line
    "m-lap-us-N": r"m-lap-us-[0-9]+",
    "values]": r"m-results-\[(-?[0-9.]+,?)+\]",
}


def dialogue(benchmark: str, mode: str) -> list[str]:
    """The recorded lines of one dialogue."""
    parts = DIALOGUES.read_text(encoding="utf-8").split("\n\n")
    (found,) = [p for p in parts if p.startswith(f"# {benchmark} {mode}\n")]
    return found.splitlines()[1:]


def expected(line: str) -> str:
    """The pattern of a line that is heard."""
    for end, pattern in LINES.items():
        if line.endswith(end):
            return pattern
    return re.escape(line)


def said(line: str, stimulus: bytes) -> Iterator[str]:
    """The commands of a line that the runner says."""
    if not line.startswith("db,"):
        yield line
        return
    for at in range(0, len(stimulus), LOAD_BYTES):
        yield f"db {stimulus[at : at + LOAD_BYTES].hex()}%"


@pytest.mark.shared
@pytest.mark.parametrize("benchmark", MODELS)
def test_the_official_runners_dialogues(benchmark: str, tmp_path: Path) -> None:
    model = shared(f"models/mlperf_tiny/{MODELS[benchmark]}.tflite")
    session = open_session(model, BOARD, emulate=True)
    built = build_check(session, compile_session(session), tmp_path / "project")
    with qemu.start(session.board, built.firmware.elf) as board:
        for mode in MODES:
            with TextLink.open(board.port) as link:
                follow(link, dialogue(benchmark, mode))


def follow(link: TextLink, lines: list[str]) -> None:
    """Say what the runner said, and compare what is heard with what it heard."""
    size = int(next(re.findall(r"db load ([0-9]+)", line)[0] for line in lines if "load" in line))
    stimulus = np.random.default_rng(0).integers(0, 64, size, np.uint8).tobytes()  # no NaN
    heard: tuple[str, ...] = ()
    wanted: list[str] = []
    for line in [*lines, "> name%"]:
        if line.startswith("> "):
            assert len(heard) == len(wanted), (heard, wanted)
            for found, pattern in zip(heard, wanted, strict=True):
                assert re.fullmatch(pattern, found), (found, pattern)
            for command in said(line[2:], stimulus):
                link.send(command)
                heard = link.read_answer(30.0)
            wanted = []
        elif line != "< m-ready":
            wanted.append(expected(line[2:]))


def written(folder: Path, inputs: int, outputs: int) -> Path:
    """A model with one layer, of a benchmark's sizes."""
    build = ModelBuilder(3)
    x = build.input((1, inputs), (0.05, 3))
    path = folder / "model.tflite"
    path.write_bytes(write_model(build.spec([build.linear(x, outputs, (0.25, -4))])))
    return path


def answers(model: Path, inputs: Sequence[NDArray[np.int8]]) -> list[NDArray[np.int8]]:
    """The reference's answers, int8 (outputs,), to int8 inputs (inputs,)."""
    graph = read_model(model)
    return [run(graph, (x.reshape(1, -1),))[0].reshape(-1).astype(np.int8) for x in inputs]


def keywords(folder: Path, wrong: int) -> None:
    """Stimuli of kws01 with the labels that the reference gives, but for the first `wrong`."""
    model = written(folder, 490, 12)
    rng = np.random.default_rng(5)
    inputs = [rng.integers(-128, 128, 490).astype(np.int8) for _ in range(10)]
    lines = []
    for number, (x, answer) in enumerate(zip(inputs, answers(model, inputs), strict=True)):
        (folder / f"{number}.bin").write_bytes(x.tobytes())
        label = (int(np.argmax(answer)) + (number < wrong)) % 12
        lines.append(f"{number}.bin,12,{label}\n")
    (folder / "y_labels.csv").write_text("".join(lines))


@pytest.mark.parametrize("wrong", [0, 2])
def test_the_share_of_files_with_the_right_class(wrong: int, tmp_path: Path) -> None:
    keywords(tmp_path, wrong)
    out = tmp_path / "results"
    request = Request(
        tmp_path / "model.tflite", BOARD, tmp_path, emulate=True, window=0.002, out=out
    )
    report = mlperf(request, QUIET)
    assert report.benchmark == "kws01"
    assert report.device == f"mcuforge {BOARD}"
    assert report.accuracy is not None
    assert report.accuracy.value == 1 - wrong / 10
    assert report.verdict == ("fail" if wrong else "pass")
    assert report.performance is not None
    windows = report.performance.windows
    assert [window.file for window in windows] == [f"{number}.bin" for number in range(5)]
    assert all(window.seconds >= 0.002 and window.inferences > 1 for window in windows)
    assert report.slowest_answer_s < TIMEOUT_S
    assert "an emulated board has no time" in report.not_by_rules
    assert f"top-1 = {100 - 10 * wrong}.0 % of 10 files" in (out / RESULTS).read_text()
    record = json.loads((out / RECORD).read_text())
    assert record["accuracy"]["value"] == report.accuracy.value
    transcript = (out / TRANSCRIPT).read_text()
    assert transcript.count("> infer 1 0%\n") == 10 + 5  # of accuracy, and to time a window


def test_the_area_of_anomalies_by_machine(tmp_path: Path) -> None:
    model = written(tmp_path, 640, 640)
    rng = np.random.default_rng(6)
    files = [rng.normal(0, 2, 640 + 128).astype("<f4") for _ in range(8)]
    scores, lines = [], []
    for number, values in enumerate(files):
        windows = [values[at : at + 640] for at in (0, 128)]
        inputs = [np.clip(np.rint(w / np.float32(0.05)) + 3, -128, 127) for w in windows]
        found = answers(model, [x.astype(np.int8) for x in inputs])
        errors = [np.mean((0.25 * (a + 4.0) - w) ** 2) for a, w in zip(found, windows, strict=True)]
        scores.append(float(np.mean(errors)))
        name = f"sound_id_0{1 + number % 2}_{number}.bin"
        (tmp_path / name).write_bytes(values.tobytes())
        lines.append(f"{name},2,{int(number in (1, 2, 5))},2560,512\n")
    (tmp_path / "y_labels.csv").write_text("".join(lines))
    report = mlperf(Request(model, BOARD, tmp_path, emulate=True, mode="accuracy"), QUIET)
    labels = [number in (1, 2, 5) for number in range(8)]
    assert report.accuracy is not None
    assert report.accuracy.metric == "AUC"
    assert report.accuracy.value == pairs_in_order(scores, labels)
    assert dict(report.accuracy.by_machine) == {
        "id_01": pairs_in_order(scores[::2], labels[::2]),
        "id_02": pairs_in_order(scores[1::2], labels[1::2]),
    }
    assert report.performance is None


def pairs_in_order(scores: list[float], labels: list[bool]) -> float:
    """How many pairs of an anomaly and a normal file have the anomaly first, as a share."""
    pairs = [
        (high, low)
        for high, anomaly in zip(scores, labels, strict=True)
        for low, other in zip(scores, labels, strict=True)
        if anomaly and not other
    ]
    return sum(high > low for high, low in pairs) / len(pairs)


def test_labels_of_one_class_are_refused_before_anything_is_built(tmp_path: Path) -> None:
    model = written(tmp_path, 640, 640)
    (tmp_path / "a.bin").write_bytes(bytes(2560))
    (tmp_path / "y_labels.csv").write_text("a.bin,2,1\n")
    with pytest.raises(CompileError, match="all 1 labels are equal"):
        mlperf(Request(model, BOARD, tmp_path, emulate=True), QUIET)


def test_windows_without_end_and_folders_that_are_files_are_refused(tmp_path: Path) -> None:
    keywords(tmp_path, 0)
    ask = partial(Request, tmp_path / "model.tflite", BOARD, tmp_path, emulate=True)
    with pytest.raises(CompileError, match="a window of inf seconds never ends"):
        mlperf(ask(window=math.inf), QUIET)
    with pytest.raises(CompileError, match="the folder of results cannot be made"):
        mlperf(ask(out=tmp_path / "0.bin"), QUIET)


def test_performance_alone_is_measured_and_not_judged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keywords(tmp_path, 0)
    out = tmp_path / "out"
    request = Request(
        *(tmp_path / "model.tflite", BOARD, tmp_path),
        emulate=True,
        mode="performance",
        window=0.0,
        out=out,
    )
    assert mlperf(request, QUIET).verdict == "measured"
    (out / TRANSCRIPT).unlink()

    def broken(*_: object, **__: object) -> None:
        raise NoAnswer("nothing more", "port x", "look")

    monkeypatch.setattr("mcuforge.flow.mlperf.measure", broken)
    with pytest.raises(NoAnswer):
        mlperf(request, QUIET)
    assert "> profile%" in (out / TRANSCRIPT).read_text()
    assert [path.name for path in out.iterdir()] == [TRANSCRIPT]  # no results of the run before


def test_a_model_of_no_benchmark_is_refused(tmp_path: Path) -> None:
    model = written(tmp_path, 491, 12)
    with pytest.raises(CompileError, match="MLPerf Tiny has no benchmark"):
        mlperf(Request(model, BOARD, tmp_path, emulate=True), QUIET)


@pytest.mark.shared
def test_a_board_without_room_for_an_input_says_so(tmp_path: Path) -> None:
    keywords(tmp_path, 0)
    model = shared("models/mlperf_tiny/kws_ref_model.tflite")  # its arena leaves little of 16 KB
    with pytest.raises(BoardError, match="no RAM for 490 bytes"):
        mlperf(Request(model, "hifive1", tmp_path, emulate=True), QUIET)
