# SPDX-License-Identifier: Apache-2.0
"""Writes the tables of docs/coverage.md that say which operators are read, from the code's lists.

    python -m scripts.coverage

`python -m scripts.zoo ... --document NAME` writes the summary of a set of model files there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import onnx
import tflite

from mcuforge.compiler.frontends.common import SupportedOperator
from mcuforge.compiler.frontends.onnx import reader as onnx_reader
from mcuforge.compiler.frontends.onnx.ops import folding as onnx_folding
from mcuforge.compiler.frontends.onnx.ops import instead as onnx_instead
from mcuforge.compiler.frontends.tflite import reader as tflite_reader
from mcuforge.compiler.frontends.tflite.ops import instead as tflite_instead
from mcuforge.compiler.frontends.tflite.ops import table as tflite_table
from scripts.zoo_table import row

DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "coverage.md"
OPSET = 21
ON_SHAPES = (onnx_folding.ON_SHAPES, tflite_table.ON_SHAPES)  # notes of operators
LAST_BUILTIN = 208  # of the schema that is read here; later schemas add some at the end
FAMILY = "STABLEHLO_"  # one row for those that are refused
PLACEHOLDERS = ("CUSTOM", "DELEGATE", "PLACEHOLDER_FOR_GREATER_OP_CODES")
BEGIN = "<!-- {name} -->\n"
END = "<!-- end of {name} -->\n"


def tflite_operators() -> Iterator[str]:
    """The builtin operators of the TFLite schema, by name."""
    codes = vars(tflite.BuiltinOperator)
    for name in sorted(codes):
        if name.isupper() and codes[name] <= LAST_BUILTIN and name not in PLACEHOLDERS:
            yield name


def onnx_operators() -> Iterator[str]:
    """The operators of ONNX's own domain that opset 21 has, and others that are read, by name."""
    newest: dict[str, tuple[int, bool]] = {}
    for schema in onnx.defs.get_all_schemas_with_history():
        if schema.domain == "" and schema.since_version <= OPSET:
            found = (schema.since_version, schema.deprecated)
            newest[schema.name] = max(newest.get(schema.name, found), found)
    current = {name for name, (_, deprecated) in newest.items() if not deprecated}
    yield from sorted(current | set(onnx_reader.SUPPORTED))


def operator_table(
    names: Sequence[str],
    supported: Mapping[str, SupportedOperator],
    instead: Mapping[str, str],
    otherwise: str,
) -> Iterator[str]:
    """The lines of one format's table, and a line that counts them."""
    read = [name for name in names if name in supported]
    family = [name for name in names if name.startswith(FAMILY) and name not in supported]
    on_shapes = [name for name in read if supported[name].note in ON_SHAPES]
    yield f"{len(read)} of {len(names)} are read, {len(on_shapes)} of them on shapes only."
    yield ""
    yield row(("operator", "read", "takes", "becomes", "note, or what to use instead"))
    yield "|---|---|---|---|---|"
    for name in names:
        if name in family[1:]:
            continue
        if name in family[:1]:
            every = f"{FAMILY}*, {len(family)} operators"
            yield row((every, "refused", "", "", tflite_instead.NOT_STABLEHLO))
            continue
        entry = supported.get(name)
        if entry is None:
            yield row((name, "refused", "", "", instead.get(name, otherwise)))
        else:
            how = "shapes" if name in on_shapes else "yes"
            yield row((name, how, ", ".join(entry.dtypes), ", ".join(entry.ops), entry.note))


def rewritten(text: str) -> str:
    """The document with the tables of both formats made anew; ValueError without their marks."""
    tflite_lines = operator_table(
        list(tflite_operators()),
        tflite_reader.SUPPORTED,
        tflite_instead.INSTEAD,
        tflite_instead.REPLACE,
    )
    onnx_lines = operator_table(
        list(onnx_operators()), onnx_reader.SUPPORTED, onnx_instead.INSTEAD, onnx_instead.REPLACE
    )
    text = with_block(text, "operators of TFLite", tflite_lines)
    return with_block(text, "operators of ONNX", onnx_lines)


def with_summary(text: str, name: str, lines: Sequence[str]) -> str:
    """The document with the summary of one zoo; a new set comes behind the others."""
    name = f"zoo {name}"
    if BEGIN.format(name=name) not in text:
        last = BEGIN.format(name="further sets")
        text = text.replace(last, f"{BEGIN.format(name=name)}{END.format(name=name)}\n{last}")
    return with_block(text, name, lines)


def with_block(text: str, name: str, lines: Sequence[str] | Iterator[str]) -> str:
    """The text with the lines between the two marks of a name; ValueError if they are not there."""
    begin, end = BEGIN.format(name=name), END.format(name=name)
    block = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.S)
    if len(block.findall(text)) != 1:
        raise ValueError(f"{DOCUMENT.name} has no block between {begin.strip()} and {end.strip()}")
    made = "".join(f"{line}\n" for line in lines)
    return block.sub(lambda _: f"{begin}\n{made}\n{end}", text)


def main() -> None:
    """Rewrite the document."""
    text = DOCUMENT.read_text(encoding="utf-8")
    DOCUMENT.write_text(rewritten(text), encoding="utf-8")


if __name__ == "__main__":
    main()
