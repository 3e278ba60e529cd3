# SPDX-License-Identifier: Apache-2.0
"""docs/coverage.md says of every operator what the front ends' own lists say."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import pytest

from mcuforge.compiler.frontends.common import SupportedOperator
from mcuforge.compiler.frontends.onnx.ops.instead import INSTEAD as ONNX_INSTEAD
from mcuforge.compiler.frontends.onnx.reader import SUPPORTED as ONNX
from mcuforge.compiler.frontends.tflite.ops.instead import INSTEAD as TFLITE_INSTEAD
from mcuforge.compiler.frontends.tflite.ops.table import ON_SHAPES
from mcuforge.compiler.frontends.tflite.reader import SUPPORTED as TFLITE
from scripts.coverage import (
    BEGIN,
    DOCUMENT,
    END,
    onnx_operators,
    operator_table,
    rewritten,
    tflite_operators,
    with_block,
    with_summary,
)
from scripts.zoo_table import Result, alike, summary, table

# of com.microsoft: the table is of ONNX's own domain


def test_the_document_has_the_tables_of_today() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    assert rewritten(text) == text, "run `python -m scripts.coverage`"


def test_every_supported_operator_is_in_its_table() -> None:
    assert set(TFLITE) <= set(tflite_operators())
    assert set(ONNX) < set(onnx_operators())


@pytest.mark.parametrize(
    ("instead", "supported", "operators"),
    [(TFLITE_INSTEAD, TFLITE, tflite_operators), (ONNX_INSTEAD, ONNX, onnx_operators)],
    ids=["tflite", "onnx"],
)
def test_what_is_used_instead_is_said_of_every_refused_operator(
    instead: Mapping[str, str],
    supported: Mapping[str, SupportedOperator],
    operators: Callable[[], Iterator[str]],
) -> None:
    read = {name for name, entry in supported.items() if entry.ops}  # not on shapes alone
    assert read.isdisjoint(instead), "an operator that is read has left the list"
    refused = {name for name in operators() if name not in supported}
    silent = {name for name in refused - set(instead) if not name.startswith("STABLEHLO_")}
    assert silent <= {"BROADCAST_ARGS", "DILATE", "FILL", "RANGE", "RANK", "ZEROS_LIKE"}


def test_a_table_tells_read_from_refused() -> None:
    read = {
        "ADD": SupportedOperator(("Add",), ("int8",), "a note"),
        "RANK": SupportedOperator((), (), ON_SHAPES),
    }
    names = ["ADD", "RANK", "RNN", "STABLEHLO_ADD", "STABLEHLO_SORT", "TILE"]
    lines = list(operator_table(names, read, {"RNN": "use a"}, "replace it"))
    assert lines[0] == "2 of 6 are read, 1 of them on shapes only."
    assert lines[4:] == [
        "| ADD | yes | int8 | Add | a note |",
        f"| RANK | shapes |  |  | {ON_SHAPES} |",
        "| RNN | refused |  |  | use a |",
        "| STABLEHLO_*, 2 operators | refused |  |  | "
        "convert to TFLite's builtin operators: StableHLO is the form before the conversion |",
        "| TILE | refused |  |  | replace it |",
    ]


def test_blocks_are_replaced_between_their_marks_alone() -> None:
    begin, end = BEGIN.format(name="a"), END.format(name="a")
    assert with_block(f"x\n{begin}old\n{end}y\n", "a", ["new"]) == f"x\n{begin}\nnew\n\n{end}y\n"
    with pytest.raises(ValueError, match="has no block"):
        with_block(f"{begin}{end[1:]}", "a", [])


def test_a_new_zoo_comes_behind_the_others() -> None:
    last = BEGIN.format(name="further sets")
    once = with_summary(f"x\n{last}y\n", "a", ["1"])
    assert once == f"x\n{BEGIN.format(name='zoo a')}\n1\n\n{END.format(name='zoo a')}\n{last}y\n"
    twice = with_summary(once, "b", ["2"])
    assert twice.index("zoo a") < twice.index("zoo b") < twice.index(last)
    assert with_summary(twice, "a", ["1"]) == twice


READ = {"kind": "Read", "format": "onnx", "operators": 1, "macs": 1, "parameters": 1}
HOST = {
    "kind": "Host",
    "reference": "mcuforge's own",
    "samples": 5,
    "exact": 5,
    "peer": "ort 1, CPU",
    "peer_steps": 1.0,
    "beside": {"elements": 3, "differing": 2, "steps": 2.0, "problem": ""},
}
BOARD = {"kind": "Board", "exact": True, "verdict": "pass", "ram": 1200, "flash": 9}
REFUSED = {
    "kind": "Refused",
    "step": "read",
    "what": "X is no",
    "where": "a|b, node 1",
    "hint": "y",
}


def test_a_row_says_what_each_step_found() -> None:
    good = Result("a.onnx", (READ, HOST, BOARD))
    assert not good.wrong
    assert list(table([good, Result("b|.onnx", (REFUSED,))]))[2:] == [
        "| a.onnx | yes | 5 of 5; ort 1: 1 steps | 2 steps | exact, RAM 1,200, flash 9 |  |",
        "| b\\|.onnx | no | - | - | - | node 1: X is no; try: y |",
    ]


@pytest.mark.parametrize(
    "result",
    [
        Result("a", (READ, {**HOST, "exact": 4})),
        Result("a", (READ, {**HOST, "beside": {**HOST["beside"], "steps": 40.0}})),  # type: ignore[dict-item]
        Result("a", (READ, {**HOST, "beside": {**HOST["beside"], "problem": "no"}})),  # type: ignore[dict-item]
        Result("a", ({**READ, "format": "tflite"}, HOST)),  # answers that differ, however little
        Result("a", (READ, HOST, {**BOARD, "exact": False})),
        Result("a", (READ,), "not done after 3 s"),
    ],
    ids=["here", "far", "not compared", "not equal", "board", "died"],
)
def test_what_no_refusal_names_is_wrong(result: Result) -> None:
    assert result.wrong
    assert result.headline.startswith(("WRONG", "DIED"))


def test_a_summary_counts_what_was_tried() -> None:
    results = [Result("a", (READ, HOST)), Result("b", (REFUSED,)), Result("c", (), "killed")]
    lines = summary(results, None)
    assert lines[2] == "| 3 | 1 | 1 | 1 | 1 of 1 | 1 of 1 |"
    assert lines[-1] == "| 1 | read | X is no |"
    assert "board" not in lines[0]


def test_reasons_are_counted_without_their_names_and_numbers() -> None:
    assert alike("'a' has shape [1, 16], int8, RELU6 L2_NORM") == (
        "'...' has shape [N, N], int8, RELU6 L2_NORM"
    )
    assert alike("scale 9.3e+35 above 1,024 and -3, 8-bit") == "scale N above N and N, N-bit"
