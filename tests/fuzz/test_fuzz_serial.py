# SPDX-License-Identifier: Apache-2.0
"""The fuzzer of the serial line: its seeds pass, and it sees what it is there to see."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from mcuforge.runtime_c.sources import firmware_dir, firmware_sources
from tests.fuzz.serial import FLAGS, HARD, HARNESS, TOY, build, request, seeds, toy_variants

pytestmark = pytest.mark.skipif(shutil.which("clang") is None, reason="clang is not installed")


def replay(
    program: Path, folder: Path, inputs: tuple[bytes, ...]
) -> subprocess.CompletedProcess[str]:
    """Feed the fuzzer's harness these inputs and no others."""
    files = []
    for index, data in enumerate(inputs):
        file = folder / f"input-{index}"
        file.write_bytes(data)
        files.append(file)
    return subprocess.run(
        [program, *files], cwd=folder, capture_output=True, text=True, check=False, env=os.environ
    )


@pytest.mark.parametrize("index", range(len(toy_variants())))
def test_every_seed_passes_and_some_thousand_mutations(tmp_path: Path, index: int) -> None:
    program = build(toy_variants()[index], tmp_path)
    done = replay(program, tmp_path, seeds())
    assert done.returncode == 0, done.stderr
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    for number, seed in enumerate(seeds()):
        (corpus / str(number)).write_bytes(seed)
    limits = ["-runs=3000", "-seed=1", "-max_len=4096", "-verbosity=0"]
    done = subprocess.run(
        [program, corpus, *limits], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_a_write_past_an_input_would_be_seen(tmp_path: Path) -> None:
    broken = tmp_path / "session.c"
    sources = {source.name: source for source in firmware_sources() if source.name != "main.c"}
    text = sources["session.c"].read_text()
    check = "size > tensor->bytes - offset"
    assert text.count(check) == 1
    broken.write_text(text.replace(check, "size > tensor->bytes"))
    sources["session.c"] = broken
    program = tmp_path / "fuzz"
    subprocess.run(
        [
            "clang",
            *FLAGS,
            *HARD,
            f"-I{firmware_dir()}",
            HARNESS,
            TOY,
            *sources.values(),
            "-o",
            program,
        ],
        check=True,
    )
    done = replay(program, tmp_path, (request(3, 1, 12, data=bytes(8)),))
    assert done.returncode != 0
    assert "wrote outside the model's arena" in done.stderr
