# SPDX-License-Identifier: Apache-2.0
"""Pipelines, streamed inputs, arenas and weights by region, poison: what the text says of them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from mcuforge.compiler.calls import Argument, Blank, Blob, Call, RowOf
from mcuforge.compiler.codegen.check import check_model
from mcuforge.compiler.codegen.lines import COLUMNS, call, comment_block, table
from mcuforge.compiler.codegen.model import GeneratedModel, example_main, generate
from mcuforge.compiler.codegen.poison import poison
from mcuforge.compiler.graph import Graph, Node
from mcuforge.compiler.ops.quantize import Quantize
from mcuforge.compiler.ops.tables.relu import Relu
from mcuforge.compiler.schedule.schedule import Execution, Schedule, Stage, Task
from mcuforge.compiler.tensors import DType, Tensor
from mcuforge.errors import InternalError
from mcuforge.memplan.poison import DeadRange
from tests.schedules import whole_layers
from tests.unit.compiler.graphs import chain, graph, tensor
from tests.unit.compiler.pipelines import (
    RINGS,
    apart,
    peaks,
    pipelined,
    residual,
)
from tests.unit.schedule.nets import chain_of_convs


def text_of(schedule: Schedule, regions: Sequence[str] = ("ram",)) -> GeneratedModel:
    placements = apart(schedule, regions)
    return generate(schedule, placements, peaks(schedule, placements))


def calling(
    *calls: Call,
    x: Tensor,
    out: Tensor,
    tasks: Sequence[int],
    execution: Execution = Execution.ROWS,
    rings: dict[str, int] | None = None,
) -> str:
    """model.c of one layer that runs by rows, `tasks` rows at a time, with those calls."""
    op = Quantize() if x.dtype is DType.FLOAT32 else Relu("relu")
    whole = whole_layers(graph([x], [Node("layer", op, (x,), out)], [out]), "portable")
    layer = replace(whole.layers[0], execution=execution, calls=calls)
    ends = np.cumsum(tasks).tolist()
    steps = tuple(Task(0, end - size, end) for size, end in zip(tasks, ends, strict=True))
    schedule = replace(whole, stages=(Stage((layer,), steps),), rings=rings or {})
    return text_of(schedule).files["model.c"]


def one(*arguments: Argument, rows: tuple[int, int] | None = None) -> Call:
    return Call("relu_s8", arguments, rows=rows)


IMAGE = tensor("x", (1, 6, 2, 5))  # six rows of ten bytes
MAP = tensor("out", (1, 6, 2, 5))


def test_a_pipeline_is_a_function_that_names_its_layers_and_holds_their_order() -> None:
    text = text_of(pipelined(residual())).files["model.c"]
    assert "\nstatic void layers_0_to_3(struct residual_state *state, int32_t begin, " in text
    assert "        case 0: /* 0 stem: conv2d 9x6x2 -> 9x6x4, ring of 3 rows */\n" in text
    assert "        case 1: /* 1 mixed: depthwise_conv2d 9x6x4 -> 9x6x4, one row */\n" in text
    assert "        case 3: /* 3 half: conv2d 9x6x4 -> 5x3x5 */\n" in text
    order = re.search(r"order\[(\d+)\] = \{([^}]*)\}", text)
    assert order is not None
    layers = [int(word) for word in order[2].split(",") if word.strip()]
    assert (int(order[1]), [layers.count(i) for i in range(4)]) == (32, [9, 9, 9, 5])
    assert "rows[32]" not in text  # one row per step
    assert "    if (begin < 32 && 0 < end) {\n        layers_0_to_3(state, begin, end);\n" in text
    assert "    if (begin <= 32 && 32 < end) {\n        /* 4 logits: " in text


def test_rings_are_told_to_the_kernels_that_walk_them() -> None:
    text = text_of(pipelined(residual())).files["model.c"]
    rings = re.findall(r"\.(input|output)_ring = (\d+),", text)
    assert [int(rows) for side, rows in rings if side == "output"] == [3, 1, 5, 1]
    assert [int(rows) for side, rows in rings if side == "input"] == [9, 3, 3, 5]


def test_a_model_without_pipelines_keeps_no_state_but_its_arena() -> None:
    model = text_of(whole_layers(chain(2), "portable"))
    assert "struct tiny_state {\n    int8_t *arena;\n};\n" in model.files["model.h"]
    assert "ring.h" not in model.files["model.c"]


def test_steps_of_several_rows_have_their_counts_in_a_table() -> None:
    rings = {**RINGS, "stem": 4}
    text = text_of(pipelined(residual(), rings=rings, rows={"stem": 2})).files["model.c"]
    counts = re.search(r"uint8_t rows\[(\d+)\] = \{([^}]*)\}", text)
    assert counts is not None
    assert sorted({int(word) for word in counts[2].split(",") if word.strip()}) == [1, 2]
    assert "const int32_t end_row = row + rows[step];" in text


def test_steps_that_all_have_as_many_rows_need_no_table() -> None:
    text = calling(one(IMAGE, MAP, Blank.FIRST_ROW, Blank.END_ROW), x=IMAGE, out=MAP, tasks=[3, 3])
    assert "rows[2]" not in text
    assert "const int32_t end_row = row + 3;" in text
    assert "mcuforge_relu_s8(a + 0, a + 60, row, end_row);" in text
    assert "static void layer_0(" in text


@pytest.mark.parametrize(
    "net",
    [
        chain_of_convs(4, size=50),
        chain_of_convs(3, size=49),
        chain_of_convs(8, size=60),
        residual(rows=61),
    ],
    ids=["even", "odd", "many layers", "strides"],
)
@pytest.mark.parametrize("two_rows", [(), (0,), (1, 2)], ids=["one", "first two", "others two"])
def test_the_order_in_the_c_is_the_schedules(net: Graph, two_rows: Sequence[int]) -> None:
    rows = {net.nodes[i].name: 2 for i in two_rows}
    schedule = pipelined(net, 4 if net.name == "residual" else len(net.nodes), {}, rows=rows)
    text = text_of(schedule).files["model.c"]
    stage = schedule.stages[0]
    wanted = [(task.layer, task.end - task.begin) for task in stage.tasks]
    assert steps_in(text) == wanted
    assert len(table_in(text, "order")) < len(wanted) // 2


def table_in(text: str, name: str) -> list[int]:
    """The numbers of a table of model.c, which is as long as it says; empty where there is none."""
    found = re.search(rf" {name}\[(\d+)\] = \{{(.*?)\n    \}};", text, re.DOTALL)
    if found is None:
        return []
    numbers = [int(word) for word in re.findall(r"\d+", found[2])]
    assert int(found[1]) == len(numbers) // (2 if name == "pieces" else 1)
    return numbers


def steps_in(text: str) -> list[tuple[int, int]]:
    """The layer and the rows of every step of the only pipeline, from its tables in the C."""
    order, pieces = table_in(text, "order"), table_in(text, "pieces")
    (same,) = re.findall(r"end_row = row \+ (\d+|rows\[entry\]);", text)
    rows = table_in(text, "rows") or [int(same)] * len(order)
    entries = list(zip(order, rows, strict=True))
    steps, begin = [], 0
    for length, times in zip(pieces[::2], pieces[1::2], strict=True):
        steps += entries[begin : begin + length] * times
        begin += length
    assert f"step < {len(steps)}; step++, entry++" in text
    return steps


def test_an_order_that_would_hardly_be_shorter_has_an_entry_for_each_step() -> None:
    for net in (chain_of_convs(4, size=12), chain_of_convs(1, size=90)):
        text = text_of(pipelined(net, len(net.nodes), {})).files["model.c"]
        assert "order.h" not in text
        assert "mcuforge_entry(" not in text
        assert "const int32_t layer = order[step];" in text
        assert len(table_in(text, "order")) == sum(node.output.rows for node in net.nodes)


@pytest.mark.parametrize(
    ("argument", "rings", "wanted"),
    [
        (RowOf(IMAGE), {}, "a + row * 10"),
        (RowOf(IMAGE, 2, -1), {}, "a + (2 * row - 1) * 10"),
        (RowOf(IMAGE, 1, 3), {}, "a + (row + 3) * 10"),
        (RowOf(IMAGE, 0, 4), {}, "a + 4 * 10"),
        (RowOf(MAP), {"out": 2}, "a + 60 + mcuforge_ring_row(row, 2) * 10"),
        (RowOf(MAP, 2, 1), {"out": 3}, "a + 60 + mcuforge_ring_row(2 * row + 1, 3) * 10"),
        (RowOf(MAP), {"out": 1}, "a + 60"),
        (RowOf(MAP), {"out": 6}, "a + 60 + row * 10"),
        (
            RowOf(Blob("bias", np.arange(6, dtype=np.int32)), row_bytes=4),
            {},
            "tiny_layer_bias + row * 1",
        ),
        (
            RowOf(Blob("bias", np.arange(12, dtype=np.int16)), 2, row_bytes=4),
            {},
            "tiny_layer_bias + (2 * row) * 2",
        ),
    ],
)
def test_a_rows_address_is_as_simple_as_its_buffer_allows(
    argument: RowOf, rings: dict[str, int], wanted: str
) -> None:
    text = calling(one(argument), x=IMAGE, out=MAP, tasks=[1] * 6, rings=rings)
    assert f"            mcuforge_relu_s8({wanted});\n" in text
    assert ('#include "mcuforge/pipeline/ring.h"' in text) == ("ring_row" in wanted)


def test_rows_of_other_types_than_int8_are_cast() -> None:
    x = tensor("x", (1, 6, 2, 5), DType.FLOAT32, None)
    text = calling(one(RowOf(x)), x=x, out=MAP, tasks=[1] * 6)
    assert "mcuforge_relu_s8((void *)(a + row * 40));" in text


@pytest.mark.parametrize(
    ("rows", "wanted"),
    [
        ((0, 6), ""),
        ((0, 2), "if (row < 2) {"),
        ((4, 6), "if (row >= 4) {"),
        ((1, 5), "if (row >= 1 && row < 5) {"),
    ],
)
def test_a_call_for_some_rows_only_asks_for_no_more_than_it_must(
    rows: tuple[int, int], wanted: str
) -> None:
    text = calling(one(RowOf(IMAGE), rows=rows), x=IMAGE, out=MAP, tasks=[1] * 6)
    function = text[text.index("static void layer_0") :].partition("\n}\n")[0]
    assert re.findall(r"if \(row.*", function) == ([wanted] if wanted else [])


def test_calls_for_a_row_are_repeated_for_each_of_a_step_and_others_get_them_all() -> None:
    calls = (
        one(IMAGE, Blank.FIRST_ROW, Blank.END_ROW),
        one(RowOf(IMAGE), rows=(0, 3)),
        one(RowOf(IMAGE, first=-3), rows=(3, 6)),
    )
    text = calling(*calls, x=IMAGE, out=MAP, tasks=[4, 2])
    assert (
        "            mcuforge_relu_s8(a + 0, row, end_row);\n"
        "            for (int32_t y = row; y < end_row; y++) {\n"
        "                if (y < 3) {\n"
        "                    mcuforge_relu_s8(a + y * 10);\n"
        "                }\n"
        "                if (y >= 3) {\n"
        "                    mcuforge_relu_s8(a + (y - 3) * 10);\n"
        "                }\n"
        "            }\n"
        "            break;\n"
    ) in text


def test_a_layer_that_adds_rows_up_says_so() -> None:
    out = tensor("out", (1, 1, 1, 5))
    calls = (one(IMAGE, out, Blank.FIRST_ROW, Blank.END_ROW),)
    text = calling(*calls, x=IMAGE, out=out, tasks=[1] * 6, execution=Execution.ACCUMULATE)
    assert "case 0: /* 0 layer: relu 6x2x5 -> 1x1x5, rows added up */" in text
    assert "mcuforge_relu_s8(a + 0, a + 60, row, end_row);" in text


def test_a_streamed_input_has_a_source_and_no_place() -> None:
    schedule = pipelined(residual(), streamed=True)
    model = text_of(schedule)
    header, text = model.files["model.h"], model.files["model.c"]
    assert "#define RESIDUAL_INPUT_0_ROWS 9\n#define RESIDUAL_INPUT_0_ROW_BYTES 12\n" in header
    assert "typedef int32_t (*residual_read_row)(" in header
    assert "/* 0 rows of input 0 'image' arrive, ring of 3 rows */" in text
    assert "if (state->read_row(state->context, 0, row, a + mcuforge_ring_row(row, 3) * 12)" in text
    assert "return MCUFORGE_ERR_SOURCE;" in text
    body = text[text.index("void *residual_input") :].partition("\n}\n")[0]
    assert "case 0:" not in body
    main = example_main(model)
    assert "residual_set_source(&state, read_row, NULL)" in main
    assert "residual_run_steps(&state, state.step, RESIDUAL_STEPS)" in main
    assert "memset(residual_input" not in main


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("regions", [("ram",), ("dtcm", "axi_sram", "sram123")])
def test_a_long_name_makes_no_long_lines(streamed: bool, regions: tuple[str, ...]) -> None:
    model = text_of(pipelined(residual("pretrainedResnet_quant"), streamed=streamed), regions)
    texts = [*model.files.values(), example_main(model)]
    assert max(len(line) for text in texts for line in text.splitlines()) <= COLUMNS


def test_several_rows_of_an_input_in_one_step_are_our_fault() -> None:
    schedule = pipelined(residual(), rows={"input image": 3}, streamed=True)
    with pytest.raises(InternalError, match="several rows of a streamed input"):
        text_of(schedule)


def test_one_region_is_one_arena_whatever_it_is_called() -> None:
    schedule = whole_layers(chain(2), "portable")
    plain, named = text_of(schedule), text_of(schedule, ("dtcm",))
    assert plain.files == named.files
    sections = [
        re.findall(r'section\("(.*)"\)', check_model(m, bytes(32), "")) for m in (plain, named)
    ]
    assert sections == [[".mcuforge_arena"], [".mcuforge_arena.dtcm"]]
    assert 'section(".mcuforge_arena.dtcm")' in example_main(named)
    assert "section(" not in example_main(plain)


def test_a_region_nothing_lies_in_is_no_arena() -> None:
    schedule = whole_layers(chain(2), "portable")
    placements = apart(schedule, ("axi",))
    model = generate(schedule, placements, {"dtcm": 0, **peaks(schedule, placements)})
    assert [(a.region, a.word) for a in model.arenas] == [("axi", "")]


def test_several_regions_are_an_arena_each() -> None:
    model = text_of(pipelined(residual()), ("ram", "dtcm"))
    header, text = model.files["model.h"], model.files["model.c"]
    sizes = {a.region: a.bytes for a in model.arenas}
    assert model.arena_bytes == sum(sizes.values())
    for number, (region, size) in enumerate(sizes.items()):
        assert f"#define RESIDUAL_ARENA_{region.upper()} {number}\n" in header
        assert f"#define RESIDUAL_ARENA_{region.upper()}_BYTES {size}\n" in header
    assert "int8_t *arena[RESIDUAL_ARENAS];" in header
    assert "int8_t *const a_dtcm = state->arena[1];" in text
    check = check_model(model, bytes(32), "build")
    assert re.findall(r'section\("(.*)"\)', check) == [".mcuforge_arena", ".mcuforge_arena.dtcm"]
    assert check.count("[CANARY_BYTES + RESIDUAL_ARENA_") == 2
    assert ".arena_count = 2," in check


def test_weights_of_a_further_flash_region_lie_in_its_section() -> None:
    schedule = whole_layers(residual(), "portable")
    placements = apart(schedule)
    there = {"residual_half_weights": "qspi"}
    model = generate(schedule, placements, peaks(schedule, placements), lambda _: there)
    text = model.files["weights.c"]
    assert (
        "const int8_t residual_half_weights[180]\n"
        '    __attribute__((section(".mcuforge_weights.qspi"))) = {\n'
    ) in text
    assert text.count("section(") == 1
    with pytest.raises(InternalError, match="no constant array is called nothing"):
        generate(schedule, placements, peaks(schedule, placements), lambda _: {"nothing": "qspi"})


def test_poison_shares_the_ranges_of_like_steps() -> None:
    model = text_of(whole_layers(chain(3), "portable"))
    hole = DeadRange("ram", 4, 8)
    text = poison(model, ((hole,), (), (hole,)))
    assert text.count("{0, 4, 8},") == 1
    assert "first[] = {\n    0, 1, 0,\n};" in text
    assert "count[] = {\n    1, 0, 1,\n};" in text
    with pytest.raises(InternalError, match="2 steps, the model has 3"):
        poison(model, ((), ()))


def test_a_build_without_poison_has_no_word_of_it() -> None:
    model = text_of(whole_layers(chain(1), "portable"))
    assert "poison" not in check_model(model, bytes(32), "build")
    assert ".poison = mcuforge_poison," in check_model(model, bytes(32), "build", poison=True)


def test_an_example_for_every_shape_of_model_ends_in_one_newline() -> None:
    shapes = (pipelined(residual()), pipelined(residual(), streamed=True))
    for schedule in shapes:
        for regions in (("ram",), ("ram", "dtcm", "axi")):
            model = text_of(schedule, regions)
            texts = [*model.files.values(), example_main(model)]
            texts.append(check_model(model, bytes(32), "build", poison=True))
            texts.append(poison(model, ((),) * model.steps))
            for text in texts:
                assert text.endswith("\n")
                assert not text.endswith("\n\n")
                assert "\n\n\n" not in text
                assert not re.search(r"[ \t]$", text, re.MULTILINE)


@pytest.mark.parametrize("length", [3, 20, 40, 60, 80])
@pytest.mark.parametrize("count", [1, 4, 9])
def test_calls_break_at_their_arguments(length: int, count: int) -> None:
    arguments = [f"{'x' * (length - 2)}{i:02}" for i in range(count)]
    text = call("mcuforge_some_kernel_s8", arguments, ";", 12)
    assert max(len(line) for line in (" " * 12 + text).splitlines()) <= COLUMNS
    assert re.sub(r"\s+", " ", text).replace("( ", "(") == (
        f"mcuforge_some_kernel_s8({', '.join(arguments)});"
    )


def test_comments_break_into_blocks() -> None:
    assert comment_block("short", 8) == "/* short */"
    text = comment_block("word " * 40 + "end", 8)
    assert text.startswith("/*\n         * word")
    assert text.endswith(" end\n         */")
    assert max(map(len, text.splitlines())) <= COLUMNS


def test_tables_fill_their_lines() -> None:
    lines = table(list(range(100)), 8).splitlines()
    assert max(map(len, lines)) <= COLUMNS
    assert [int(w) for line in lines for w in line.split(",") if w.strip()] == list(range(100))
