# SPDX-License-Identifier: Apache-2.0
"""Each pass does its work, declines what it must, and leaves every answer as it was."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mcuforge.compiler import passes
from mcuforge.compiler.frontends.tflite.reader import read_tflite
from mcuforge.compiler.graph import Graph, Node
from mcuforge.compiler.ops.add import Add
from mcuforge.compiler.ops.conv2d import Conv2D
from mcuforge.compiler.ops.depthwise_conv2d import DepthwiseConv2D
from mcuforge.compiler.ops.pad import Pad
from mcuforge.compiler.passes import PASSES, describe, optimize
from mcuforge.compiler.passes.drop_unread import drop_unread
from mcuforge.compiler.passes.fold_constants import fold_constants
from mcuforge.compiler.passes.fold_padding import fold_padding
from mcuforge.compiler.passes.name_after_layers import name_after_layers
from mcuforge.compiler.tensors import Quant
from mcuforge.compiler.verify import verify
from mcuforge.errors import CompileError, InternalError
from tests.models.case_model import case_model
from tests.models.samples import SAMPLES, Sample
from tests.unit.compiler.graphs import (
    QUANT,
    assert_same_meaning,
    chain,
    constant,
    graph,
    padded_conv,
    relu,
    tensor,
    view,
)


def kinds(graph: Graph) -> list[str]:
    return [node.op.kind for node in graph.nodes]


def test_the_passes_are_these_in_this_order() -> None:
    assert [p.__name__ for p in PASSES] == [
        "fold_constants",
        "fuse_tables",
        "fold_padding",
        "join_picks",
        "drop_unread",
        "name_after_layers",
    ]


@pytest.mark.parametrize("rewrite", PASSES, ids=lambda p: str(p.__name__))
def test_a_pass_returns_the_graph_itself_when_it_finds_nothing(rewrite: passes.Pass) -> None:
    untouched = graph([x := tensor("x")], [relu(x, out := tensor("out"))], [out])
    assert rewrite(untouched) is untouched


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda s: s.case.name.replace(" ", "-"))
def test_every_arm_of_the_front_end_means_the_same_after_every_pass(sample: Sample) -> None:
    before = read_tflite(case_model(sample.case))
    graph = before
    for rewrite in PASSES:
        graph = rewrite(graph)
        verify(graph, rewrite.__name__)
    assert_same_meaning(before, graph)


def test_what_depends_on_constants_alone_is_computed_at_compile_time() -> None:
    x, a, b, total, out = tensor("x"), constant("a"), constant("b"), tensor("ab"), tensor("out")
    before = graph(
        [x],
        [
            Node("ab", Add(), (a, b), total),
            relu(total, tensor("r")),
            Node("o", Add(), (x, total), out),
        ],
        [out],
    )
    after = fold_constants(before)
    verify(after, "fold_constants")
    assert kinds(after) == ["add"]
    folded = after.nodes[0].inputs[1]
    assert folded.is_constant
    assert folded.name == "ab"
    assert_same_meaning(before, after)


def test_constants_fold_through_a_chain_of_nodes() -> None:
    x, c, first, second, out = (
        tensor("x"),
        constant("c"),
        tensor("first"),
        tensor("second", (6,)),
        tensor("out"),
    )
    nodes = [relu(c, first), view(first, second), Node("add", Add(), (x, second), out)]
    before = graph([x], nodes, [out])
    after = fold_constants(before)
    verify(after, "fold_constants")
    assert kinds(after) == ["add"]
    assert_same_meaning(before, after)


def test_a_constant_the_user_reads_is_still_computed() -> None:
    x, c, first, out = tensor("x"), constant("c"), tensor("first"), tensor("out")
    before = graph([x], [relu(c, first), relu(x, out)], [out, first])
    assert fold_constants(before) is before


def test_a_node_with_one_input_that_is_no_constant_is_kept() -> None:
    x, c, out = tensor("x"), constant("c"), tensor("out")
    before = graph([x], [Node("add", Add(), (x, c), out)], [out])
    assert fold_constants(before) is before


def test_a_pad_moves_into_the_convolution_and_goes() -> None:
    before = padded_conv()
    after = drop_unread(fold_padding(before))
    verify(after, "fold_padding")
    assert kinds(after) == ["conv2d"]
    conv = after.nodes[0].op
    assert isinstance(conv, Conv2D)
    assert conv.pad == (1, 2, 2, 1)
    assert_same_meaning(before, after)


def test_a_pad_wider_than_the_kernel_moves_too() -> None:
    before = padded_conv(before=(0, 5, 0, 0), after=(0, 0, 7, 0))
    after = drop_unread(fold_padding(before))
    verify(after, "fold_padding")
    assert kinds(after) == ["conv2d"]
    assert_same_meaning(before, after)


def test_a_pad_moves_into_a_depthwise_convolution_that_pads_already() -> None:
    x, p = tensor("x", (1, 4, 4, 3)), tensor("p", (1, 5, 6, 3))
    weights = constant("w", (1, 2, 3, 3), Quant((0.03,), 0))
    y = tensor("y", (1, 5, 6, 3))
    before = graph(
        [x],
        [
            Node("pad", Pad((0, 1, 1, 0), (0, 0, 1, 0), QUANT.zero_point), (x,), p),
            Node("dw", DepthwiseConv2D(pad=(0, 1, 1, 1)), (p, weights), y),
        ],
        [y],
    )
    verify(before, "the test")
    after = drop_unread(fold_padding(before))
    verify(after, "fold_padding")
    depthwise = after.nodes[0].op
    assert isinstance(depthwise, DepthwiseConv2D)
    assert depthwise.pad == (1, 2, 1, 3 - 1)
    assert_same_meaning(before, after)


def test_a_pad_read_twice_is_folded_for_the_convolution_and_kept_for_the_other() -> None:
    before = padded_conv(read_twice=True)
    after = drop_unread(fold_padding(before))
    verify(after, "fold_padding")
    assert kinds(after) == ["pad", "conv2d", "relu"]
    assert after.nodes[1].inputs[0].name == "x"
    assert_same_meaning(before, after)


def test_a_pad_that_is_an_output_is_kept() -> None:
    before = padded_conv(expose_pad=True)
    after = drop_unread(fold_padding(before))
    verify(after, "fold_padding")
    assert kinds(after) == ["pad", "conv2d"]
    assert_same_meaning(before, after)


@pytest.mark.parametrize(
    "kept",
    [
        padded_conv(value=QUANT.zero_point + 1),
        padded_conv(before=(0, 1, 1, 1)),
        padded_conv(after=(0, 1, 1, 2)),
    ],
    ids=["another-value", "channels-before", "channels-after"],
)
def test_a_pad_that_is_no_border_of_zeros_stays(kept: Graph) -> None:
    assert fold_padding(kept) is kept


def test_a_pad_that_changes_the_scale_stays() -> None:
    kept = padded_conv(quant=Quant((0.2,), QUANT.zero_point))
    assert fold_padding(kept) is kept


def test_a_pad_of_a_constant_is_left_to_fold_constants() -> None:
    before = padded_conv()
    c = constant("x", before.inputs[0].shape)
    nodes = (replace(before.nodes[0], inputs=(c,)), before.nodes[1])
    kept = graph([tensor("unused")], nodes, before.outputs)
    assert fold_padding(kept) is kept


def test_nodes_that_reach_no_output_go() -> None:
    x, used, lost, lost_too = tensor("x"), tensor("used"), tensor("lost"), tensor("lost_too")
    before = graph([x], [relu(x, lost), relu(x, used), relu(lost, lost_too)], [used])
    after = drop_unread(before)
    verify(after, "drop_unread")
    assert [n.output.name for n in after.nodes] == ["used"]
    assert_same_meaning(before, after)


def test_a_node_whose_reader_reaches_an_output_stays() -> None:
    x, first, second = tensor("x"), tensor("first"), tensor("second")
    before = graph([x], [relu(x, first), relu(first, second)], [second, first])
    assert drop_unread(before) is before


def test_intermediate_tensors_are_called_as_their_layers() -> None:
    x, long, flat, out = tensor("x"), tensor("a/Relu;b/Conv2D"), tensor("flat", (6,)), tensor("out")
    before = graph([x], [relu(x, long, "conv"), view(long, flat), relu(flat, out)], [out])
    after = name_after_layers(before)
    assert [n.output.name for n in after.nodes] == ["conv", "view_flat", "out"]
    assert [n.inputs[0].name for n in after.nodes] == ["x", "conv", "view_flat"]
    assert name_after_layers(after) is after


@pytest.mark.parametrize("taken", ["x", "t1", "out", "t0", "c"])
def test_no_layers_name_makes_two_tensors_of_one(taken: str) -> None:
    x, t0, t1, out = tensor("x"), tensor("t0"), tensor("t1"), tensor("out")
    nodes = [
        relu(x, t0, taken),
        Node("t0" if taken != "t0" else "t1", Add(), (t0, constant("c")), t1),
        relu(t1, out, "x" if taken != "x" else "t1"),
    ]
    before = graph([x], nodes, [out])
    verify(before, "the test")
    after = name_after_layers(before)
    verify(after, "name_after_layers")
    assert_same_meaning(before, after)


def test_a_pass_that_breaks_the_graph_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def lose_a_node(graph: Graph) -> Graph:
        return replace(graph, nodes=graph.nodes[1:])

    monkeypatch.setattr(passes, "PASSES", (lose_a_node,))
    with pytest.raises(InternalError, match=r"^after lose_a_node: 'to_t1' reads 't0' before"):
        optimize(chain(2))


def test_a_broken_front_end_is_named() -> None:
    sound = chain(2)
    with pytest.raises(InternalError, match=r"^after the front end: "):
        optimize(replace(sound, nodes=sound.nodes[1:]))


def test_the_graph_is_written_after_every_pass(tmp_path: Path) -> None:
    before = padded_conv()
    after = optimize(before, tmp_path / "dumps" / "here")
    written = {p.name: p.read_text() for p in (tmp_path / "dumps" / "here").iterdir()}
    assert sorted(written) == [
        "0_front_end.txt",
        "1_fold_constants.txt",
        "2_fuse_tables.txt",
        "3_fold_padding.txt",
        "4_join_picks.txt",
        "5_drop_unread.txt",
        "6_name_after_layers.txt",
    ]
    assert written["0_front_end.txt"] == describe(before)
    assert written["6_name_after_layers.txt"] == describe(after)
    assert "pad: Pad(" in written["3_fold_padding.txt"]
    assert "pad: Pad(" not in written["5_drop_unread.txt"]


def test_a_description_says_shapes_names_and_attributes() -> None:
    x, out = tensor("größe"), tensor("out")
    text = describe(graph([x], [relu(x, out, "layer")], [out]))
    assert text.splitlines() == [
        "graph tiny",
        "input  größe [1, 6] int8",
        "layer: Relu(act='relu') (größe) -> out [1, 6]",
        "output out [1, 6] int8",
    ]


def test_a_dump_folder_that_cannot_be_written_is_the_users_to_mend(tmp_path: Path) -> None:
    file = tmp_path / "a_file"
    file.write_text("")
    with pytest.raises(CompileError) as caught:
        optimize(chain(1), file / "below")
    assert str(caught.value).splitlines() == [
        "error: cannot write the dump: Not a directory",
        f"where: {file / 'below'}",
        "try:   choose another folder with --dump-passes",
    ]


def test_folding_computes_what_the_reference_computes() -> None:
    c = constant("c")
    out, x, y = tensor("out"), tensor("x"), tensor("y")
    after = fold_constants(graph([x], [relu(c, out), Node("y", Add(), (x, out), y)], [y]))
    want = np.maximum(c.values(), QUANT.zero_point)
    np.testing.assert_array_equal(after.nodes[0].inputs[1].values(), want)
