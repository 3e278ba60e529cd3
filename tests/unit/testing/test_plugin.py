# SPDX-License-Identifier: Apache-2.0
"""The plugin in a repository that has no board: it skips by name, and is otherwise not there."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from threading import Timer

import pytest

from mcuforge.testing.board import NOT_KNOWN
from mcuforge.testing.lock import PortLock

ROOT = Path(__file__).resolve().parents[3]
ARGUMENTS = ("-p", "mcuforge.testing.plugin", "-p", "no:cacheprovider")
ON_BOARD = """
def test_on_board(board):
    board.deploy("no model.tflite")
"""


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs of pytest inside a test load the plugin by its name, wherever it is installed."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")


def run(pytester: pytest.Pytester, test: str, *arguments: str) -> pytest.RunResult:
    """A run of pytest in a repository that holds one test file."""
    pytester.makepyfile(test)
    return pytester.runpytest_inprocess(*ARGUMENTS, "-rs", *arguments)


def test_without_a_board_a_test_is_skipped_with_what_to_give(pytester: pytest.Pytester) -> None:
    result = run(pytester, ON_BOARD)
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(["*no board is given: --mcuforge-board ID with --mcuforge-emul*"])


def test_without_a_board_a_test_fails_where_one_is_required(pytester: pytest.Pytester) -> None:
    result = run(pytester, ON_BOARD, "--mcuforge-require")
    result.assert_outcomes(errors=1)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["*no board is given: --mcuforge-board ID with --mcuforge-emul*"])


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (("--mcuforge-board", "pico"), "no way to 'pico': give --mcuforge-port, "),
        (
            ("--mcuforge-board", "hifive1", "--mcuforge-exact"),
            "'hifive1' has no virtual chip, --mcuforge-exact needs one",
        ),
        (
            ("--mcuforge-board", "qemu-riscv32", "--mcuforge-port", "auto"),
            "'qemu-riscv32' is not hardware that mcuforge can flash",
        ),
    ],
)
def test_a_board_that_is_not_there_is_skipped_by_name_or_fails_if_required(
    pytester: pytest.Pytester, arguments: tuple[str, ...], what: str
) -> None:
    result = run(pytester, ON_BOARD, *arguments)
    result.assert_outcomes(skipped=1)
    assert what in result.stdout.str()
    result = run(pytester, ON_BOARD, *arguments, "--mcuforge-require")
    result.assert_outcomes(errors=1)
    assert f"error: {what}" in result.stdout.str()


def test_a_probe_that_is_not_connected_skips_by_name(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("serial.tools.list_ports.comports", list)
    test = f"""
    def test_on_board(board):
        board.deploy({str(ROOT / "examples" / "digits" / "digits_cnn.tflite")!r})
    """
    arguments = ("--mcuforge-board", "nucleo_f446re", "--mcuforge-port", "auto")
    result = run(pytester, test, *arguments)
    result.assert_outcomes(skipped=1)
    assert "nucleo_f446re-port is not there: no serial port belongs to" in result.stdout.str()
    result = run(pytester, test, *arguments, "--mcuforge-require")
    result.assert_outcomes(failed=1)
    assert "no serial port belongs to" in result.stdout.str()
    missing = str(pytester.path / "ttyACM0")
    result = run(pytester, test, *arguments[:3], missing)
    result.assert_outcomes(skipped=1)


def test_a_test_that_waits_for_a_port_says_so_past_the_capture(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("serial.tools.list_ports.comports", list)
    monkeypatch.setattr("tempfile.tempdir", str(pytester.path))
    port = str(pytester.path / "ttyACM0")
    test = f"""
    def test_on_board(board):
        board.deploy({str(ROOT / "examples" / "digits" / "digits_cnn.tflite")!r})
    """
    lock = PortLock(port)
    lock.acquire()
    Timer(1.0, lock.release).start()
    result = run(pytester, test, "--mcuforge-board", "nucleo_f446re", "--mcuforge-port", port)
    result.assert_outcomes(skipped=1)
    assert f"mcuforge: process {os.getpid()} in " in result.stderr.str()
    assert f" uses {port}: waiting up to 600 s" in result.stderr.str()


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (("--mcuforge-board", "picco"), "did you mean 'pico'?"),
        (("--mcuforge-emulate",), "add --mcuforge-board ID"),
        (("--mcuforge-record", "none/r.json"), "cannot write the file"),
    ],
)
def test_wrong_options_end_the_run(
    pytester: pytest.Pytester, arguments: tuple[str, ...], what: str
) -> None:
    result = run(pytester, ON_BOARD, *arguments)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert what in result.stderr.str()


def test_a_test_runs_once_on_every_board(pytester: pytest.Pytester) -> None:
    arguments = ("--mcuforge-board", "pico", "--mcuforge-board", "hifive1", "--mcuforge-emulate")
    result = run(pytester, ON_BOARD, "--collect-only", "-q", *arguments)
    assert result.outlines[:2] == [
        "test_a_test_runs_once_on_every_board.py::test_on_board[pico-emulate]",
        "test_a_test_runs_once_on_every_board.py::test_on_board[hifive1-emulate]",
    ]
    every = run(pytester, ON_BOARD, "--collect-only", "-q", "--mcuforge-board", "all")
    catalog = sorted(path.stem for path in (ROOT / "boards" / "catalog").glob("*.toml"))
    ids = [line.partition("[")[2].rstrip("]") for line in every.outlines if "::" in line]
    assert ids == catalog


def test_tests_of_one_port_are_a_group_of_xdist(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(ON_BOARD)
    boards = ("--mcuforge-board", "pico", "--mcuforge-board", "hifive1")
    auto, named = ("auto",), ("/dev/a", "--mcuforge-port", "/dev/b")
    for ports, groups in ((auto, ["pico", "hifive1"]), (named, ["/dev/a", "/dev/b"])):
        way = (*boards, "--mcuforge-port", *ports)
        items, _ = pytester.inline_genitems(*ARGUMENTS, "-p", "xdist", "--strict-markers", *way)
        marks = [item.get_closest_marker("xdist_group") for item in items]
        assert [mark and mark.args for mark in marks] == [(group,) for group in groups]
    items, _ = pytester.inline_genitems(*ARGUMENTS, "--strict-markers", *way)
    assert [item.get_closest_marker("xdist_group") for item in items] == [None, None]


def test_a_conftest_may_choose_boards_as_docs_say(pytester: pytest.Pytester) -> None:
    text = (ROOT / "docs" / "testing.md").read_text(encoding="utf-8")
    _, conftest = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    pytester.makeconftest(conftest)
    name = "test_a_conftest_may_choose_boards_as_docs_say.py"
    own = run(pytester, ON_BOARD, "--collect-only", "-q")
    assert own.outlines[:2] == [
        f"{name}::test_on_board[nucleo_f446re-exact]",
        f"{name}::test_on_board[hifive1-emulate]",
    ]
    given = run(pytester, ON_BOARD, "--collect-only", "-q", "--mcuforge-board", "pico")
    assert [line for line in given.outlines if "::" in line] == [f"{name}::test_on_board[pico]"]


@pytest.mark.parametrize("arguments", [(), ("--mcuforge-board", "pico", "--mcuforge-emulate")])
def test_a_board_of_the_users_own_is_left_alone(
    pytester: pytest.Pytester, arguments: tuple[str, ...]
) -> None:
    test = """
    import pytest

    @pytest.fixture
    def board():
        return "chess"

    def test_fixture(board):
        assert board == "chess"

    @pytest.mark.parametrize("board", ["a", "b"])
    def test_parameter(board):
        assert board in "ab"
    """
    run(pytester, test, *arguments).assert_outcomes(passed=3)


def test_a_model_that_cannot_be_read_is_three_lines_and_in_the_record(
    pytester: pytest.Pytester,
) -> None:
    arguments = ("--mcuforge-board", "pico", "--mcuforge-emulate", "--mcuforge-record", "r.json")
    result = run(pytester, ON_BOARD, *arguments)
    result.assert_outcomes(failed=1)
    said = result.stdout.str()
    assert "mcuforge/testing" not in said, "our frames are hidden"
    result.stdout.fnmatch_lines(["E*error: there is no such file*", "E*where:*", "E*try:*"])
    content = json.loads((pytester.path / "r.json").read_text())
    (test,) = content["tests"]
    assert test["outcome"] == "failed"
    (found,) = test["deployed"]
    assert found["error"].startswith("there is no such file")
    assert (found["board"], found["way"], found["ram"]) == ("pico", "emulate", None)


def test_options_that_are_not_of_a_plan_are_three_lines(pytester: pytest.Pytester) -> None:
    test = ON_BOARD.replace('tflite"', 'tflite", options="ram"')
    result = run(pytester, test, "--mcuforge-board", "pico", "--mcuforge-emulate")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E*error: options is 'ram', expected mcuforge.PlanOptions"])


def test_a_record_without_boards_is_empty(pytester: pytest.Pytester) -> None:
    run(pytester, "def test_plain(): pass", "--mcuforge-record", "r.json").assert_outcomes(passed=1)
    assert json.loads((pytester.path / "r.json").read_text())["tests"] == []


def test_skipped_boards_are_in_the_record(pytester: pytest.Pytester) -> None:
    arguments = ("--mcuforge-board", "pico", "--mcuforge-record", "r.json")
    run(pytester, ON_BOARD, *arguments).assert_outcomes(skipped=1)
    name = "test_skipped_boards_are_in_the_record.py::test_on_board[pico]"
    expected = [{"test": name, "outcome": "skipped", "deployed": []}]
    assert json.loads((pytester.path / "r.json").read_text())["tests"] == expected
    spread = ("-p", "xdist", "-n", "1")
    run(pytester, ON_BOARD, *arguments, *spread).assert_outcomes(skipped=1)
    assert json.loads((pytester.path / "r.json").read_text())["tests"] == expected


def test_a_record_that_cannot_be_written_fails_the_run(pytester: pytest.Pytester) -> None:
    test = """
    def test_plain(tmp_path):
        import pathlib, shutil
        shutil.rmtree("folder")
    """
    (pytester.path / "folder").mkdir()
    result = run(pytester, test, "--mcuforge-record", "folder/r.json")
    result.assert_outcomes(passed=1)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    said = result.stdout.str()
    assert "--mcuforge-record: error: cannot write the file: No such file or directory" in said
    assert "INTERNALERROR" not in said + result.stderr.str()


def test_the_keys_of_the_record_are_documented() -> None:
    text = (ROOT / "docs" / "testing.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `tests\[\]\.deployed\[\]\.(\w+)", text, re.MULTILINE)
    assert rows == ["board", "way", "model", *NOT_KNOWN]


def test_a_run_that_uses_no_board_imports_nothing_of_ours_but_the_plugin(tmp_path: Path) -> None:
    (tmp_path / "test_plain.py").write_text("def test_plain(): pass\n")
    script = (
        "import sys, pytest; code = pytest.main(sys.argv[1:]);"
        "ours = {m for m in sys.modules if m.startswith('mcuforge')};"
        "heavy = {m.partition('.')[0] for m in sys.modules};"
        "heavy &= {'numpy', 'serial', 'typer', 'rich', 'jinja2'};"
        "print(int(code), sorted(ours), sorted(heavy))"
    )
    arguments = (*ARGUMENTS, "-q", "--strict-markers", "-W", "error", str(tmp_path))
    result = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    names = ["mcuforge", "mcuforge.errors", "mcuforge.testing", "mcuforge.testing.ways"]
    names += ["mcuforge.testing.plugin", "mcuforge.version"]
    assert result.stdout.splitlines()[-1] == f"0 {sorted(names)} []"
