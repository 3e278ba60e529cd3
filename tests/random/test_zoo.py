# SPDX-License-Identifier: Apache-2.0
"""`python -m scripts.zoo`: a table of what becomes of model files, whatever the files do."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from mcuforge.compiler import reference
from mcuforge.compiler.frontends import read_model
from mcuforge.compiler.user_ports import port_of, to_file, to_graph
from scripts import zoo
from tests.unit.test_layout import ROOT

DIGITS = ROOT / "examples" / "digits"


def rows(printed: str) -> dict[str, list[str]]:
    """The cells of the table of files by the file's name."""
    lines = [line.strip("|").split(" | ") for line in printed.splitlines() if line[:2] == "| "]
    return {cells[0].strip(): [cell.strip() for cell in cells[1:]] for cells in lines}


def write_answers(model: Path, wrong: float = 0) -> None:
    """Write the right answers to one sample beside a model, off by `wrong`."""
    graph = read_model(model)
    (tensor,), (output,) = graph.inputs, graph.outputs
    port, out = port_of(graph, tensor), port_of(graph, output)
    if model.suffix == ".onnx":
        x = np.random.default_rng(1).uniform(0, 1, port.shape).astype(port.dtype)
    else:
        x = np.random.default_rng(1).integers(-128, 128, port.shape).astype(port.dtype)
    (y,) = reference.run(graph, [to_graph(x[np.newaxis], port, tensor)[0]])
    name = tensor.name if model.suffix == ".onnx" else "0"
    answer = to_file(y[np.newaxis], out, output)[0] + np.array(wrong, out.dtype)
    kind = model.suffix.removeprefix(".")
    np.savez(model.with_name(f"{model.stem}_{kind}.npz"), **{f"in_{name}": x, "out_0": answer})


@pytest.fixture
def animals(tmp_path: Path) -> Path:
    """A folder with two models that are read, one with wrong answers beside it, and one damaged."""
    folder = tmp_path / "models"
    (folder / "deep").mkdir(parents=True)
    for place, name in ((folder, "digits_cnn.tflite"), (folder / "deep", "digits_vit.onnx")):
        (place / name).write_bytes((DIGITS / name).read_bytes())
        write_answers(place / name)
    (folder / "wrong.tflite").write_bytes((DIGITS / "digits_cnn.tflite").read_bytes())
    write_answers(folder / "wrong.tflite", 1)
    (folder / "damaged.tflite").write_bytes((DIGITS / "digits_cnn.tflite").read_bytes()[:999])
    return folder


def test_a_folder_becomes_a_table_and_a_second_run_a_journal(
    animals: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    words = [str(animals), "--no-board", "--samples", "2", "--journal", str(tmp_path / "j.jsonl")]
    assert zoo.main(words) == 1, "wrong.tflite's answers are not those beside it"
    first = capfd.readouterr()
    found = rows(first.out)
    assert found["digits_cnn.tflite"][:3] == ["yes", "3 of 3", "equal"]
    assert found["deep/digits_vit.onnx"][2] == "equal"
    assert found["wrong.tflite"][:3] == ["yes", "3 of 3", "10 of 10 differ"]
    assert found["damaged.tflite"][0] == "no"
    assert "the file is damaged" in found["damaged.tflite"][4]
    assert "| 4 | 3 | 1 | 0 | 3 of 3 | 2 of 3 |" in first.out

    with (tmp_path / "j.jsonl").open("a") as file:
        file.write('{"key": "half a li')  # somebody pulled the plug
    (animals / "wrong.tflite").unlink()
    write_answers(animals / "digits_cnn.tflite", 2)
    assert zoo.main(words) == 1, "the answers beside digits_cnn.tflite have changed"
    again = capfd.readouterr()
    assert "2 of 3 are in the journal" in again.err
    assert rows(again.out)["deep/digits_vit.onnx"] == found["deep/digits_vit.onnx"]
    assert rows(again.out)["digits_cnn.tflite"][2] == "10 of 10 differ"


@pytest.mark.parametrize(
    ("limit", "why"),
    [(["--seconds", "0.05"], "not done after 0.05 s"), (["--mebibytes", "20"], "")],
)
def test_a_model_that_takes_too_much_ends_alone(
    limit: list[str], why: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    journal = tmp_path / "j.jsonl"
    model = str(DIGITS / "digits_vit.onnx")
    assert zoo.main([model, "--no-board", "--journal", str(journal), *limit]) == 1
    found = rows(capfd.readouterr().out)["digits_vit.onnx"]
    assert found[4].startswith(f"the process died: {why}")
    (line,) = journal.read_text().splitlines()
    assert json.loads(line)["result"]["died"]


def test_a_list_names_models_beside_it(tmp_path: Path) -> None:
    (tmp_path / "some").mkdir()
    for name in ("a.onnx", "some/b.tflite", "some/c.txt"):
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "list.txt").write_text("a.onnx\n\nsome\n")
    assert list(zoo.models([tmp_path / "list.txt"])) == ["a.onnx", "b.tflite"]
    with pytest.raises(SystemExit, match="no model file"):
        zoo.models([tmp_path / "missing.onnx"])


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_a_zoo_that_is_ended_ends_what_it_runs(stop: signal.Signals, tmp_path: Path) -> None:
    journal, file = tmp_path / "j.jsonl", DIGITS / "digits_vit.onnx"
    words = ["--samples", "4000", "--no-board", "--journal", str(journal)]
    zoo_process = subprocess.Popen(
        [sys.executable, "-m", "scripts.zoo", str(file), *words],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    while not (running := _children(zoo_process.pid)):
        time.sleep(0.05)
    zoo_process.send_signal(stop)
    assert b"Traceback" not in zoo_process.communicate(timeout=30)[1]
    assert zoo_process.returncode == 128 + stop
    assert not [pid for pid in running if Path(f"/proc/{pid}/cmdline").exists()]


def _children(pid: int) -> list[str]:
    """The processes that a process's threads started."""
    return [
        child
        for task in Path(f"/proc/{pid}/task").iterdir()
        for child in (task / "children").read_text().split()
    ]
