# SPDX-License-Identifier: Apache-2.0
"""The fixture `board` in repositories of users: on emulators, virtual chips, and behind a port."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from serial.tools import list_ports

from mcuforge.boards.emulator import qemu
from mcuforge.compiler.compile import PlanOptions
from mcuforge.errors import BoardError, CompileError
from mcuforge.flow.firmware import Built, build_check
from mcuforge.testing import board as board_module
from mcuforge.testing.board import OnBoard, VerdictFailed
from mcuforge.testing.lock import PortLock
from mcuforge.testing.ways import BoardWay
from tests.emulated.stock_core import StockCore, make_core
from tests.emulated.test_faults import sabotage, spoil_layer_2
from tests.emulated.test_stock import DIGITS, START, Listed, users
from tests.unit.link.fake_board import fake_board

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "on_board_tests" / "test_digits.py"
MODEL, DATA = DIGITS / "digits_cnn.tflite", DIGITS / "digits_test.npz"
ARGUMENTS = ("-p", "mcuforge.testing.plugin", "-p", "no:cacheprovider")
EMULATED = ("--mcuforge-board", "qemu-mps2-an386", "--mcuforge-emulate")


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs of pytest inside a test load the plugin by its name, wherever it is installed."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")


@pytest.mark.usefixtures("alone")
def test_the_example_passes_and_is_recorded(
    pytester: pytest.Pytester,
) -> None:
    where = ("--mcuforge-board", "nucleo_f446re", "--mcuforge-emulate")
    files = ("--mcuforge-record", "found.json", "--junitxml", "junit.xml")
    result = pytester.runpytest_inprocess(*ARGUMENTS, *where, *files, str(EXAMPLE))
    result.assert_outcomes(passed=1)
    (test,) = json.loads((pytester.path / "found.json").read_text())["tests"]
    assert test["outcome"] == "passed"
    (found,) = test["deployed"]
    assert (found["board"], found["way"]) == ("nucleo_f446re", "emulate")
    assert (found["model"], found["data"], found["samples"]) == (MODEL.name, DATA.name, 360)
    assert (found["exact_samples"], found["verdict"], found["reasons"]) == (360, "pass", [])
    assert found["accuracy"] > 0.95
    assert 0 < found["ram"] <= 4096 < found["flash"] <= 32768
    assert 100_000 < found["instructions"] <= 400_000
    cases = ElementTree.parse(pytester.path / "junit.xml").iter("property")
    assert [json.loads(str(x.get("value"))) for x in cases if x.get("name") == "mcuforge"] == [
        found
    ]


@pytest.mark.usefixtures("alone")
def test_a_wrong_answer_fails_with_the_first_layer_that_differs(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoil_layer_2(monkeypatch, EMULATED[1])
    pytester.makepyfile(f"""
    def test_digits(board):
        board.deploy({str(MODEL)!r}).check({str(DATA)!r}, 4)
    """)
    result = pytester.runpytest_inprocess(*ARGUMENTS, *EMULATED)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "E *VerdictFailed: <digits_cnn.tflite on qemu-mps2-an386-emulate>: verdict fail",
            "E *reason: * output elements in * of 4 samples differ from *",
            "E *reason: sample *: first layer that differs: operator 2 CONV_2D *expected *, got *",
        ]
    )
    assert "mcuforge/testing/board.py" not in result.stdout.str(), "our frames are hidden"


def test_what_wrong_answers_cost_fails_too(monkeypatch: pytest.MonkeyPatch) -> None:
    spoil_layer_2(monkeypatch, EMULATED[1])
    with OnBoard(BoardWay(EMULATED[1], "emulate")) as board:
        digits = board.deploy(MODEL)
        with pytest.raises(VerdictFailed, match="first layer that differs"):
            _ = digits.instructions
        with pytest.raises(VerdictFailed, match="first layer that differs"):
            _ = digits.microseconds
        assert digits.report.verdict == "fail"
        with np.load(DATA) as data, pytest.raises(VerdictFailed):
            digits.check({"x": data["x"][:2], "y": data["y"][:2]})
        assert digits.accuracy == digits.report.check.accuracy
        with pytest.raises(CompileError):
            digits.check("no such file.npz")
        with pytest.raises(CompileError, match="accuracy is not known"):
            _ = digits.accuracy


def pixels(count: int) -> np.ndarray[tuple[int, ...], np.dtype[np.int8]]:
    """Images of the digits, int8 [count, 8, 8, 1]."""
    with np.load(DATA) as data:
        return np.asarray(data["x"][:count])


def test_a_board_that_dies_is_started_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    sabotage(
        monkeypatch,
        "static int32_t runs;\n    runs++;\n    if (runs == 3) {\n        board_halt();\n    }",
    )
    with OnBoard(BoardWay("qemu-mps2-an386", "emulate")) as board:
        digits = board.deploy(MODEL)
        first = digits.run(pixels(2))
        with pytest.raises(BoardError, match="no answer"):
            digits.run(pixels(1))
        again = digits.run(pixels(2))
    assert isinstance(first, np.ndarray)
    assert isinstance(again, np.ndarray)
    assert first.shape == (2, 1, 10)
    assert (first == again).all()


def test_figures_that_are_not_known_say_so(tmp_path: Path) -> None:
    with OnBoard(BoardWay("qemu-mps2-an386")) as board:
        digits = board.deploy(MODEL)
        with pytest.raises(CompileError, match="accuracy is not known"):
            _ = digits.accuracy
        with pytest.raises(CompileError, match="expected"):
            digits.run(np.zeros((1, 7), np.int8))
        with pytest.raises(CompileError, match="2 arrays given, expected 1"):
            digits.run(pixels(2), pixels(2))
        with pytest.raises(CompileError, match="0 arrays given, expected 1"):
            digits.run()
        with pytest.raises(CompileError, match="the dict has no array 'x'") as caught:
            digits.check({"y": np.zeros(2, np.int64)})
        assert caught.value.hint == "check(dict(x=..., y=labels))"
        for count in (0, -1):
            with pytest.raises(CompileError, match=f"{count} samples are asked for"):
                digits.check(DATA, count)
        check = digits.check({"x": pixels(2)})
        assert (check.exact_samples, check.data) == (2, "arrays of a test")
        with pytest.raises(CompileError, match="accuracy is not known"):
            _ = digits.accuracy
        with pytest.raises(BoardError, match="measures no time"):
            _ = digits.microseconds
        assert digits.instructions == digits.report.run.instructions
        twin = tmp_path / "twin.tflite"
        twin.write_bytes(MODEL.read_bytes())
        named = board.deploy(twin)
        assert named.image is digits.image
        assert (named.report.model.name, named.facts()["model"]) == (twin.name, twin.name)


@pytest.fixture
def hardware(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StockCore]:
    """A J-Link's port, behind which the flash tool starts QEMU with the image that it is given."""
    port, state = tmp_path / "ttyACM0", tmp_path / "emulator.json"
    words = {"root": ROOT, "python": sys.executable, "state": state, "port": port}
    stop = "PYTHONPATH={root} {python} -m mcuforge.boards.emulator stop --state {state}\n"
    core = make_core(tmp_path / "core", then=(stop + START).format(**words))
    users(monkeypatch, core)
    monkeypatch.setenv(qemu.OWNER_VARIABLE, str(os.getpid()))
    monkeypatch.setenv("TMPDIR", str(tmp_path))  # for the lock
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.setattr(list_ports, "comports", lambda: [Listed(str(port))])
    with fake_board(lambda _: b"") as unflashed:
        port.symlink_to(unflashed)
        try:
            yield core
        finally:
            qemu.stop_detached(state)


def test_hardware_is_flashed_once_for_each_change_of_image(
    hardware: StockCore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    way = BoardWay("hifive1", "port", "auto")
    port = str(tmp_path / "ttyACM0")

    def build_beside(*arguments: Any, **named: Any) -> Built:
        other = PortLock(port, limit_s=0)
        other.acquire()
        other.release()
        return build_check(*arguments, **named)

    monkeypatch.setattr(board_module, "build_check", build_beside)
    with OnBoard(way, run_id="this run") as board:
        digits = board.deploy(MODEL)
        assert digits.check(DATA, 2).exact_samples == 2
        with pytest.raises(BoardError, match="counts no instructions"):
            _ = digits.instructions
        assert digits.microseconds > 0
        board.rest()  # the end of a test
        assert digits.check(DATA, 3).exact_samples == 3
        assert len(hardware.uploads()) == 1
        assert digits.check(DATA, 1).exact_samples == 1  # the port is in use again
        fast = board.deploy(MODEL, PlanOptions("speed"))  # the same model in other firmware
        assert fast.check(DATA, 2).exact_samples == 2
        board.rest()
        assert digits.check(DATA, 2).exact_samples == 2
        assert len(hardware.uploads()) == 2
        board.rest()
        lock = PortLock(port)
        lock.acquire()
        ours = lock.stamp
        lock.release()
        assert fast.check(DATA, 2).exact_samples == 2
        board.rest()
        lock.acquire()
        lock.stamp = ours  # as if a program without the lock had flashed the other firmware
        lock.release()
        assert digits.check(DATA, 2).exact_samples == 2
        assert len(hardware.uploads()) == 2
    with OnBoard(way, run_id="a later run") as board:
        assert board.deploy(MODEL).check(DATA, 2).exact_samples == 2
        assert len(hardware.uploads()) == 1, "what another run has left is not trusted"


CONFTEST = """
from serial.tools import list_ports

from tests.emulated.test_stock import Listed

list_ports.comports = lambda: [Listed({port!r})]
"""
ONE_PORT = """
import os
from pathlib import Path

import pytest

from mcuforge import PlanOptions


@pytest.mark.parametrize("number", range(4))
def test_digits(board, number):
    digits = board.deploy({model!r}, PlanOptions(streamed=number % 2 == 1))
    digits.check({data!r}, 2)
    alone = Path("alone")
    alone.touch(exist_ok=False)
    digits.check({data!r}, 4)
    alone.unlink()
    Path("worker-" + os.environ["PYTEST_XDIST_WORKER"]).touch()
"""


@pytest.mark.slow
@pytest.mark.usefixtures("alone", "hardware")
def test_workers_take_turns_at_one_port(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    pytester.makeconftest(CONFTEST.format(port=str(tmp_path / "ttyACM0")))
    pytester.makepyfile(ONE_PORT.format(model=str(MODEL), data=str(DATA)))
    where = ("--mcuforge-board", "hifive1", "--mcuforge-port", "auto", "--mcuforge-require")
    spread = ("-p", "xdist", "-n", "2", "--mcuforge-record", "found.json")
    result = pytester.runpytest_subprocess(*ARGUMENTS, *where, *spread)
    result.assert_outcomes(passed=4)
    assert len(list(pytester.path.glob("worker-*"))) == 2
    tests = json.loads((pytester.path / "found.json").read_text())["tests"]
    assert [test["deployed"][0]["way"] for test in tests] == ["port"] * 4
