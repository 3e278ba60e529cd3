# SPDX-License-Identifier: Apache-2.0
"""tflite-runtime 2.14's reference kernels: the first link of the oracle chain, for tests.

2.14 has no wheel above Python 3.11. `answers_2_14.txt` records, as digests, its answers to every
question of these tests. On other Pythons `run_reference` lets `reference.py` answer and compares
the answer with the digest, so that the tests hold there too. `pytest --update-answers` on Python
3.11 records again; delete the file first to drop old answers.
"""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mcuforge.compiler import reference
from mcuforge.compiler.frontends.tflite.reader import read_tflite
from mcuforge.compiler.judges.interpreters import installed
from mcuforge.compiler.judges.own import NAME
from mcuforge.compiler.tensors import Array
from mcuforge.errors import CompileError
from mcuforge.report.model import Check

HAS_2_14 = importlib.util.find_spec("tflite_runtime") is not None
NEEDS_2_14 = "needs tflite-runtime 2.14, which has no wheel for this Python"
ANSWERS = Path(__file__).resolve().parent / "answers_2_14.txt"
DIGITS = 12  # hexadecimal, of a digest
OTHERWISE = "otherwise"  # recorded where reference.py is not meant to answer as 2.14 does

needs_2_14 = pytest.mark.skipif(not HAS_2_14, reason=NEEDS_2_14)


@dataclass(frozen=True)
class Port:
    """An input of a model as 2.14 reports it."""

    name: str
    shape: tuple[int, ...]
    dtype: str


class Recorded:
    """The digests of 2.14's answers, by the digests of model and inputs."""

    def __init__(self, file: Path) -> None:
        self._file = file
        lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
        self._known = dict(line.split() for line in lines if line and not line.startswith("#"))
        self.updating = False

    def get(self, key: str) -> str | None:
        return self._known.get(key)

    def note(self, key: str, answer: str) -> None:
        self._known[key] = answer

    def write(self) -> None:
        """Write the file again, sorted."""
        about = "# sha256 of model and inputs, of tflite-runtime 2.14's answer: see oracle.py"
        lines = (f"{key} {answer}" for key, answer in sorted(self._known.items()))
        self._file.write_text("\n".join((about, *lines)) + "\n", encoding="utf-8")


RECORDED = Recorded(ANSWERS)


def input_ports(model: bytes) -> tuple[Port, ...]:
    """Return the model's inputs, in order; needs 2.14 itself."""
    details = _interpreter(model).get_input_details()
    return tuple(
        Port(d["name"], tuple(int(n) for n in d["shape"]), np.dtype(d["dtype"]).name)
        for d in details
    )


def output_shapes(model: bytes) -> tuple[tuple[int, ...], ...]:
    """Return the shapes of the model's outputs in 2.14; RuntimeError where it refuses the model."""
    details = _interpreter(model).get_output_details()
    return tuple(tuple(int(n) for n in d["shape"]) for d in details)


def run_reference(
    model: bytes, inputs: Sequence[Array], *, recorded: bool = True
) -> tuple[Array, ...]:
    """Return 2.14's outputs for `inputs`, which have the inputs' own dtypes.

    Without 2.14, return reference.py's outputs if their digest is the recorded one; skip the test
    if nothing is recorded. recorded=False: do not record the answer (slow tests).
    """
    key = digest((np.frombuffer(model, np.uint8), *inputs))
    if not HAS_2_14:
        return _proved(key, model, inputs)
    answers = _interpreted(model, inputs)
    if recorded:
        _hold(key, model, inputs, answers)
    return answers


def assert_rightly_judged(check: Check) -> None:
    """Assert that 2.14, or its stand-in on this Python, judged, and that all is explained."""
    names = [interpreter.name for interpreter in installed()]
    if HAS_2_14:
        assert check.reference.startswith("tflite-runtime 2.14")
    elif check.peer is None:
        assert check.reference.startswith((*names, NAME))
    else:
        assert check.reference.startswith(NAME)
        assert check.peer in names
    assert check.peer_unexplained == ()


def digest(arrays: Sequence[Array]) -> str:
    """Return a digest of the arrays' dtypes, shapes and bytes."""
    found = hashlib.sha256()
    for array in arrays:
        found.update(f"{array.dtype.name} {array.shape};".encode())
        found.update(np.ascontiguousarray(array).tobytes())
    return found.hexdigest()[:DIGITS]


def _proved(key: str, model: bytes, inputs: Sequence[Array]) -> tuple[Array, ...]:
    known = RECORDED.get(key)
    if known is None:
        pytest.skip(f"{NEEDS_2_14}; its answer is not recorded")
    if known == OTHERWISE:
        pytest.skip(NEEDS_2_14)
    ours = reference.run(read_tflite(model), inputs)
    assert digest(ours) == known, "reference.py's answer is not the one tflite-runtime 2.14 gave"
    return ours


def _hold(key: str, model: bytes, inputs: Sequence[Array], answers: tuple[Array, ...]) -> None:
    """Record an answer, or assert that it is recorded."""
    if RECORDED.updating:
        try:
            ours: tuple[Array, ...] = reference.run(read_tflite(model), inputs)
        except CompileError:
            ours = ()
        same = digest(ours) == digest(answers)
        RECORDED.note(key, digest(answers) if same else OTHERWISE)
    known = RECORDED.get(key)
    assert known in (OTHERWISE, digest(answers)), (
        f"tests/models/{ANSWERS.name} does not have this answer: run this test with "
        "--update-answers, without -n"
    )


def _interpreted(model: bytes, inputs: Sequence[Array]) -> tuple[Array, ...]:
    interpreter = _interpreter(model)
    details = interpreter.get_input_details()
    assert len(details) == len(inputs)
    for detail, value in zip(details, inputs, strict=True):
        interpreter.set_tensor(detail["index"], value)
    interpreter.invoke()
    return tuple(interpreter.get_tensor(d["index"]) for d in interpreter.get_output_details())


def _interpreter(model: bytes) -> Any:
    if not HAS_2_14:
        pytest.skip(NEEDS_2_14)
    from tflite_runtime.interpreter import Interpreter, OpResolverType

    interpreter = Interpreter(
        model_content=model, experimental_op_resolver_type=OpResolverType.BUILTIN_REF
    )
    interpreter.allocate_tensors()
    return interpreter
