# SPDX-License-Identifier: Apache-2.0
"""examples/ci in a repository of its own: its commands pass, and fail when the model got worse."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A user's repository with a model and its data, and `mcuforge` on its PATH."""
    models, tools = tmp_path / "repo" / "models", tmp_path / "bin"
    models.mkdir(parents=True)
    tools.mkdir()
    for name in ("digits_cnn.tflite", "digits_test.npz"):
        shutil.copy(EXAMPLES / "digits" / name, models)
    script = tools / "mcuforge"
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m mcuforge "$@"\n')
    script.chmod(0o755)
    return models.parent


def shell(
    command: str, repository: Path, variables: dict[str, str] | None = None
) -> tuple[int, str]:
    """Exit code and output of a command, run as a runner of GitHub does."""
    tools = repository.parent / "bin"
    variables = os.environ | (variables or {}) | {"PYTHONPATH": str(ROOT)}
    variables["PATH"] = f"{tools}{os.pathsep}{variables['PATH']}"
    result = subprocess.run(
        ["bash", "-eo", "pipefail", "-c", command],
        cwd=repository,
        env=variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=600,
    )
    return result.returncode, result.stdout


def test_the_workflow_passes_and_fails_with_the_reasons(repository: Path) -> None:
    workflow = load(EXAMPLES / "ci" / "mcuforge.yml")
    assert workflow["name"]
    assert set(workflow[True]) == {"push", "pull_request"}  # YAML 1.1 reads the key `on` as true
    (job,) = workflow["jobs"].values()
    for step in job["steps"]:
        assert ("uses" in step) != ("run" in step), step
    commands = [s["run"] for s in job["steps"] if "mcuforge " in s.get("run", "").partition("$")[0]]
    plan, deploy = commands
    variables = job["env"]
    made = (  # as docs/ci.md says
        'mcuforge deploy "$MODEL" --board "$BOARD" --emulate --data "$DATA" --json "$BASELINE"'
    )
    code, said = shell(made, repository, variables)
    assert code == 0, said
    assert shell(plan, repository, variables)[0] == 0
    code, said = shell(deploy, repository, variables)
    assert code == 0, said
    report = json.loads((repository / "report.json").read_text())
    assert [limit["passed"] for limit in report["gate"]["limits"]] == [True] * 4
    changes = {change["figure"]: change for change in report["gate"]["changes"]}
    judgements = {name: change["judgement"] for name, change in changes.items()}
    assert judgements.pop("instructions") != "regression"
    assert judgements == {"ram": "same", "flash": "same", "accuracy": "same"}
    counted = changes["instructions"]  # they repeat to one tick of the emulated timer
    assert abs(counted["now"] - counted["before"]) <= 40
    assert report["gate"]["baseline"] == Path(variables["BASELINE"]).name

    tight = deploy.replace("--max-ram 4K", "--max-ram 1K --optimize speed")
    code, said = shell(tight, repository, variables)
    assert code == 1
    ram = json.loads((repository / "report.json").read_text())["ram"]["total"]
    assert f"reason:   RAM: {ram:,} bytes, 1,024 allowed (--max-ram)\n" in said
    assert re.search(r"reason:   RAM: [\d,]+ bytes, [\d,]+ in digits_cnn.baseline.json: \+", said)
    assert said.endswith("verdict: fail\n")


def hook_command(hook: dict[str, Any], args: list[str] | None = None) -> str:
    """What pre-commit runs for a hook that gets no file names."""
    assert hook["pass_filenames"] is False
    return " ".join([hook["entry"], *(hook["args"] if args is None else args)])


def test_the_hook_of_the_example_holds_the_model_to_its_limits(repository: Path) -> None:
    config = load(EXAMPLES / "ci" / "pre-commit-config.yaml")
    ((hook,),) = [repo["hooks"] for repo in config["repos"]]
    assert re.search(hook["files"], "models/digits_cnn.tflite")
    assert not re.search(hook["files"], "models/digits_cnn_tflite")
    assert (hook["language"], shell(hook_command(hook), repository)[0]) == ("system", 0)
    code, said = shell(hook_command(hook).replace("4K", "1K"), repository)
    assert code == 1
    assert "error: the plan is over its limit: arena: 1,856 bytes, 1,024 allowed" in said


def test_the_hooks_that_we_define_run_what_docs_give_them(repository: Path) -> None:
    hooks = {hook["id"]: hook for hook in load(ROOT / ".pre-commit-hooks.yaml")}
    for hook in hooks.values():
        assert {"id", "name", "entry", "language", "files"} <= set(hook)
        assert re.search(hook["files"], "models/kws.tflite")
        assert not re.search(hook["files"], "docs/kws.md")
    text = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"^```yaml\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    ((used),) = [repo["hooks"] for repo in yaml.safe_load(shown)["repos"]]
    assert [hook["id"] for hook in used] == list(hooks)
    for hook in used:
        names = {"models/kws.tflite": "models/digits_cnn.tflite"}
        names["models/kws_test.npz"] = "models/digits_test.npz"
        args = [names.get(word, word) for word in hook["args"]]
        command = hook_command(hooks[hook["id"]], args)
        code, said = shell(command + (" -n 4" if "deploy" in command else ""), repository)
        assert code == 0, said


def test_the_hook_runs_when_what_decides_it_changes() -> None:
    hooks = {hook["id"]: hook for hook in load(ROOT / ".pre-commit-hooks.yaml")}
    files = hooks["mcuforge-deploy"]["files"]
    for name in ("models/kws.tflite", "kws_test.npz", "models/kws.baseline.json"):
        assert re.search(files, name), name
