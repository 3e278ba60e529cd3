# SPDX-License-Identifier: Apache-2.0
"""Spaces: those that come with mcuforge, the user's own, and files that are none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from pathlib import Path
from random import Random

import pytest

from mcuforge.compiler.verify import verify
from mcuforge.errors import CompileError
from mcuforge.nas.architecture import Architecture, Block, Stage, Stem, Task, TokenPart
from mcuforge.nas.graph_layers import graph_of
from mcuforge.nas.space import load_space, shipped
from tests.unit.nas.searching import ONE_KIND

# widths * the options of each kind, and the depths above 0, of each stage


def of_one_kind(kinds: Mapping[str, Sequence[int]], stages: Sequence[tuple[int, int]]) -> int:
    """Networks of one kind: `kinds` has each stage's options, `stages` widths * depths, and 1
    where a stage may be left out."""
    return sum(
        prod(least + places * n for (places, least), n in zip(stages, options, strict=True))
        for options in kinds.values()
    )


CNN32 = {"plain": [1] * 4, "residual": [1] * 4, "inverted": [2 * 3] * 4}
COUNTS = {
    "cnn32": 7 * 4 * of_one_kind(CNN32, [(3 * 8, 0), (3 * 15, 0), (3 * 30, 0), (2 * 19, 1)]),
    "hybrid32": 7
    * of_one_kind({"plain": [1] * 3, "residual": [1] * 3}, [(2 * 7, 0), (3 * 13, 0), (2 * 10, 1)])
    * (6 * 2 * sum((3 * 4) ** depth for depth in (1, 2, 3, 4))),
    "ts1d": (4 * 3 * 2)
    * of_one_kind(
        {"plain": [3, 2, 1], "separable": [4, 3, 2]}, [(2 * 8 * 2, 0), (2 * 11, 1), (2 * 8, 1)]
    )
    * (1 + 3 * 2 * sum((2 * 2) ** depth for depth in (1, 2))),
    "vit32": 3 * 6 * 2 * sum((3 * 4 * 3) ** depth for depth in (4, 5, 6, 7, 8)),
    "vit240_t": 5 * 3 * sum((2 * 2 * 12) ** depth for depth in (12, 13, 14)),
    "vit240_s": 5 * 3 * sum((3 * 3 * 12) ** depth for depth in (12, 13, 14)),
}
OWN = """
title = "My space"
shape = [16, 12, 1]
classes = 3
[stem]
width = 8
[[stages]]
depth = [0, 2]
width = { from = 8, to = 24, step = 8 }
stride = 2
[stages.inverted]
kernel = [3, 5]
expansion = [1, 2]
[last]
width = [0, 16]
[tokens]
width = 16
depth = [0, 1]
head_width = 8
heads = [1, 2]
ratio = [0.5, 2]
rank = [0.5, 1.0]
per_network = ["ratio", "rank"]
"""


def written(folder: Path, text: str) -> str:
    path = folder / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_every_shipped_space_has_a_count_of_its_own() -> None:
    assert shipped() == sorted(COUNTS)


@pytest.mark.parametrize("name", COUNTS)
def test_a_shipped_space_has_so_many_architectures(name: str) -> None:
    assert load_space(name).genes.count == COUNTS[name]


@pytest.mark.parametrize("name", COUNTS)
def test_the_largest_and_the_smallest_architecture_are_sound(name: str) -> None:
    space = load_space(name)
    smallest = space.genes.canonical((0,) * len(space.genes))
    sizes = []
    for genome in (smallest, space.genes.largest):
        graph = graph_of(space.architecture(genome), space.task)
        verify(graph, "built")
        assert graph.outputs[0].shape == (1, space.task.classes)
        sizes.append(graph.parameters)
    assert sizes[0] < sizes[1]


@pytest.mark.parametrize("name", COUNTS)
def test_a_genome_is_an_architecture_of_its_own_and_has_a_text(name: str) -> None:
    space, random = load_space(name), Random(5)
    genomes = {space.sample(random) for _ in range(8)}
    for genome in list(genomes):
        genomes.update(space.genes.neighbours(genome))
    assert len(genomes) > 120
    assert len({space.architecture(genome) for genome in genomes}) == len(genomes)
    assert all(space.parse(space.text(genome)) == genome for genome in genomes)


@pytest.mark.parametrize(
    "text", ["", "1.2", "x", "0.0.0.0.0.0.0.0.2", "0.1.0.0.0.0.0.0.0", "0." * 9]
)
def test_a_text_of_another_space_is_refused(tmp_path: Path, text: str) -> None:
    space = load_space(written(tmp_path, OWN))
    assert len(space.genes) == 9
    with pytest.raises(CompileError) as caught:
        space.parse(text)
    assert f"'{text}' names no architecture" in caught.value.what
    assert caught.value.where == "space mine"


def test_a_file_of_the_users_own_is_a_space(tmp_path: Path) -> None:
    space = load_space(written(tmp_path, OWN))
    assert (space.name, space.title) == ("mine", "My space")
    assert space.task == Task((16, 12, 1), 3)
    assert space.genes.count == (1 + 3 * 2 * 2) * 2 * (1 + 2 * 2 * 2)
    assert space.architecture(space.genes.largest) == Architecture(
        Stem(8),
        (Stage("inverted", 24, 2, 2, 5, 2),),
        16,
        TokenPart(16, 8, (Block(2, 32, 0),)),
    )
    least = space.genes.canonical((0,) * len(space.genes))
    assert space.architecture(least) == Architecture(Stem(8), (Stage("plain", 0, 0),), 0, None)
    deep = space.architecture((0, 0, 0, 0, 0, 1, 0, 0, 0))
    assert deep.tokens == TokenPart(16, 8, (Block(1, 8, 8),))


def test_networks_of_one_kind_of_block(tmp_path: Path) -> None:
    space = load_space(written(tmp_path, ONE_KIND))
    assert space.kinds == ("plain", "inverted")
    assert space.genes.count == 2 * (4 * 4 * 2 + (4 * 2) * (4 * 2))
    assert len(space.hand_made) == 1
    counts = []
    for kind in space.kinds:
        part, random = space.of_kind(kind), Random(1)
        assert part.kinds == ()
        assert part.digest != space.digest
        counts.append(part.genes.count)
        genomes = [part.sample(random) for _ in range(50)]
        genomes += [part.genes.mutate(genome, random) for genome in genomes]
        genomes += [other for genome in genomes for other in part.genes.neighbours(genome)]
        genomes += [part.genes.largest, *part.genes.corners()]
        assert len(set(genomes)) > 10
        for genome in genomes:
            assert space.genes.is_genome(genome)
            assert part.genes.is_genome(genome)
            stages = part.architecture(genome).stages
            assert {stage.kind for stage in stages} == {kind}
            assert part.choices(genome)["stage1.kind"] == kind
        assert len(part.hand_made) == (kind == "plain")
    assert sum(counts) == space.genes.count


def test_stages_of_one_kind_offer_the_same_kinds(tmp_path: Path) -> None:
    for text in (
        ONE_KIND.replace("[stages.plain]\nkernel = [3, 5]\n", ""),
        ONE_KIND.replace("one_kind = true", "one_kind = 1"),
    ):
        with pytest.raises(CompileError, match="'one_kind' is"):
            load_space(written(tmp_path, text))


def test_the_digest_is_that_of_the_file(tmp_path: Path) -> None:
    first = load_space(written(tmp_path, OWN))
    assert load_space(written(tmp_path, OWN)).digest == first.digest
    other = load_space(written(tmp_path, OWN.replace("heads = [1, 2]", "heads = [1, 3]")))
    assert other.digest != first.digest


def test_a_space_of_one_architecture_has_one_genome(tmp_path: Path) -> None:
    space = load_space(written(tmp_path, "shape = [8, 8, 1]\nclasses = 2\n[stem]\nwidth = 4\n"))
    assert space.title == "mine"
    assert (space.genes.count, space.sample(Random(1))) == (1, ())
    assert space.parse(space.text(())) == ()
    assert space.architecture(()).stem == Stem(4)
    with pytest.raises(CompileError):
        space.parse("x")


def test_shares_that_round_to_nothing_are_one_channel(tmp_path: Path) -> None:
    text = OWN.replace("[0.5, 2]", "0.01").replace("[0.5, 1.0]", "0.01")
    space = load_space(written(tmp_path, text))
    tokens = space.architecture(space.genes.largest).tokens
    assert tokens is not None
    assert tokens.blocks == (Block(2, 1, 1),)
    verify(graph_of(space.architecture(space.genes.largest), space.task), "built")


# what is replaced in OWN, by what, and the key that the error names
WRONG = [
    ("shape = [16, 12, 1]", "", "'shape' is missing"),
    ("shape = [16, 12, 1]", "shape = 16", "'shape' is 16"),
    ("shape = [16, 12, 1]", "shape = [16, 12, 1, 1]", "'shape'"),
    ("shape = [16, 12, 1]", "shape = [16, 0, 1]", "'shape' is 0"),
    ("shape = [16, 12, 1]", "shape = [16, true, 1]", "'shape' is True"),
    ("classes = 3", "", "'classes' is missing"),
    ("classes = 3", "classes = 3.0", "'classes' is 3.0"),
    ("classes = 3", 'classes = "three"', "'classes' is 'three'"),
    ("classes = 3", "classes = 1_000_000", "'classes' is 1000000"),
    ('title = "My space"', "title = 5", "'title' is 5"),
    ('title = "My space"', "name = 5", "'name' is 5"),
    ("[stem]\nwidth = 8", "[stem]", "'stem.width' is missing"),
    ("[stem]\nwidth = 8", "stem = 8", "'stem' is 8"),
    ("[stem]\nwidth = 8", "[stem]\nwidth = true", "'stem.width' is True"),
    ("[stem]\nwidth = 8", '[stem]\nwidth = "8"', "'stem.width' is '8'"),
    ("[stem]\nwidth = 8", "[stem]\nwidth = 0", "'stem.width' is 0"),
    ("[stem]\nwidth = 8", "[stem]\nwidth = -8", "'stem.width' is -8"),
    ("[stem]\nwidth = 8", "[stem]\nwidth = 8.5", "'stem.width' is 8.5"),
    ("[stem]\nwidth = 8", "[stem]\nwidth = []", "'stem.width' is []"),
    ("[stem]\nwidth = 8", "[stem]\nwidth = [16, 8]", "'stem.width' is [16, 8]"),
    ("[stem]\nwidth = 8", "[stem]\nwidth = [8, 8]", "'stem.width' is [8, 8]"),
    ("[stem]\nwidth = 8", "[stem]\nwidth = 9999999999", "'stem.width' is 9999999999"),
    ("[stem]\nwidth = 8", "[stem]\nwidth = 8\ndepth = 1", "'stem.depth' is 1"),
    ("from = 8, to = 24", "from = 24, to = 8", "'stage0.width'"),
    ("from = 8, to = 24", "from = 0, to = 24", "'stage0.width' is 0"),
    ("to = 24, step = 8", "to = 24, step = 0", "'stage0.width' is 0"),
    ("to = 24, step = 8", "to = 24", "'stage0.width'"),
    ("from = 8, to = 24, step = 8", "from = 1, to = 65536, step = 1", "'stage0.width'"),
    ("[[stages]]\ndepth = [0, 2]", "[[stages]]", "'stage0.depth' is missing"),
    ("[[stages]]\ndepth = [0, 2]", "[[stages]]\ndepth = 0", "'stage0.depth' is 0"),
    ("[[stages]]\ndepth = [0, 2]", "[[stages]]\ndepth = [0, 1000]", "'stage0.depth'"),
    ("stride = 2", "stride = 2\ncolour = 1", "'stages.colour' is 1"),
    ("[stages.inverted]", "[stages.inverse]", "'stages.inverse'"),
    ("[stages.inverted]\nkernel = [3, 5]\nexpansion = [1, 2]", "", "'stage0.kind' is missing"),
    ("[stages.inverted]", "[stages.plain]", "'plain.expansion' is [1, 2]"),
    ("kernel = [3, 5]", "kernel = [3, 5.0]", "'stage0.inverted.kernel' is [3, 5.0]"),
    ("[last]\nwidth = [0, 16]", "[last]\nwidth = [0, nan]", "'last.width'"),
    ("[tokens]\nwidth = 16", "[tokens]", "'tokens.width' is missing"),
    ("depth = [0, 1]", "depth = 0", "'tokens.depth' is 0"),
    ("depth = [0, 1]", "depth = [0, 65536]", "'tokens.depth'"),
    ("head_width = 8", "", "'tokens.head_width' is missing"),
    ("heads = [1, 2]", "", "'block0.heads' is missing"),
    ("ratio = [0.5, 2]", "ratio = [0.5, nan]", "'tokens.ratio'"),
    ("ratio = [0.5, 2]", "ratio = [0.0, inf]", "'tokens.ratio'"),
    ("heads = [1, 2]", 'heads = [1, 2]\nclass_token = "no"', "'tokens.class_token' is 'no'"),
    ('["ratio", "rank"]', '"rank"', "'tokens.per_network' is 'rank'"),
    ('["ratio", "rank"]', '["width"]', "'tokens.per_network' is ['width']"),
    ('["ratio", "rank"]', '[["rank"]]', "'tokens.per_network' is [['rank']]"),
    ("[last]", "[[last]]", "'last' is"),
]


@pytest.mark.parametrize(("part", "wrong", "found"), WRONG, ids=[w for _, w, _ in WRONG])
def test_a_wrong_space_is_refused_by_the_key_at_fault(
    tmp_path: Path, part: str, wrong: str, found: str
) -> None:
    assert OWN.count(part) == 1
    path = written(tmp_path, OWN.replace(part, wrong))
    with pytest.raises(CompileError) as caught:
        load_space(path)
    assert found in caught.value.what
    assert ", expected " in caught.value.what
    assert caught.value.where == path


def test_a_space_without_choices_is_refused(tmp_path: Path) -> None:
    for text in ("", "stages = []\n", "[stages]\ndepth = 1\n", "stages = [1]\n"):
        with pytest.raises(CompileError, match="stages"):
            load_space(written(tmp_path, f"shape = [8, 8, 1]\nclasses = 2\n{text}"))


@pytest.mark.parametrize(
    "content",
    [b"shape = [", b"\xff\xfe", b"classes = 1" + b"0" * 5000, b"title = " + b"[" * 5000, b"a\0b"],
    ids=["cut off", "no text", "a long number", "deep", "a zero"],
)
def test_a_file_that_is_not_toml_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.toml"
    path.write_bytes(content)
    with pytest.raises(CompileError, match="the space cannot be read") as caught:
        load_space(str(path))
    assert caught.value.where == str(path)


def test_an_unreadable_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied", str(path))

    path = written(tmp_path, OWN)
    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(CompileError, match=r"the space cannot be read: .*Permission denied"):
        load_space(path)


def test_what_is_no_file_is_an_unknown_space(tmp_path: Path) -> None:
    folder = tmp_path / "folder.toml"
    folder.mkdir()
    for name in (str(folder), str(tmp_path / "missing.toml"), "cnn23"):
        with pytest.raises(CompileError, match=r"expected one of cnn32, .* or a \.toml") as caught:
            load_space(name)
        assert caught.value.where == name


def test_patches_larger_than_the_image_are_refused() -> None:
    space = load_space("vit240_t")
    with pytest.raises(CompileError, match="patches of 32x32 pixels do not fit an image of 28x28"):
        graph_of(space.architecture(space.genes.largest), Task((28, 28, 3), 10))


def test_a_series_has_kernels_of_one_column() -> None:
    space = load_space("ts1d")
    graph = graph_of(space.architecture(space.genes.largest), space.task)
    assert graph.inputs[0].shape == (1, 128, 1, 6)
    sides = {n.inputs[1].shape[1:3] for n in graph.nodes if "conv2d" in n.op.kind}
    assert {columns for _, columns in sides} == {1}
    assert {rows for rows, _ in sides} > {1, 5}
