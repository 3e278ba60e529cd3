# SPDX-License-Identifier: Apache-2.0
"""The commands that build nothing: their JSON is the documented one, their errors are clean."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from mcuforge import cli
from mcuforge.boards import doctor
from mcuforge.boards.catalog import board as catalog
from mcuforge.boards.catalog.board import Board, load_board
from mcuforge.commands import boards
from mcuforge.compiler.builders.tflite_writer import (
    ModelSpec,
    OperatorSpec,
    TensorSpec,
    write_model,
)
from mcuforge.compiler.frontends.onnx import reader as onnx
from mcuforge.compiler.frontends.tflite.reader import SUPPORTED
from mcuforge.flow import session
from tests.models.odd_writer import write_several
from tests.unit.report.documented import documented, fits, leaves

ROOT = Path(__file__).resolve().parents[3]
DIGITS = str(ROOT / "examples" / "digits" / "digits_cnn.tflite")

Run = Callable[..., int]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """Calls the command line in this process; its exit code."""

    def call(*arguments: str) -> int:
        monkeypatch.setattr(sys, "argv", ["mcuforge", *arguments])
        before = signal.getsignal(signal.SIGTERM)
        try:
            cli.main()
        except SystemExit as ended:
            return ended.code if isinstance(ended.code, int) else 0
        finally:
            signal.signal(signal.SIGTERM, before)
        return 0

    return call


def read(path: Path, command: str, names: tuple[str, ...] = ()) -> dict[str, object]:
    """A JSON file that holds what docs/report.md says of its command, and nothing else."""
    content: dict[str, object] = json.loads(path.read_text(encoding="utf-8"))
    assert list(content)[:2] == ["schema", "mcuforge"]
    kinds = documented(command)
    for key, value in leaves(content, names=names):
        assert key in kinds, f"{command}: {key} is not in docs/report.md"
        assert fits(value, kinds[key]), f"{command}: {key} is {value!r}, said to be {kinds[key]}"
    return content


def test_plan_writes_what_is_documented(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "plan.json"
    limit = ("--max-arena", "64K")
    assert run("plan", DIGITS, "--board", "nucleo_l4r5zi", *limit, "--json", str(file)) == 0
    content = read(file, "plan")
    noted = {"model.notes[]"}  # of files that are not read as they state
    assert set(documented("plan")) - noted == {key for key, _ in leaves(content)}


def test_the_table_of_operators_is_documented(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "ops.json"
    assert run("ops", "--json", str(file)) == 0
    names = ("operators:NAME", "onnx:NAME", "kernels:KERNEL")
    content = read(file, "ops", names)
    assert isinstance(content["operators"], dict)
    assert set(content["operators"]) == set(SUPPORTED)
    assert isinstance(content["onnx"], dict)
    assert set(content["onnx"]) == set(onnx.SUPPORTED)
    said = capsys.readouterr().out
    assert all(f" {name} " in said for name in (*SUPPORTED, *onnx.SUPPORTED))


def test_every_operator_of_a_model_is_documented(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "ops.json"
    assert run("ops", DIGITS, "--json", str(file)) == 0
    content = read(file, "ops MODEL")
    assert set(documented("ops MODEL")) == {key for key, _ in leaves(content)}


def test_signature_chooses_and_every_command_says_which_one(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    relu = ModelSpec(
        tuple(TensorSpec(name, (1, 6), "int8", (0.1,)) for name in "xy"),
        (OperatorSpec("RELU", (0,), (1,)),),
        (0,),
        (1,),
    )
    tanh = replace(relu, operators=(OperatorSpec("RELU6", (0,), (1,)),))
    model, file = tmp_path / "two.tflite", tmp_path / "said.json"
    model.write_bytes(write_several({"first": relu, "second": tanh}))
    assert run("ops", str(model), "--json", str(file)) == 0
    assert "signature first; the file has first, second: --signature" in capsys.readouterr().out
    assert run("ops", str(model), "--signature", "second", "--json", str(file)) == 0
    assert json.loads(file.read_text())["operators"][0]["operator"] == "RELU6"
    board = ("--board", "nucleo_f446re")
    assert run("plan", str(model), *board, "--signature", "second", "--json", str(file)) == 0
    facts = json.loads(file.read_text())["model"]
    assert (facts["signature"], facts["signatures"]) == ("second", ["first", "second"])
    for command in (("plan", str(model), *board), ("ops", str(model))):
        assert run(*command, "--signature", "third") == 1
        assert "no signature 'third', it has first, second" in capsys.readouterr().err


def test_boards_are_documented_one_or_all(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    everything, one = tmp_path / "all.json", tmp_path / "one.json"
    assert run("boards", "--json", str(everything)) == 0
    said = capsys.readouterr().out
    content = read(everything, "boards")
    assert isinstance(content["boards"], list)
    ids = [board["id"] for board in content["boards"]]
    assert all(f" {name} " in said for name in ids)  # never cut: they are there to be copied
    assert run("boards", "disco_f746ng", "--json", str(one)) == 0
    chosen = [board for board in content["boards"] if board["id"] == "disco_f746ng"]
    assert read(one, "boards")["boards"] == chosen
    assert len(chosen) == 1
    said = capsys.readouterr().out
    assert "dtcm: ram at 0x20000000, 65,536 bytes, speed 3\n" in said
    assert "qspi: flash at 0x90000000, 16,777,216 bytes, speed 1, external\n" in said


def test_a_board_says_every_way_to_run_firmware(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("boards", "pico") == 0
    ways = "runs: --emulate (qemu-mps2-m0plus), --exact (virtual rp2040), --port\n"
    assert ways in capsys.readouterr().out
    assert run("boards", "hifive1") == 0
    assert "runs: emulated, --port\n" in capsys.readouterr().out


def test_the_doctor_fails_when_something_is_missing(
    run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = doctor.ToolStatus("a_tool", "a purpose", False, "", "install it")
    monkeypatch.setattr(doctor, "tools", lambda boards: (missing,))
    assert run("doctor") == 1
    said = capsys.readouterr().out
    assert "missing" in said
    assert "install it" in said


def refused_model(folder: Path) -> Path:
    """A model with an operator nobody takes, and one that computes in float."""
    tensors = (
        TensorSpec("x", (1, 6), "int8", (0.1,)),
        TensorSpec("y", (1, 6), "int8", (0.1,)),
        TensorSpec("f", (1, 6), "float32"),
        TensorSpec("g", (1, 6), "float32"),
    )
    operators = (OperatorSpec("WHILE", (0,), (1,)), OperatorSpec("RELU", (2,), (3,)))
    path = folder / "odd.tflite"
    path.write_bytes(write_model(ModelSpec(tensors, operators, (0, 2), (1, 3))))
    return path


def test_every_operator_that_is_refused_is_named_with_its_remedy(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "ops.json"
    assert run("ops", str(refused_model(tmp_path)), "--json", str(file)) == 1
    read(file, "ops MODEL")
    said = capsys.readouterr().out
    assert said.count("error: ") == said.count("where: ") == said.count("try:   ") == 2
    assert "WHILE is not supported" in said
    assert said.splitlines()[-1].startswith("next: 1. WHILE: write the loop out")
    assert "float32" in said


def small_board(monkeypatch: pytest.MonkeyPatch, ram_bytes: int) -> None:
    """Every board has as little RAM."""

    def load(board_id: str, folder: Path = catalog.FOLDER) -> Board:
        return replace(load_board(board_id, folder), ram_bytes=ram_bytes)

    monkeypatch.setattr(session, "load_board", load)


def test_a_plan_over_the_budget_is_shown_and_refused(
    run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    small_board(monkeypatch, 1791)
    assert run("plan", DIGITS, "--board", "qemu-mps2-an386") == 1
    said = capsys.readouterr()
    assert "block2/pointwise" in said.out
    lines = said.err.splitlines()
    assert lines[0] == (
        "error: the model needs 1,792 bytes of RAM for its arena alone, "
        "qemu-mps2-an386 has 1,791 bytes"
    )
    assert lines[1].startswith("where: digits_cnn.tflite, operator 2 CONV_2D 'block2/pointwise': ")
    assert lines[2].startswith("try:   ")
    assert len(lines) == 3


def test_a_model_that_does_not_fit_leaves_no_folder(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    small_board(monkeypatch, 100)
    out = tmp_path / "out"
    assert run("compile", DIGITS, "--board", "qemu-mps2-an386", "--out", str(out)) == 1
    assert not list(tmp_path.iterdir())


def test_a_compiled_model_is_a_project_that_says_where_things_are(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, dumps = tmp_path / "out", tmp_path / "dumps"
    arguments = ("--board", "disco_f746ng", "--out", str(out), "--dump-passes", str(dumps))
    assert run("compile", DIGITS, *arguments) == 0
    said = capsys.readouterr().out.replace("\n", " ")
    for file in ("src/model.c", "src/weights.c", "include/model.h", "src/main.c"):
        assert file in said
        assert (out / file).is_file()
    assert (out / "platformio.ini").is_file()
    assert len(list(dumps.iterdir())) > 3
    assert run("compile", DIGITS, *arguments) == 0  # the same command again is not a conflict


def test_compile_writes_what_is_documented(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, file = tmp_path / "out", tmp_path / "compile.json"
    words = ("--board", "disco_f746ng", "--out", str(out), "--json", str(file))
    limits = ("--weights", "external", "--max-arena", "64K")
    assert run("compile", DIGITS, *words, *limits, "--quiet") == 0
    (out / ".pio").mkdir()
    (out / ".pio" / "built").write_text("")
    assert run("compile", DIGITS, *words, *limits, "--quiet") == 0
    said = capsys.readouterr()
    assert said.err == "", "no progress"
    content = read(file, "compile")
    unset = {"model.notes[]", "reasons[]"}
    assert set(documented("compile")) - unset == {key for key, _ in leaves(content)}
    assert (content["verdict"], content["folder"]) == ("pass", str(out))
    files = content["files"]
    assert isinstance(files, list)
    assert {"src/model.c", "include/model.h", "platformio.ini"} <= set(files)
    assert all((out / name).is_file() for name in files)
    assert ".pio/built" not in files
    kernels = content["kernels"]
    assert isinstance(kernels, list)
    assert f"{len(kernels)} kernels" in said.out


def test_a_compile_that_fails_leaves_a_failing_report(run: Run, tmp_path: Path) -> None:
    out, file = tmp_path / "out", tmp_path / "compile.json"
    words = ("--board", "hifive1", "--out", str(out), "--json", str(file))
    assert run("compile", DIGITS, *words, "--max-arena", "1K") == 1
    content = json.loads(file.read_text())
    assert (content["verdict"], content["files"]) == ("fail", None)
    assert content["reasons"][0].startswith("the plan is over its limit: arena")
    assert not out.exists()


def test_weights_beside_the_chip_are_told_of_and_refused_where_nothing_holds_them(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    beside = ("--weights", "external", "--out", str(tmp_path / "out"))
    assert run("compile", DIGITS, "--board", "disco_f746ng", *beside) == 0
    said = capsys.readouterr().out
    assert "map qspi into memory before the first inference" in said
    assert "of them in qspi" in said
    assert ".mcuforge_weights.qspi" in (tmp_path / "out" / "src" / "weights.c").read_text()
    assert run("plan", DIGITS, "--board", "disco_f746ng") == 0
    assert "qspi" not in capsys.readouterr().out
    assert run("compile", DIGITS, "--board", "hifive1", *beside) == 1
    refusal = capsys.readouterr().err.splitlines()
    assert refusal[0] == "error: 'hifive1' has no external flash, --weights external needs one"
    assert refusal[1].startswith("where: board hifive1")
    assert refusal[2].startswith("try:   leave --weights out")


@pytest.mark.parametrize(
    "arguments",
    [
        ("plan", "none.tflite", "--board", "hifive1"),
        ("plan", DIGITS, "--board", "hifive"),
        ("ops", "none.tflite"),
        ("ops", "."),
        ("boards", "disco"),
        ("compile", DIGITS, "--board", "hifive1", "--out", "a_file/out"),
        ("compile", DIGITS, "--board", "hifive1", "--out", "o", "--dump-passes", "a_file/dump"),
        ("plan", DIGITS, "--board", "hifive1", "--json", "no_folder/x.json"),
        ("check", "none", "--data", "none.npz"),
        ("check", "a_file", "--data", "none.npz"),
        ("check", "/dev/null", "--data", "x.npz", "--model", DIGITS, "--board", "hifive"),
        ("deploy", DIGITS, "--board", "hifive1", "--emulate", "--data", "a_file"),
        ("deploy", "a_file", "--board", "hifive1", "--emulate"),
    ],
)
def test_what_the_user_can_mend_is_three_lines_and_nothing_is_left_behind(
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a_file").write_text("not a model, not data, not a project")
    assert run(*arguments) == 1
    said = capsys.readouterr().err
    lines = said.splitlines()[-3:]
    assert [line[:7] for line in lines] == ["error: ", "where: ", "try:   "]
    assert "Traceback" not in said
    assert "mcuforge/" not in lines[1]  # where is never in our code
    assert [p.name for p in tmp_path.iterdir()] == ["a_file"]


def test_a_board_nearly_named_is_suggested(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("plan", DIGITS, "--board", "disco_f746") == 1
    assert "did you mean 'disco_f746ng'? " in capsys.readouterr().err


def test_a_command_nearly_named_is_wrong_usage(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("deplay") == 2
    assert "deploy" in capsys.readouterr().err


def test_debug_raises_what_is_otherwise_told(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Exception, match="no board is called 'nowhere'"):
        run("--debug", "boards", "nowhere")

    def fail(*_: object) -> None:
        raise ZeroDivisionError("of ours")

    monkeypatch.setattr(boards, "BoardList", fail)
    with pytest.raises(ZeroDivisionError, match="of ours"):
        run("--debug", "boards")


def test_a_bug_without_words_and_an_odd_argument_still_end_in_three_lines(
    run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def fail(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(boards, "load_board", fail)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert run("boards", "\udcff\n") == 3
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "error: AssertionError: "
    assert len(lines) == 3
    (dump,) = tmp_path.iterdir()
    assert dump.read_text(encoding="utf-8").startswith("mcuforge ")


def test_an_interrupt_is_exit_130(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(boards, "BoardList", interrupted)
    assert run("boards") == 130


def started(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """`python -m mcuforge ARGUMENTS` as a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "mcuforge", *arguments],
        cwd=ROOT,
        env=os.environ | variables,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_the_package_is_a_program() -> None:
    result = started("--version")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith("mcuforge ")


def test_no_arguments_show_the_help() -> None:
    result = started()
    assert "Usage:" in result.stdout + result.stderr
    assert "deploy" in result.stdout + result.stderr


def console_script(*arguments: str, **variables: str) -> str:
    """What the installed `mcuforge ARGUMENTS` prints."""
    script = (
        f"import sys; sys.argv = {['mcuforge', *arguments]!r}; import mcuforge.cli as c; c.main()"
    )
    result = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env=os.environ | variables,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return result.stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_shell_completes_commands(shell: str) -> None:
    words = {"COMP_WORDS": "mcuforge de", "COMP_CWORD": "1", "_TYPER_COMPLETE_ARGS": "mcuforge de"}
    words["_TYPER_COMPLETE_FISH_ACTION"] = "get-args"
    offered = console_script(_MCUFORGE_COMPLETE=f"complete_{shell}", **words)
    assert "deploy" in offered
    assert "boards" not in offered


def test_the_completion_script_can_be_shown() -> None:
    disabled = {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}  # the shell is then named
    shown = console_script("--show-completion", "bash", **disabled)
    assert "complete -o default -F _mcuforge_completion mcuforge" in shown


def test_a_terminal_that_lacks_the_letters_is_no_error(tmp_path: Path) -> None:
    model = tmp_path / "größe_模型.tflite"
    model.write_bytes(Path(DIGITS).read_bytes())
    result = started("ops", str(model), PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert result.returncode == 0, result.stderr
    result = started("plan", str(model), "--board", "none", PYTHONIOENCODING="ascii")
    assert result.returncode == 1
    assert len(result.stderr.splitlines()) == 3


def test_a_reader_that_leaves_is_no_bug() -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "mcuforge", "ops"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert "fault" not in process.stderr.read()
        assert process.wait(60) != 3
