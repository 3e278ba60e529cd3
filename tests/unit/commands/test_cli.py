# SPDX-License-Identifier: Apache-2.0
"""The command line's contract: exit codes, three lines for an error, whole JSON files."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import sys
from pathlib import Path

import pytest

import mcuforge
from mcuforge import cli
from mcuforge.commands import boards
from mcuforge.errors import InternalError
from mcuforge.flow.project import as_told
from mcuforge.flow.session import open_session

ROOT = Path(__file__).resolve().parents[3]
MODEL = str(ROOT / "examples" / "digits" / "digits_cnn.tflite")


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """The exit code of `mcuforge ARGUMENTS`."""
    monkeypatch.setattr(sys, "argv", ["mcuforge", *arguments])
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        cli.main()
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 0
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return 0


def labels(text: str) -> list[str]:
    """The first word of each line."""
    return [line.split(":")[0] for line in text.splitlines()]


def test_the_version_is_the_packages(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "--version") == 0
    assert capsys.readouterr().out == f"mcuforge {mcuforge.__version__}\n"


@pytest.mark.parametrize(
    "command",
    ["deploy", "compile", "plan", "ops", "boards", "doctor", "check", "bench", "quantize"],
)
def test_every_command_has_help_with_an_example(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    assert run(monkeypatch, command, "--help") == 0
    assert f"Example: mcuforge {command}" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [
        ("fly",),
        ("deploy", MODEL),
        ("deploy", MODEL, "--board", "hifive1", "--emulate", "--port", "/dev/null"),
        ("deploy", MODEL, "--board", "hifive1", "--emulate", "--samples", "0"),
        ("compile", MODEL, "--board", "hifive1"),
    ],
)
def test_wrong_usage_is_exit_2(monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]) -> None:
    assert run(monkeypatch, *arguments) == 2


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (("plan", "no.tflite", "--board", "hifive1"), "there is no such file"),
        (("plan", MODEL, "--board", "hifive2"), "no board is called 'hifive2'"),
        (("deploy", MODEL, "--board", "hifive1"), "none of --port, --exact and --emulate"),
        (("deploy", MODEL, "--board", "qemu-mps2-an386", "--port", "/dev/ttyX"), "is emulated"),
        (
            ("deploy", MODEL, "--board", "hifive1", "--emulate", "--protocol", "jlink"),
            "nothing is flashed",
        ),
        (
            ("deploy", MODEL, "--board", "hifive1", "--emulate", "--line-speed"),
            "--exact is not given",
        ),
        (("doctor", "--port", "/dev/ttyX"), "no board is given"),
        (("check", "/nowhere", "--data", "x.npz"), "is not a project of mcuforge"),
        (("check", str(ROOT / "mcuforge"), "--data", "x.npz"), "does not belong to a project"),
    ],
)
def test_what_the_user_can_mend_is_exit_1_and_three_lines(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    what: str,
) -> None:
    assert run(monkeypatch, *arguments) == 1
    said = capsys.readouterr().err
    assert what in said.splitlines()[0]
    assert labels(said) == ["error", "where", "try"]


def test_a_bug_is_exit_3_with_its_traceback_in_a_file(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def fail(*_: object) -> None:
        raise InternalError("two and two are five")

    monkeypatch.setattr(boards, "BoardList", fail)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert run(monkeypatch, "boards") == 3
    said = capsys.readouterr().err
    assert labels(said) == ["error", "where", "try"]
    assert "two and two are five" in said
    assert "this is our fault" in said
    (dump,) = tmp_path.iterdir()
    assert str(dump) in said
    assert "Traceback" in dump.read_text()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_end_unwinds_and_says_so_in_the_exit_code(
    monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    cleaned = []

    def killed(*_: object) -> None:
        try:
            os.kill(os.getpid(), number)
        finally:
            cleaned.append(True)

    monkeypatch.setattr(boards, "BoardList", killed)
    signal.signal(number, signal.SIG_DFL)  # pytest may run under nohup
    assert run(monkeypatch, "boards") == 128 + number
    assert cleaned == [True]


@pytest.mark.parametrize("command", ["deploy", "check"])
def test_a_refusal_replaces_the_report_of_an_earlier_pass(
    command: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "report.json"
    file.write_text('{"verdict": "pass"}')
    options = {
        "deploy": ("no such file.tflite", "--board", "hifive1", "--emulate"),
        "check": (str(tmp_path), "--data", "no such file.npz"),
    }
    assert run(monkeypatch, command, *options[command], "--json", str(file)) == 1
    content = json.loads(file.read_text())
    assert content["mcuforge"] == mcuforge.__version__
    assert content["verdict"] == "fail"
    assert [line.partition(":")[0] for line in content["reasons"][1:]] == ["where", "try"]
    assert content["check"] is None


def test_a_plan_as_json_places_every_buffer(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "plan.json"
    assert run(monkeypatch, "plan", MODEL, "--board", "disco_f746ng", "--json", str(file)) == 0
    content = json.loads(file.read_text())
    assert content["mcuforge"] == mcuforge.__version__
    assert content["plan"]["peak"] == max(b["offset"] + b["bytes"] for b in content["buffers"])
    assert len(content["layers"]) == 10


def test_a_file_name_in_brackets_is_no_markup(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    model = tmp_path / "[red]a[bold] net.tflite"
    model.write_bytes(Path(MODEL).read_bytes())
    out = tmp_path / "out"
    assert run(monkeypatch, "compile", str(model), "--board", "hifive1", "--out", str(out)) == 0
    assert model.name in capsys.readouterr().out.replace("\n", "")
    assert (out / "src" / "main.c").is_file()


def test_a_file_that_is_no_program_is_not_started(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    digest = "0" * 64
    manifest = {"model": "m", "sha256": digest, "board": "qemu-mps2-an386", "emulated": True}
    (tmp_path / "mcuforge.json").write_text(json.dumps(manifest))
    (tmp_path / "notes.txt").write_text("hello")
    notes = str(tmp_path / "notes.txt")
    assert run(monkeypatch, "check", notes, "--data", "x.npz", "--model", MODEL) == 1
    assert "the firmware was built from another model" in capsys.readouterr().err
    manifest["sha256"] = hashlib.sha256(Path(MODEL).read_bytes()).hexdigest()
    (tmp_path / "mcuforge.json").write_text(json.dumps(manifest))
    assert run(monkeypatch, "check", notes, "--data", "x.npz", "--model", MODEL) == 1
    assert "this file is not an ELF file" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("board", "tick_hz", "emulated"),
    [
        ("hifive1", 16_000_000, False),
        ("hifive1", 1_000_000_000, True),
        ("netduinoplus2", 1_000_000_000, True),
        ("disco_f746ng", 25_000_000, True),
    ],
)
def test_a_board_at_a_port_is_what_its_clock_says(board: str, tick_hz: int, emulated: bool) -> None:
    session = open_session(Path(MODEL), board, emulate=True)
    assert as_told(session, tick_hz).board.emulated == emulated
