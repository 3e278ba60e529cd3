# SPDX-License-Identifier: Apache-2.0
"""Spaces of architectures, each a TOML file: those in `spaces/`, and the user's own.

docs/search.md says what such a file holds.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from random import Random

from mcuforge.errors import CompileError, InternalError
from mcuforge.nas.architecture import (
    KINDS,
    Architecture,
    Block,
    Stage,
    Stem,
    Task,
    TokenPart,
)
from mcuforge.nas.genes import Gene, Genes, Genome, Option

FOLDER = Path(__file__).resolve().parent / "spaces"
MOST_OPTIONS = 1000
LARGEST = 65536  # of any number in a space
DEEPEST = 100  # blocks of a stage or of the token part
KEYS: Mapping[str, tuple[str, ...]] = {
    "": ("title", "shape", "classes", "one_kind", "stem", "stages", "last", "tokens", "hand_made"),
    "stem": ("width", "kernel", "stride"),
    "stages": ("width", "depth", "stride", *KINDS),
    "last": ("width",),
    "tokens": (
        "width",
        "depth",
        "head_width",
        "patch",
        "class_token",
        "heads",
        "ratio",
        "rank",
        "per_network",
    ),
    "hand_made": ("name", "scaled", "choices"),
    **dict.fromkeys(KINDS, ("kernel",)),
    "inverted": ("kernel", "expansion"),
}
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,40}")  # of a hand-made network, and its folder
METHOD_NAMES = (
    "evolution",
    "random",
    "local",
    "largest",
    "hand-made",
)  # what folders are named too
KIND = "kind"  # the gene of a space whose stages all have the same kind of block
OF_BLOCKS = ("heads", "ratio", "rank")  # one choice for every block, unless `per_network` says so


@dataclass(frozen=True)
class HandMade:
    """A network that people know, as a genome, and the genes that make it larger or smaller."""

    name: str
    genome: Genome
    scaled: tuple[str, ...]


@dataclass(frozen=True)
class Space:
    """Architectures to choose from. `task`: what they are for unless data say otherwise."""

    name: str
    title: str
    task: Task
    genes: Genes
    digest: str  # of the file
    stages: int
    has_stem: bool
    has_last: bool
    per_network: frozenset[str] | None  # None: no tokens
    hand_made: tuple[HandMade, ...]

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of block to choose from, where a network has one; else, or if given, none."""
        for index, gene in enumerate(self.genes.genes):
            if gene.name == KIND and len(self.genes.options(index)) > 1:
                return tuple(map(str, gene.options))
        return ()

    def of_kind(self, kind: str) -> Space:
        """The networks of one of `kinds`; their genomes are those of the whole space."""
        genes = self.genes.with_only(KIND, self.kinds.index(kind))
        hand_made = tuple(one for one in self.hand_made if genes.is_genome(one.genome))
        digest = f"{self.digest} {kind}"
        return replace(self, genes=genes, digest=digest, hand_made=hand_made)

    def choices(self, genome: Genome) -> Mapping[str, Option]:
        """The options taken, by name, of the choices that exist."""
        values = dict(self.genes.values(genome))
        if KIND in values:
            deep = [n for n in range(self.stages) if values[f"stage{n}.depth"]]
            values |= {f"stage{number}.kind": values[KIND] for number in deep}
        return values

    def sample(self, random: Random) -> Genome:
        """Draw a genome; every choice is made evenly, so not every architecture is as likely."""
        return self.genes.sample(random)

    def text(self, genome: Genome) -> str:
        """The genome as numbers with points between them."""
        return ".".join(map(str, genome))

    def parse(self, text: str) -> Genome:
        """Read what `text` wrote; raises CompileError when it is no genome of this space."""
        try:
            genome = tuple(int(number) for number in text.split(".")) if text else ()
        except ValueError:
            genome = None
        if genome is None or not self.genes.is_genome(genome):
            raise CompileError(
                f"'{text}' names no architecture of this space, expected {len(self.genes)} "
                "numbers with points between them",
                f"space {self.name}",
                "take it from a report of this space",
            )
        return genome

    def architecture(self, genome: Genome) -> Architecture:
        """The architecture of a genome."""
        values = self.choices(genome)
        stem = None
        if self.has_stem:
            stem = Stem(
                _whole(values["stem.width"]),
                _whole(values["stem.kernel"]),
                _whole(values["stem.stride"]),
            )
        made = (self._stage(number, values) for number in range(self.stages))
        return Architecture(
            stem,
            tuple(made),
            _whole(values["last.width"]) if self.has_last else 0,
            None if self.per_network is None else self._tokens(values),
        )

    def scaled(self, network: HandMade, factor: float) -> Genome:
        """A hand-made network whose scaled choices are those nearest to `factor` times its own."""
        genome = list(network.genome)
        for index, gene in enumerate(self.genes.genes):
            if gene.name in network.scaled:
                wanted = factor * float(gene.options[genome[index]])
                distances = [abs(float(option) - wanted) for option in gene.options]
                genome[index] = distances.index(min(distances))
        return tuple(genome)

    def _stage(self, number: int, values: Mapping[str, Option]) -> Stage:
        name = f"stage{number}"
        depth = _whole(values[f"{name}.depth"])
        if not depth:
            return Stage("plain", 0, 0)  # keeps its place: weights are shared by stage
        kind = next(kind for kind in KINDS if kind == values[f"{name}.kind"])
        return Stage(
            kind,
            _whole(values[f"{name}.width"]),
            depth,
            _whole(values[f"{name}.stride"]),
            _whole(values[f"{name}.{kind}.kernel"]),
            _whole(values.get(f"{name}.{kind}.expansion", 1)),
        )

    def _tokens(self, values: Mapping[str, Option]) -> TokenPart | None:
        depth = _whole(values["tokens.depth"])
        if not depth:
            return None
        width = _whole(values["tokens.width"])

        def block(number: int) -> Block:
            heads, ratio, rank = (
                values[f"tokens.{name}" if name in self._shared else f"block{number}.{name}"]
                for name in OF_BLOCKS
            )
            hidden = max(1, int(float(ratio) * width))
            share = float(rank)
            return Block(_whole(heads), hidden, 0 if share == 1 else max(1, round(share * width)))

        return TokenPart(
            width,
            _whole(values["tokens.head_width"]),
            tuple(block(number) for number in range(depth)),
            _whole(values["tokens.patch"]),
            bool(values["tokens.class_token"]),
        )

    @property
    def _shared(self) -> frozenset[str]:
        return self.per_network or frozenset()


def shipped() -> list[str]:
    """The names of the spaces that come with mcuforge."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def load_space(name: str) -> Space:
    """Load a space by its name, or from the user's own .toml file.

    Raises CompileError for unknown names, and for other files with the key at fault.
    """
    path = Path(name) if name.endswith(".toml") else FOLDER / f"{name}.toml"
    if not path.is_file():
        raise CompileError(
            f"there is no space '{name}', expected one of {', '.join(shipped())} or a .toml file",
            name,
            "docs/search.md says how to write one",
        )
    try:
        content = path.read_bytes()
        table = tomllib.loads(content.decode())
    except (OSError, ValueError, RecursionError) as error:  # ValueError: a number of 5,000 digits
        raise CompileError(
            f"the space cannot be read: {error}", str(path), "docs/search.md has an example"
        ) from None
    return _Reader(path, table).space(sha256(content).hexdigest()[:12])


class _Reader:
    """Turns the table of one file into a space, and says what is wrong with it."""

    def __init__(self, path: Path, table: Mapping[str, object]) -> None:
        self._path = path
        self._table = table

    def space(self, digest: str) -> Space:
        """The space; raises CompileError."""
        table = self._checked("", self._table)
        stages = table.get("stages", [])
        if not isinstance(stages, list) or not all(isinstance(stage, dict) for stage in stages):
            raise self._error("stages", stages, "tables [[stages]]")
        kinds = self._one_kind(table.get("one_kind", False), stages)
        genes = [Gene(KIND, kinds)] if kinds else []
        genes += self._section("stem", (("kernel", 3), ("stride", 1)))
        for number, stage in enumerate(stages):
            genes += self._stage(number, self._checked("stages", stage), kinds)
        genes += self._section("last", ())
        tokens = table.get("tokens")
        shared: frozenset[str] | None = None
        if tokens is not None:
            shared = self._per_network(self._checked("tokens", tokens))
            genes += self._tokens(self._checked("tokens", tokens), shared)
        if not genes:
            raise self._error("stem, stages, tokens", None, "at least one of them")
        return Space(
            self._path.stem,
            self._title(table.get("title", self._path.stem)),
            Task(self._shape(table.get("shape")), self._positive("classes", table.get("classes"))),
            Genes(genes),
            digest,
            len(stages),
            "stem" in table,
            "last" in table,
            shared,
            tuple(self._hand_made(Genes(genes), table.get("hand_made", []))),
        )

    def _hand_made(self, genes: Genes, tables: object) -> Iterator[HandMade]:
        """Read networks given by their choices: those of a genome, as options."""
        if not isinstance(tables, list):
            raise self._error("hand_made", tables, "tables [[hand_made]]")
        names: set[str] = set(METHOD_NAMES)
        for table in tables:
            entry = self._checked("hand_made", table)
            name, choices = entry.get("name"), entry.get("choices")
            if not isinstance(name, str) or not NAME.fullmatch(name) or name in names:
                raise self._error("hand_made.name", name, "a name of letters and digits, once")
            names.add(name)
            if not isinstance(choices, dict):
                raise self._error(f"hand_made.{name}.choices", choices, "a table of choices")
            genome: list[int] = []
            for index, gene in enumerate(genes.genes):
                if not genes.exists(index, genome):
                    genome.append(0)
                    continue
                value = choices.get(gene.name)
                if value not in gene.options:
                    options = ", ".join(map(str, gene.options))
                    raise self._error(f"hand_made.{name}.{gene.name}", value, f"one of {options}")
                genome.append(gene.options.index(value))
            unknown = sorted(set(choices) - set(genes.values(tuple(genome))))
            if unknown:
                where = f"hand_made.{name}.{unknown[0]}"
                raise self._error(where, choices[unknown[0]], "only choices that it has")
            scaled = entry.get("scaled", [])
            known = [gene.name for gene in genes.genes if not isinstance(gene.options[0], str)]
            if not isinstance(scaled, list) or not set(scaled) <= set(known):
                raise self._error(f"hand_made.{name}.scaled", scaled, "a list of choices")
            yield HandMade(name, tuple(genome), tuple(scaled))

    def _section(self, section: str, defaults: tuple[tuple[str, int], ...]) -> list[Gene]:
        """The genes of stem or last, where the file has that section."""
        if section not in self._table:
            return []
        table = {**dict(defaults), **self._checked(section, self._table[section])}
        least = 0 if section == "last" else 1
        return [self._gene(f"{section}.{key}", table.get(key), least) for key in KEYS[section]]

    def _one_kind(self, value: object, stages: Sequence[Mapping[str, object]]) -> tuple[str, ...]:
        """The kinds that all stages offer, where networks have one kind; else none."""
        if not isinstance(value, bool):
            raise self._error("one_kind", value, "true or false")
        if not value:
            return ()
        offered = [tuple(kind for kind in KINDS if kind in stage) for stage in stages]
        if len(set(offered)) != 1 or not offered[0]:
            raise self._error("one_kind", value, "stages that all have tables for the same kinds")
        return offered[0]

    def _stage(
        self, number: int, table: Mapping[str, object], one_kind: tuple[str, ...]
    ) -> Iterator[Gene]:
        """The genes of a stage: its depth decides about all others, its kind about two of them.

        `one_kind`: the kinds of the network, which decides about them instead.
        """
        name = f"stage{number}"
        depth = self._depth(f"{name}.depth", table.get("depth"))
        yield depth
        there = self._above_zero(depth)
        kinds = tuple(kind for kind in KINDS if kind in table)
        if not kinds:
            raise self._error(f"{name}.kind", None, f"a table for one of {', '.join(KINDS)}")
        if not one_kind:
            yield Gene(f"{name}.kind", kinds, there)
        yield self._gene(f"{name}.width", table.get("width"), 1, there)
        yield self._gene(f"{name}.stride", table.get("stride", 1), 1, there)
        for index, kind in enumerate(kinds):
            choices = self._checked(kind, table[kind])
            when = (*there, (KIND if one_kind else f"{name}.kind", frozenset({index})))
            yield self._gene(f"{name}.{kind}.kernel", choices.get("kernel", 3), 1, when)
            if "expansion" in KEYS[kind]:
                yield self._gene(f"{name}.{kind}.expansion", choices.get("expansion", 1), 1, when)

    def _tokens(self, table: Mapping[str, object], shared: frozenset[str]) -> Iterator[Gene]:
        """The genes of the token part; a block's exist where the network is that deep."""
        depth = self._depth("tokens.depth", table.get("depth"))
        yield depth
        there = self._above_zero(depth)
        for key, default in (("width", None), ("head_width", None), ("patch", 1)):
            yield self._gene(f"tokens.{key}", table.get(key, default), 1, there)
        token = table.get("class_token", False)
        if not isinstance(token, bool):
            raise self._error("tokens.class_token", token, "true or false")
        yield Gene("tokens.class_token", (token,), there)
        of_block = {
            "heads": (table.get("heads"), 1),
            "ratio": (table.get("ratio"), 0.01),
            "rank": (table.get("rank", 1.0), 0.01),
        }
        for key in OF_BLOCKS:
            value, least = of_block[key]
            if key in shared:
                yield self._gene(f"tokens.{key}", value, least, there)
        for block in range(max(int(option) for option in depth.options)):
            deep = frozenset(i for i, option in enumerate(depth.options) if int(option) > block)
            for key in OF_BLOCKS:
                value, least = of_block[key]
                if key not in shared:
                    when = (("tokens.depth", deep),)
                    yield self._gene(f"block{block}.{key}", value, least, when)

    def _per_network(self, table: Mapping[str, object]) -> frozenset[str]:
        names = table.get("per_network", [])
        if not isinstance(names, list) or not all(name in OF_BLOCKS for name in names):
            raise self._error("tokens.per_network", names, f"a list out of {list(OF_BLOCKS)}")
        return frozenset(names)

    def _above_zero(self, depth: Gene) -> tuple[tuple[str, frozenset[int]], ...]:
        return ((depth.name, frozenset(i for i, n in enumerate(depth.options) if n)),)

    def _depth(self, name: str, value: object) -> Gene:
        """A gene of numbers of blocks."""
        gene = self._gene(name, value, 0)
        if not 0 < _whole(gene.options[-1]) <= DEEPEST:
            raise self._error(name, value, f"at least one number from 1 to {DEEPEST}")
        return gene

    def _gene(
        self,
        name: str,
        value: object,
        least: float,
        when: tuple[tuple[str, frozenset[int]], ...] = (),
    ) -> Gene:
        """A gene of numbers that are `least` or more, written as one number, a list or a range."""
        options: Sequence[object] = value if isinstance(value, list) else [value]
        if isinstance(value, dict) and set(value) == {"from", "to", "step"}:
            first, last, step = (self._positive(name, value[k]) for k in ("from", "to", "step"))
            options = range(first, last + 1, step)
        fractional = isinstance(least, float)
        numbers: list[int | float] = []
        for option in options:
            if isinstance(option, bool) or not isinstance(option, int | float):
                raise self._error(
                    name, value, "a number, a list of numbers or {from = , to = , step = }"
                )
            if isinstance(option, float) and not fractional:
                raise self._error(name, value, "whole numbers")
            if not least <= option <= LARGEST:
                raise self._error(name, value, f"numbers from {least:g} to {LARGEST}")
            numbers.append(option)
        if not 0 < len(numbers) <= MOST_OPTIONS or sorted(set(numbers)) != numbers:
            raise self._error(name, value, f"1 to {MOST_OPTIONS} options in ascending order")
        return Gene(name, tuple(numbers), when)

    def _title(self, value: object) -> str:
        if not isinstance(value, str):
            raise self._error("title", value, "text")
        return value

    def _shape(self, value: object) -> tuple[int, ...]:
        if not isinstance(value, list) or len(value) not in (2, 3):
            raise self._error("shape", value, "[rows, columns, channels] or [samples, channels]")
        return tuple(self._positive("shape", side) for side in value)

    def _positive(self, name: str, value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= LARGEST:
            raise self._error(name, value, f"a whole number from 1 to {LARGEST}")
        return value

    def _checked(self, section: str, table: object) -> Mapping[str, object]:
        """A table whose keys are known."""
        if not isinstance(table, dict):
            raise self._error(section, table, "a table")
        for key in table:
            if key not in KEYS[section]:
                place = f"{section}.{key}" if section else key
                raise self._error(place, table[key], f"only the keys {', '.join(KEYS[section])}")
        return table

    def _error(self, key: str, value: object, expected: str) -> CompileError:
        found = "is missing" if value is None else f"is {value!r}"
        return CompileError(
            f"'{key}' {found}, expected {expected}",
            str(self._path),
            "docs/search.md says what a space holds",
        )


def _whole(option: Option) -> int:
    if isinstance(option, str):
        raise InternalError(f"'{option}' is no number")
    return int(option)
