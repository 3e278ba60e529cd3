# SPDX-License-Identifier: Apache-2.0
"""Whatever a model calls itself and its layers, the C stays C."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcuforge.compiler.codegen.names import (
    LONGEST_COMMENT,
    comment,
    distinct,
    identifier,
    string_literal,
)

ROOT = Path(__file__).resolve().parents[3]
IDENTIFIER = re.compile(r"[a-z_][a-z0-9_]*")


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("kws", "kws"),
        ("KWS Ref.Model", "kws_ref_model"),
        ("block2/pointwise", "block2_pointwise"),
        ("1d_cnn", "m_1d_cnn"),
        ("größe", "gr_e"),
        ("模型", "m"),
        ("", "m"),
        ("___", "m"),
        ("%s%n\\", "s_n"),
        ("*/ int main(void) {} /*", "int_main_void"),
        ("mcuforge", "m_mcuforge"),
        ("MCUforge_conv2d", "m_mcuforge_conv2d"),
        ("board", "m_board"),
        ("Check", "m_check"),
        ("x" * 300, "x" * 48),
        ("a" + "_" * 60 + "b", "a"),
    ],
)
def test_a_name_as_the_beginning_of_identifiers(name: str, wanted: str) -> None:
    assert identifier(name) == wanted


@given(st.text(max_size=400))
def test_every_text_gives_an_identifier_of_bounded_length(name: str) -> None:
    word = identifier(name)
    assert IDENTIFIER.fullmatch(word)
    assert len(word) <= 50
    assert not word.startswith("mcuforge")
    assert re.search("[a-z]", word)  # the macros, in capitals, are other names


def test_no_model_takes_the_name_of_a_function_of_the_firmware() -> None:
    suffix = r"(?:init|input|output|run|run_steps|set_source)"
    defined = re.compile(rf"^(?!static\b)\w[\w *]*?\b(\w+)_{suffix}\(", re.MULTILINE)
    taken = set()
    for folder in ("runtime_c", "boards/bsp"):
        for path in (ROOT / folder).rglob("*.[ch]"):
            taken |= set(defined.findall(path.read_text(encoding="utf-8")))
    assert {"board", "check", "measure"} <= taken  # the pattern finds what there is
    assert not {word for word in taken if identifier(word) == word}


def test_a_model_called_model_keeps_its_name() -> None:
    assert identifier("model") == "model"


@given(st.text(alphabet=st.sampled_from("*/\\?'\"% \n\té漢abc"), max_size=200))
def test_no_text_ends_a_comment_or_a_line(text: str) -> None:
    plain = comment(text)
    assert "*/" not in plain
    assert "/*" not in plain
    assert "\\" not in plain
    assert plain.isascii()
    assert "\n" not in plain
    assert len(plain) <= 2 * LONGEST_COMMENT
    assert "*/" not in f"/* {plain}: x */"[:-2]


def test_a_backslash_does_not_become_the_end_of_a_comment() -> None:
    assert comment("*\\ #error /\\*") == "* / #error //*".replace("/*", "/ *")


def test_a_name_of_a_thousand_characters_is_cut() -> None:
    assert comment("a" * 1000) == "a" * (LONGEST_COMMENT - 3) + "..."
    assert comment("a" * LONGEST_COMMENT) == "a" * LONGEST_COMMENT


@given(st.text(alphabet=st.sampled_from("?/\\=\"' \n%é!<>-()"), max_size=60))
def test_a_string_literal_says_the_text_and_holds_no_trigraph(text: str) -> None:
    literal = string_literal(text)
    assert literal[0] == literal[-1] == '"'
    assert not re.search(r"\?\?[=/'()!<>-]", literal)
    plain = "".join(c if " " <= c <= "~" else "?" for c in text)
    assert re.sub(r"\\(.)", r"\1", literal[1:-1]) == plain
    assert not re.search(r'(?<!\\)(?:\\\\)*"', literal[1:-1])  # no quote is left open


def test_duplicates_are_numbered_past_those_that_are_taken() -> None:
    assert distinct(["a", "a", "a_2", "a", "b"]) == ["a", "a_2", "a_2_2", "a_3", "b"]


@given(st.lists(st.sampled_from(["a", "a_2", "a_2_2", "b", "b_2"]), max_size=12))
def test_names_are_distinct_and_the_first_keep_theirs(names: list[str]) -> None:
    result = distinct(names)
    assert len(set(result)) == len(result) == len(names)
    assert all(new.startswith(old) for new, old in zip(result, names, strict=True))
    if names:
        assert result[0] == names[0]
