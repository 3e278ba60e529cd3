# SPDX-License-Identifier: Apache-2.0
"""MLPerf Tiny's energy mode on emulated boards: the official runner's dialogues, and our own."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from mcuforge.boards.emulator import qemu
from mcuforge.boards.instruments.bench import Bench
from mcuforge.boards.instruments.power_board import NOT_MEASURED
from mcuforge.boards.link.port import Port
from mcuforge.commands.deploy import Request as Deploy
from mcuforge.commands.deploy import deploy
from mcuforge.commands.emulate import Request as Emulate
from mcuforge.commands.emulate import emulate
from mcuforge.commands.mlperf import Request, mlperf
from mcuforge.errors import BoardError, CompileError
from mcuforge.flow.bench import instruments_around
from mcuforge.flow.firmware import build_check
from mcuforge.flow.session import compile_session, open_session
from mcuforge.report.mlperf import RECORD, RESULTS, TRANSCRIPT
from mcuforge.report.model import EmulatedBoard, Firmware
from tests.emulated.deployed import QUIET
from tests.emulated.test_mlperf import BOARD, MODELS, keywords, written
from tests.shared import shared

DIALOGUES = Path(__file__).with_name("dialogues.txt")
DIGITS = Path(__file__).resolve().parents[3] / "examples" / "digits" / "digits_cnn.tflite"
BYTES = 26  # of a `db` command through the interface board
SECONDS = 60.0  # for an answer
RATE_HZ = 1000  # of samples
LONG = ("ic01", "vww01")  # they send the most


def dialogue(part: str) -> list[str]:
    """The recorded lines of one part."""
    parts = DIALOGUES.read_text(encoding="utf-8").split("\n\n")
    (found,) = [p for p in parts if p.startswith(f"# {part}\n")]
    return found.splitlines()[1:]


class Talk:
    """A port of an instrument that speaks lines."""

    def __init__(self, port: str, end: str) -> None:
        self._port = Port.open(port)
        self._end = end
        self._pending = b""

    def say(self, command: str) -> None:
        """Send a command."""
        self._port.write(f"{command}{self._end}".encode())

    def line(self, seconds: float = SECONDS) -> str:
        """The next line; "" if none comes."""
        while b"\n" not in self._pending:
            more = self._port.read(seconds)
            if not more:
                return ""
            self._pending += more
        line, _, self._pending = self._pending.partition(b"\n")
        return line.decode().strip("\r")

    def close(self) -> None:
        """Give the port back."""
        self._port.close()


def said(line: str, stimulus: bytes) -> Iterator[tuple[str, list[str]]]:
    """The commands of a line that the runner says, and what is heard of all but the last."""
    if not line.startswith("dut db,"):
        yield line, []
        return
    chunks = [stimulus[at : at + BYTES].hex() for at in range(0, len(stimulus), BYTES)]
    for chunk in chunks:
        passed = [f"m-dut-passthrough(db {chunk})", "m-ready", "[dut]: m-ready"]
        yield f"dut db {chunk}", [] if chunk is chunks[-1] else passed


def expected(line: str) -> str:
    """The pattern of a line that is heard."""
    if line.endswith(" values]"):
        count = int(line.split("[")[-1].split()[0])
        return r"\[dut\]: m-results-\[" + ",".join([r"-?[0-9.]+"] * count) + r"\]"
    return re.escape(line).replace(r"\(HEX\)", r"\(db [0-9a-f]+\)")


def follow(talk: Talk, lines: list[str], stimulus: bytes = b"") -> None:
    """Say what the runner said, and compare what is heard with what it heard."""
    for line in lines:
        if line.startswith("> "):
            for command, heard in said(line[2:].removesuffix("%"), stimulus):
                talk.say(command)
                for wanted in heard:
                    assert talk.line() == wanted
        else:
            found = talk.line()
            assert re.fullmatch(expected(line[2:]), found), (found, line)


def samples(power: Talk) -> tuple[int, list[int]]:
    """How many samples the power board has sent, all nothing, and how many before each edge."""
    count = 0
    edges: list[int] = []
    while line := power.line(1.0):
        if re.match(r"TimeStamp: \d{3}s 000ms, buff 00%$", line):
            continue
        if event := re.match(r"event (\d+) ris$", line):
            assert int(event[1]) == len(edges)
            edges.append(count)
        else:
            assert line == "0000+00"
            count += 1
    return count, edges


@pytest.mark.shared
@pytest.mark.parametrize(
    "benchmark",
    [pytest.param(b, marks=[pytest.mark.slow] if b in LONG else []) for b in MODELS],
)
def test_the_official_runners_dialogues(benchmark: str, tmp_path: Path) -> None:
    model = shared(f"models/mlperf_tiny/{MODELS[benchmark]}.tflite")
    session = open_session(model, BOARD, emulate=True, firmware="mlperf-energy")
    built = build_check(session, compile_session(session), tmp_path / "project")
    lines = dialogue(benchmark)
    size = int(next(re.findall(r"db load ([0-9]+)", line)[0] for line in lines if "load" in line))
    stimulus = np.random.default_rng(0).integers(0, 64, size, np.uint8).tobytes()  # no NaN
    with (
        qemu.start(session.board, built.firmware.elf) as board,
        instruments_around(session.board, board) as bench,
    ):
        seconds = talk_to(bench, lines, stimulus)
    iterations = int(re.findall(r"infer ([0-9]+)", "".join(lines))[0])
    assert 0.0 < seconds < iterations  # some virtual milliseconds each


def talk_to(bench: Bench, lines: list[str], stimulus: bytes) -> float:
    """Hold the dialogues with both instruments; the seconds between the two edges."""
    power, interface = Talk(bench.power_port, "\r\n"), Talk(bench.interface_port, "%")
    try:
        follow(power, dialogue("power begin"))
        follow(interface, lines, stimulus)
        count, edges = samples(power)
        assert (len(edges), edges[-1]) == (2, count)
        follow(power, dialogue("power end"))
    finally:
        power.close()
        interface.close()
    return (edges[1] - edges[0]) / RATE_HZ


def test_windows_between_edges_are_measured_and_energy_is_not(tmp_path: Path) -> None:
    keywords(tmp_path, 0)
    out = tmp_path / "results"
    model = tmp_path / "model.tflite"
    request = Request(
        model, BOARD, tmp_path, emulate=True, mode="energy", window=0.01, samples=2, out=out
    )
    report = mlperf(request, QUIET)
    energy = report.energy
    assert energy is not None
    assert (report.performance, report.accuracy, report.verdict) == (None, None, "measured")
    assert [window.file for window in energy.windows] == ["0.bin", "1.bin"]
    assert all(window.seconds >= 0.01 and window.inferences > 1 for window in energy.windows)
    assert all(window.microjoules is None for window in energy.windows)
    assert (energy.median_microjoules, energy.millivolts) == (None, None)
    assert (energy.note, energy.clock) == (NOT_MEASURED, "emulated")
    assert "an emulated board has no time and takes no energy" in report.not_by_rules
    assert json.loads((out / RECORD).read_text())["energy"]["note"] == NOT_MEASURED
    text = (out / RESULTS).read_text()
    assert "No energy is measured" in text
    assert "uJ" not in text
    assert "> dut infer 1 0%" in (out / TRANSCRIPT).read_text()
    # both clocks count the same instructions: the time of an inference is the same by either
    counted = Request(model, BOARD, tmp_path, emulate=True, mode="performance", window=0.01)
    timed = mlperf(counted, QUIET)
    assert timed.performance is not None
    assert energy.median_seconds == pytest.approx(1 / timed.performance.median_rate, rel=0.15)


def test_a_project_of_the_energy_build_starts_with_its_instruments(tmp_path: Path) -> None:
    keywords(tmp_path, 0)
    model, project, link = tmp_path / "model.tflite", tmp_path / "project", tmp_path / "port"
    wanted = Deploy(model, BOARD, emulate=True, samples=1, out=project, firmware="mlperf-energy")
    assert deploy(wanted, QUIET).verdict == "pass"  # the check speaks at 9600 baud as well
    assert "#define BOARD_BAUD 9600u" in (project / "include" / "board_config.h").read_text()
    seen: list[EmulatedBoard] = []

    def use(board: EmulatedBoard) -> None:
        seen.append(board)
        interface, power = Talk(str(link), "%"), Talk(f"{link}-power", "\r\n")
        interface.say("dut profile")
        assert [interface.line() for _ in range(4)][3] == "[dut]: m-model-[kws01]"
        power.say("status")
        assert power.line() == f"PowerShield > ack status: ok: virtual, {NOT_MEASURED}"
        interface.close()
        power.close()
        ports = {"interface_port": board.port, "power_port": board.power_port}
        hardware = Request(model, "nucleo_l4r5zi", tmp_path, mode="energy", **ports)  # type: ignore[arg-type]
        with pytest.raises(BoardError, match="the power board is a virtual one"):
            mlperf(hardware, QUIET)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        emulate(Emulate(project, link=link), QUIET, use)
    assert seen[0].energy == NOT_MEASURED
    assert not list(tmp_path.glob("port*"))
    with pytest.raises(BoardError, match="the project has the firmware 'mlperf-energy'"):
        emulate(Emulate(project, firmware="mlperf"), QUIET, use)


@pytest.mark.parametrize("kind", ["mlperf", "mlperf-energy"])
def test_firmware_of_the_benchmark_needs_one(kind: Firmware, tmp_path: Path) -> None:
    with pytest.raises(CompileError, match="MLPerf Tiny has no benchmark"):
        deploy(Deploy(DIGITS, BOARD, emulate=True, firmware=kind), QUIET)
    project = tmp_path / "project"
    model = written(tmp_path, 490, 12)
    deploy(Deploy(model, BOARD, emulate=True, samples=1, firmware=kind, out=project), QUIET)
    assert json.loads((project / "mcuforge.json").read_text())["firmware"] == kind


def test_instruments_are_of_energy_on_hardware(tmp_path: Path) -> None:
    keywords(tmp_path, 0)
    given = (tmp_path / "model.tflite", "nucleo_l4r5zi", tmp_path)
    for request, words in (
        (Request(*given, exact=True, power_port="x"), "an emulated board has virtual instruments"),
        (Request(*given, power_port="x"), "add --mode energy, or leave them out"),
        (Request(*given, mode="energy", port="auto"), "takes its power from the power board"),
        (Request(*given, mode="energy", power_port="x"), "--interface-port is not"),
        (Request(*given, mode="energy"), "nothing would see the edges"),
    ):
        with pytest.raises(BoardError, match=words):
            mlperf(request, QUIET)
