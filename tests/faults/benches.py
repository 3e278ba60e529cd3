# SPDX-License-Identifier: Apache-2.0
"""Firmware for campaigns: the toy model on this machine, the demo on emulated and exact boards."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from rich.console import Console

from mcuforge.compiler import reference
from mcuforge.flow.firmware import build_check
from mcuforge.flow.session import Session, compile_session, open_session
from mcuforge.report.progress import Stages
from tests.faults.campaign import Bench, Model
from tests.firmware.toy_board import TOY_HASH, link_toy, toy_answers, toy_bias, toy_input
from tests.unit.compiler.graphs import random_inputs

DIGITS = Path(__file__).resolve().parents[2] / "examples" / "digits"
DEMO, OTHER = DIGITS / "digits_cnn.tflite", DIGITS / "digits_vit.onnx"
QUIET = Stages(Console(stderr=True), quiet=True)
INPUTS = 16  # of the demo, whose reference takes longer than the board


def toy_bench(folder: Path, firmware: tuple[Path, ...]) -> Bench:
    """The toy model, under sanitizers, and one with another hash and size to swap it for."""
    for name in ("toy", "other"):
        (folder / name).mkdir()
    program = link_toy(folder / "toy", firmware)
    other = link_toy(folder / "other", firmware, "-DTOY_HASH=99", "-DINPUT_BYTES=40")
    model = Model(TOY_HASH, _toy_inputs, lambda number: toy_answers(*_toy_inputs(number)))
    return Bench("host", {"program": str(program)}, {"program": str(other)}, model)


def _toy_inputs(number: int) -> tuple[bytes, bytes]:
    return toy_input(number), toy_bias(number % 70000, -number % 999, 70000, -70000)


def demo_bench(board: str, folder: Path, *, exact: bool) -> Bench:
    """The demo on a board, and the other demo to swap it for."""
    folder.mkdir()
    graph = _session(DEMO, board, exact).graph

    @cache
    def inputs(number: int) -> tuple[bytes, ...]:
        return tuple(x.tobytes() for x in random_inputs(graph, number % INPUTS))

    @cache
    def answers(number: int) -> tuple[bytes, ...]:
        outputs = reference.run(graph, random_inputs(graph, number % INPUTS))
        return tuple(y.tobytes() for y in outputs)

    kind = {"board": board, "exact": "yes" if exact else ""}
    images = []
    for path in (DEMO, OTHER):
        session = _session(path, board, exact)
        built = build_check(session, compile_session(session), folder / path.stem)
        images.append({**kind, "elf": str(built.firmware.elf)})
    model = Model(hashlib.sha256(DEMO.read_bytes()).digest(), inputs, answers)
    name = f"{board}, {'exact' if exact else 'emulated'}"
    return Bench(name, images[0], images[1], model, 3.0, 6.0)


def _session(path: Path, board: str, exact: bool) -> Session:
    return open_session(path, board, emulate=not exact, exact=exact)
