# SPDX-License-Identifier: Apache-2.0
"""The generated text: readable, byte-stable, and nothing in it that a model could break."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from mcuforge.compiler.codegen.model import GeneratedModel, example_main, generate
from mcuforge.compiler.codegen.ports import shape_text
from mcuforge.compiler.compile import compile_graph
from mcuforge.compiler.frontends import read_model
from mcuforge.compiler.graph import Graph, Node
from mcuforge.compiler.ops.add import Add
from mcuforge.compiler.ops.dequantize import Dequantize
from mcuforge.compiler.ops.quantize import Quantize
from mcuforge.compiler.tensors import DType, Quant
from mcuforge.memplan.problem import Placement
from tests.schedules import whole_layers
from tests.unit.compiler.graphs import (
    QUANT,
    chain,
    constant,
    graph,
    hostile_graph,
    padded_conv,
    relu,
    scratchy,
    tensor,
    view,
)

ROOT = Path(__file__).resolve().parents[3]
DIGITS = ROOT / "examples" / "digits" / "digits_cnn.tflite"
COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)


def generated(graph: Graph) -> GeneratedModel:
    return compile_graph(graph, "portable", 1 << 20, effort=0.0).model


def in_ram(**offsets: int) -> dict[str, Placement]:
    """Buffers at those offsets of one region."""
    return {name: Placement("ram", offset) for name, offset in offsets.items()}


def code(text: str) -> str:
    """C without its comments."""
    return COMMENT.sub(" ", text)


def test_the_text_is_the_same_twice_and_in_another_process() -> None:
    first, second = generated(read_model(DIGITS)), generated(read_model(DIGITS))
    assert first.files == second.files
    script = (
        "import sys, hashlib; from mcuforge.compiler.frontends import read_model;"
        "from mcuforge.compiler.compile import compile_graph;"
        "model = compile_graph(read_model(sys.argv[1]), 'portable', 1 << 20).model;"
        "print(hashlib.sha256(repr(sorted(model.files.items())).encode()).hexdigest())"
    )
    sums = {
        subprocess.run(
            [sys.executable, "-c", script, str(DIGITS)],
            cwd=ROOT,
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(sums) == 1


def test_nothing_of_this_machine_or_day_is_in_the_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "digits_cnn.tflite"
    copy.write_bytes(DIGITS.read_bytes())
    monkeypatch.chdir(tmp_path)
    there = generated(read_model(copy))
    assert there.files == generated(read_model(DIGITS)).files
    for text in there.files.values():
        assert str(tmp_path) not in text
        assert "/home" not in text
        assert not re.search(r"20\d\d-\d\d", text)


def test_a_model_is_four_files_that_end_in_one_newline() -> None:
    files = generated(chain(2)).files
    assert list(files) == ["model.h", "model.c", "weights.h", "weights.c"]
    for name, text in files.items():
        assert text.endswith("\n"), name
        assert not text.endswith("\n\n"), name
        assert "\t" not in text
        assert not re.search(r"[ \t]$", text, re.MULTILINE), name
        assert "\n\n\n" not in text, name


def test_model_c_includes_what_it_calls_and_no_more() -> None:
    model = generated(read_model(DIGITS))
    text = model.files["model.c"]
    called = {f"mcuforge/{name}.h" for name in re.findall(r"mcuforge_(\w+)\(", text)}
    included = re.findall(r'#include "(.*)"', text)
    assert included[:2] == ["model.h", "weights.h"]
    assert included[2:] == sorted(called)
    assert {f"mcuforge/{kernel}.h" for kernel in model.kernels} == called


def test_model_h_includes_the_status_and_two_standard_headers() -> None:
    text = generated(chain(1)).files["model.h"]
    assert re.findall(r"#include (.*)", text) == ["<stddef.h>", "<stdint.h>", '"mcuforge/status.h"']


def test_weights_are_declared_as_they_are_defined() -> None:
    files = generated(read_model(DIGITS)).files
    declared = re.findall(r"^extern (const \w+ \w+\[\d+\]);", files["weights.h"], re.MULTILINE)
    defined = re.findall(r"^(const \w+ \w+\[\d+\]) = \{", files["weights.c"], re.MULTILINE)
    assert declared == defined
    assert len(declared) > 10


def test_every_constant_is_used() -> None:
    model = generated(read_model(DIGITS))
    for array in model.constants:
        assert re.search(rf"\b{array.name}\b", model.files["model.c"])


def test_weights_bytes_are_those_of_the_arrays() -> None:
    model = generated(padded_conv())
    assert model.weights_bytes == sum(a.bytes for a in model.constants)
    assert next(a.bytes for a in model.constants if a.name.endswith("_weights")) == 3 * 3 * 3 * 2


@pytest.mark.parametrize("file", ["model.h", "model.c", "weights.h", "weights.c"])
def test_hostile_names_stay_inside_comments(file: str) -> None:
    text = generated(hostile_graph()).files[file]
    plain = code(text)
    assert text.isascii()
    assert not re.search(r"#\s*error", plain)
    assert "\\" not in text
    assert "*/" not in plain
    assert "/*" not in plain
    assert set(re.findall(r"#\s*(\w+)", plain)) <= {"include", "ifndef", "define", "ifdef", "endif"}
    assert max(map(len, text.splitlines())) <= 240


def test_lines_of_an_ordinary_model_are_short() -> None:
    files = generated(read_model(DIGITS)).files
    assert max(len(line) for text in files.values() for line in text.splitlines()) <= 100


def test_layers_of_one_name_have_constants_of_their_own() -> None:
    tensors = [tensor(f"t{i}") for i in range(4)]
    nodes = [
        Node(name, Add(), (a, constant(f"c{i}")), b)
        for i, (name, a, b) in enumerate(
            zip(("a b", "a.b", "A-B"), tensors, tensors[1:], strict=False)
        )
    ]
    model = generated(graph(tensors[:1], nodes, tensors[-1:]))
    names = [a.name for a in model.constants]
    assert names == ["tiny_a_b_operand", "tiny_a_b_2_operand", "tiny_a_b_3_operand"]


def test_a_layer_is_one_block_with_its_name_and_shapes_above_it() -> None:
    text = generated(padded_conv()).files["model.c"]
    assert "    if (begin <= 0 && 0 < end) {\n        /* 0 conv: conv2d 5x4x2 -> 6x5x3 */\n" in text
    assert text.count("case 0:") == 2  # the input, the output
    assert "#define TINY_STEPS 1" in generated(padded_conv()).files["model.h"]


def test_calls_of_one_layer_have_params_of_their_own_and_scratch_has_an_address() -> None:
    x, out = tensor("x"), tensor("out")
    steps = whole_layers(graph([x], [scratchy(x, out, 16)], [out]), "portable")
    model = generate(steps, in_ram(x=0, out=8, **{"to_out#scratch": 16}), {"ram": 32})
    text = model.files["model.c"]
    assert "static const struct mcuforge_scratchy_params p0_0 = {" in text
    assert "    .count = 6,\n    .none = 0,\n" in text
    assert "mcuforge_scratchy_s8(a + 0, tiny_to_out_table, a + 8, &p0_0);" in text
    assert "mcuforge_scratchy_s8(a + 8, a + 16, a + 8);" in text
    assert model.constants[0].c_type == "int16_t"


def test_only_other_types_than_int8_are_cast() -> None:
    x, q = tensor("x", dtype=DType.FLOAT32, quant=None), tensor("q")
    u = tensor("u", dtype=DType.UINT8, quant=Quant((0.1,), 123))
    f = tensor("f", dtype=DType.FLOAT32, quant=None)
    nodes = [
        Node("q", Quantize(), (x,), q),
        Node("u", Quantize(), (q,), u),
        Node("f", Dequantize(), (u,), f),
    ]
    steps = whole_layers(graph([x], nodes, [f]), "portable")
    text = generate(steps, in_ram(x=0, q=24, u=32, f=40), {"ram": 64}).files["model.c"]
    assert "mcuforge_quantize_f32((void *)(a + 0), a + 24, &p0);" in text
    assert "mcuforge_dequantize_f32((void *)(a + 32), (void *)(a + 40), &p2);" in text


def test_ports_are_the_models_inputs_and_outputs() -> None:
    x, y = tensor("x", (1, 4, 3)), tensor("weird\nname", dtype=DType.FLOAT32, quant=None)
    out, flat = tensor("out", (1, 4, 3)), tensor("flat", (12,))
    nodes = [relu(x, out), view(out, flat)]
    model = generated(graph([x, y], nodes, [flat, out]))
    first, second = model.inputs
    assert (first.name, first.shape, first.bytes, first.c_type) == ("x", "4x3", 12, "int8_t")
    assert (first.scale, first.zero_point) == (QUANT.scale[0], QUANT.zero_point)
    assert (second.name, second.bytes, second.c_type) == ("weird?name", 24, "float")
    assert (second.scale, second.zero_point) == (1.0, 0)
    assert model.outputs[0].address == model.outputs[1].address  # one buffer, two shapes
    header = model.files["model.h"]
    assert "#define TINY_INPUT_0_BYTES 12" in header
    assert "#define TINY_INPUT_1_BYTES 24" in header
    assert "/* input 0 'x': int8_t 4x3, real = 0.1 * (q + 5) */" in header
    assert "/* input 1 'weird?name': float 6 */" in header
    assert "/* output 0 'flat': int8_t 12, real = 0.1 * (q + 5) */" in header


def test_a_model_without_layers_is_still_c() -> None:
    x, flat = tensor("x"), tensor("flat", (6,))
    text = generated(graph([x], [view(x, flat)], [flat])).files["model.c"]
    assert "0 < end" not in text
    assert "TINY_STEPS" in text


def test_an_empty_arena_is_one_byte() -> None:
    x, flat = tensor("x"), tensor("flat", (6,))
    steps = whole_layers(graph([x], [view(x, flat)], [flat]), "portable")
    assert generate(steps, in_ram(x=0), {"ram": 0}).arena_bytes == 1


def test_the_example_feeds_every_input() -> None:
    x, y, out = tensor("x"), tensor("y"), tensor("out")
    model = generated(graph([x, y], [Node("sum", Add(), (x, y), out)], [out]))
    text = example_main(model)
    assert text.count("memset(tiny_input(&state, ") == 2
    assert "TINY_INPUT_1_BYTES" in text
    assert "/* input 1: your 6 int8_t here */" in text


def test_a_shape_is_written_without_its_batch() -> None:
    assert shape_text(tensor("t", (1, 25, 5, 64))) == "25x5x64"
    assert shape_text(tensor("t", (6,))) == "6"
    assert shape_text(tensor("t", ())) == "1"


def test_addresses_are_those_of_the_plan() -> None:
    compiled = compile_graph(replace(chain(1), name="net"), "portable", 1 << 20)
    at = {name: place.offset for name, place in compiled.plan.placements.items()}
    text = compiled.model.files["model.c"]
    assert f"(a + {at['x']}, net_to_t0_table, a + {at['t0']}, &p0);" in text
