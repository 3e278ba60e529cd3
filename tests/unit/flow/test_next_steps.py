# SPDX-License-Identifier: Apache-2.0
"""One line says what to do about a file whose operators are refused, in the order of the work."""

from __future__ import annotations

from mcuforge.compiler.frontends.common import OperatorSupport
from mcuforge.errors import Advice, Phase
from mcuforge.flow.next_steps import next_steps

QUANTIZE = Advice("quantize again", Phase.QUANTIZE)
EXPORT = Advice("export again", Phase.EXPORT)


def row(operator: str, hint: str) -> OperatorSupport:
    return OperatorSupport(0, operator, not hint, hint and "no", hint, "", "", (), (), "int8")


def test_a_file_that_is_read_is_deployed_next() -> None:
    said = next_steps([row("ADD", "")], "m.onnx")
    assert said == "next: mcuforge deploy m.onnx --board ID --emulate"


def test_the_network_is_changed_before_it_is_exported_and_quantized() -> None:
    rows = [row("MODEL", QUANTIZE), row("ADD", ""), row("A", EXPORT), row("LSTM", "use B")]
    assert next_steps([*rows, row("LSTM", "use B")], "m.onnx") == (
        "next: 1. LSTM (2): use B; 2. A: export again; 3. the model: quantize again; "
        "then `mcuforge ops` on the new file"
    )


def test_another_file_comes_first() -> None:
    rows = [row("A", "use B"), row("C", Advice("give the other file", Phase.FILE))]
    assert next_steps(rows, "m").startswith("next: 1. C: give the other file; 2. A: use B;")


def test_a_long_line_ends_with_how_much_more_there_is() -> None:
    many = [row(f"OP{i}", f"do {i}") for i in range(8)]
    assert "5. OP4: do 4; then the 3 further ones above; then" in next_steps(many, "m")
    kinds = [row(f"OP{i}", "do it") for i in range(6)]
    assert "1. OP0, OP1, OP2, OP3 and 2 more: do it;" in next_steps(kinds, "m")
