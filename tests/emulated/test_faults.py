# SPDX-License-Identifier: Apache-2.0
"""A board that hangs, crashes, lies or scribbles ends in a clear error, in bounded time."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest
from rich.console import Console

import mcuforge.flow.firmware
import mcuforge.flow.target
from mcuforge.commands.deploy import Request, deploy
from mcuforge.compiler.codegen.check import check_model
from mcuforge.errors import BoardError
from mcuforge.flow.session import compile_session, open_session
from mcuforge.report.progress import Stages

ROOT = Path(__file__).resolve().parents[2]
MODEL = ROOT / "examples" / "digits" / "digits_cnn.tflite"
QUIET = Stages(Console(stderr=True), quiet=True)
BOUND_SECONDS = 60
RUN = "static int32_t mcuforge_model_run(int32_t begin, int32_t end, int32_t *reached)\n{\n"
BOARDS = ("qemu-mps2-an386", "qemu-riscv32")


def sabotage(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    """Make the built firmware execute `code` whenever the model is run."""

    def broken(*arguments: object, **options: object) -> str:
        text = check_model(*arguments, **options)  # type: ignore[arg-type]
        assert RUN in text
        declaration = '#include "board.h"\n#include "check_model.h"\n'
        text = text.replace('#include "check_model.h"\n', declaration, 1)
        return text.replace(RUN, f"{RUN}    {code}\n", 1)

    monkeypatch.setattr(mcuforge.flow.firmware, "check_model", broken)
    monkeypatch.setattr(mcuforge.flow.target, "RUN_SECONDS", 5.0)  # the demo takes milliseconds


def spoil_layer_2(monkeypatch: pytest.MonkeyPatch, board: str) -> None:
    """Let layer 2 of the model read stray bytes: its input is changed just before it runs first."""
    compiled = compile_session(open_session(MODEL, board, emulate=True))
    layer = compiled.schedule.layers[2]
    read = compiled.schedule.buffer(layer.node.activations[0])
    at = compiled.plan.placements[read.name].offset
    step = [x is layer for x, _ in compiled.schedule.steps].index(True)
    sabotage(
        monkeypatch,
        f"if (begin <= {step} && end > {step}) {{\n"
        f"        {MODEL.stem}_run_steps(&state, begin, {step});\n"
        "        for (int32_t i = 0; i < 64; i++) {\n"
        f"            arena[CANARY_BYTES + {at} + i] ^= 0x5aU;\n        }}\n"
        "        *reached = end;\n"
        f"        return {MODEL.stem}_run_steps(&state, {step}, end);\n    }}",
    )


def emulators() -> int:
    """QEMU processes that run an image of a folder of ours."""
    listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True)
    return sum(
        "qemu-system" in line and str(MODEL.stem) in line for line in listed.stdout.split("\n")
    )


DEATHS = {
    "hangs": ("for (volatile int32_t i = 0; i == 0;) {\n    }", "no answer"),
    "writes where nothing is": ("*(volatile uint32_t *)(uintptr_t)0xfffffff0u = 1u;", "crashed"),
    "jumps into nowhere": ("((void (*)(void))(uintptr_t)0xe0000000u)();", "crashed"),
    "halts": ("board_halt();", "no answer"),
}
# silence is the host's to notice, whatever the board; what a crash says is each core's own
SILENT_ON = {"hangs": BOARDS[0], "halts": BOARDS[1]}


@pytest.mark.parametrize(
    ("board", "code", "said"),
    [
        pytest.param(
            board,
            *death,
            id=f"{name}-{board}",
            marks=[] if SILENT_ON.get(name, board) == board else [pytest.mark.slow],
        )
        for name, death in DEATHS.items()
        for board in BOARDS
    ],
)
def test_a_dead_board_is_an_error_with_its_last_words(
    board: str, code: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sabotage(monkeypatch, code)
    started = time.monotonic()
    with pytest.raises(BoardError) as error:
        deploy(Request(MODEL, board, emulate=True, samples=1), QUIET)
    assert said in error.value.what.lower()
    assert board in error.value.where
    assert error.value.hint
    assert time.monotonic() - started < BOUND_SECONDS


def test_a_wrong_answer_fails_and_names_the_first_layer(monkeypatch: pytest.MonkeyPatch) -> None:
    board = "qemu-mps2-an386"
    spoil_layer_2(monkeypatch, board)
    report = deploy(Request(MODEL, board, emulate=True, samples=4), QUIET)
    assert report.verdict == "fail"
    assert report.check.mismatched_elements > 0
    assert any("first layer that differs: operator 2 CONV_2D" in r for r in report.reasons)
    assert any("expected" in r and "got" in r for r in report.reasons)


def test_a_write_outside_the_arena_is_told_from_a_wrong_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sabotage(monkeypatch, f"arena[CANARY_BYTES + {MODEL.stem.upper()}_ARENA_BYTES] = 0;")
    with pytest.raises(BoardError) as error:
        deploy(Request(MODEL, "qemu-riscv32", emulate=True, samples=1), QUIET)
    assert "outside its arena" in error.value.what


def test_no_emulator_is_left_behind() -> None:
    deploy(Request(MODEL, "qemu-riscv32", emulate=True, samples=1), QUIET)
    assert emulators() == 0
