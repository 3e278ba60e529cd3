# SPDX-License-Identifier: Apache-2.0
"""What both front ends share: limits, names, hints, and how a refused operator is reported."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from mcuforge.errors import Advice, CompileError, Phase, Refusal, phase_of

LARGEST_TENSOR_BYTES = 64 << 20
LARGEST_INTEGER_LIST = 4096  # values of a shape, axis, padding or size list
LARGEST_STEP = (1 << 15) - 1  # of a kernel, stride or dilation
LONGEST_NAME = 200  # characters of a name of the file
LONGEST_LAYER_NAME = 48
MOST_DIMENSIONS = 8
MOST_EDGES = 64  # inputs or outputs of a model
SCALE_LIMITS = (1e-12, 1e12)  # of activations; products of three stay finite in float32

DAMAGED = Advice("copy or export the file again", Phase.FILE)
FEWER = "use a smaller input resolution or fewer channels"
EXPORT_AGAIN = Advice("export the model again: the file contradicts itself", Phase.EXPORT)


@dataclass(frozen=True)
class SupportedOperator:
    """One row of the operator table."""

    ops: tuple[str, ...]  # the classes of compiler/ops it becomes; empty: computed while reading
    dtypes: tuple[str, ...]  # the types its run-time inputs may have
    note: str


@dataclass(frozen=True)
class OperatorSupport:
    """What the front end says about one operator; index -1: the model's own inputs and outputs."""

    index: int
    operator: str  # "CONV_2D"
    supported: bool
    what: str  # why it is refused; empty where it is supported
    hint: str
    where: str
    output: str  # the output tensor's name
    input_shapes: tuple[tuple[int, ...], ...]
    output_shape: tuple[int, ...]
    dtype: str  # the output's type as the file gives it


class Survey:
    """Collects what the front end says about each operator of one file."""

    def __init__(self, file: str, signature: str = "", signatures: Sequence[str] = ()) -> None:
        self.file = file
        self.signature = signature  # the one of the file's that is read
        self.signatures = tuple(signatures)
        self.rows: list[OperatorSupport] = []

    @property
    def refused(self) -> list[OperatorSupport]:
        """The rows of refused operators."""
        return [row for row in self.rows if not row.supported]

    def note(
        self,
        index: int,
        operator: str,
        where: str,
        problem: Refusal | None,
        output: str = "",
        input_shapes: tuple[tuple[int, ...], ...] = (),
        output_shape: tuple[int, ...] = (),
        dtype: str = "",
    ) -> None:
        """Add the row of one operator, which `problem` refuses unless it is None."""
        what, hint = ("", "") if problem is None else (problem.what, problem.hint)
        place = f"{self.file}, {where}"
        verdict = (problem is None, what, hint, place)
        written = (output, input_shapes, output_shape, dtype)
        self.rows.append(OperatorSupport(index, operator, *verdict, *written))

    @property
    def first(self) -> OperatorSupport:
        """The refused operator to begin with: the first, unless another asks for another file.

        Those behind the first may be refused only because it is.
        """
        refused = self.refused
        return next((row for row in refused if phase_of(row.hint) is Phase.FILE), refused[0])

    def error(self, more: int) -> CompileError:
        """Make the error for the `first` operator; it counts how many `more` there are."""
        first = self.first
        also = f"; {more} more refused: `mcuforge ops {self.file}` lists all" if more else ""
        if len(self.signatures) > 1:
            also += f"; the file has {len(self.signatures)} signatures, this is "
            also += f"{self.signature} of {', '.join(self.signatures)}: --signature chooses"
        return CompileError(first.what, first.where, first.hint + also)


def contradiction(what: str) -> Refusal:
    """Make the refusal of a file that contradicts itself."""
    return Refusal(what, EXPORT_AGAIN)


def want_bytes(what: str, size: int, hint: str) -> None:
    """Refuse a tensor of `size` bytes that is too large for any microcontroller."""
    if size > LARGEST_TENSOR_BYTES:
        most = LARGEST_TENSOR_BYTES >> 20
        raise Refusal(f"{what} takes {size / 2**20:.1f} MiB, expected at most {most} MiB", hint)


def want_elements(what: str, count: int, hint: str) -> None:
    """Refuse a tensor of `count` elements that is too large for any microcontroller."""
    if count > LARGEST_TENSOR_BYTES:
        raise Refusal(f"{what} has {count} elements, expected at most {LARGEST_TENSOR_BYTES}", hint)


def completed(shape: Sequence[int], elements: int) -> tuple[int, ...]:
    """Compute the one -1 of a requested shape; any other shape comes back as it is."""
    known = prod(n for n in shape if n != -1)
    if tuple(shape).count(-1) != 1 or known < 1 or elements % known != 0:
        return tuple(shape)
    return tuple(elements // known if n == -1 else n for n in shape)


def unknown_signature(name: str, known: Sequence[str]) -> Refusal:
    """Make the refusal of a signature that a file does not have."""
    has = f"it has {', '.join(known)}" if known else "it has none"
    hint = f"--signature {known[0]}" if known else "leave --signature out"
    return Refusal(f"the file has no signature '{printable(name)}', {has}", hint)


class Unique:
    """Hands out names and numbers those that are already taken."""

    def __init__(self) -> None:
        self._taken: dict[str, int] = {}

    def take(self, name: str) -> str:
        """Return `name`, or `name_2`, `name_3`, ... where it is taken."""
        count = self._taken.get(name, 0) + 1
        self._taken[name] = count
        return name if count == 1 else self.take(f"{name}_{count}")


def printable(text: str) -> str:
    """Make a name safe to print: without control characters, at most 200 characters."""
    return "".join(c if c.isprintable() else "?" for c in text[:LONGEST_NAME])


def clean_name(part: str) -> str:
    """Keep letters, digits and _ . - of `part`: names end up in C comments and file names."""
    return re.sub(r"_{2,}", "_", re.sub(r"[^A-Za-z0-9_.-]+", "_", part)).strip("_.-")


def resolve_axis(axis: int, rank: int) -> int:
    """Count an axis from the front; negative ones count from the back. Raises Refusal."""
    if not -rank <= axis < rank:
        raise contradiction(
            f"axis {axis} is outside its {rank} dimensions, expected {-rank} to {rank - 1}"
        )
    return axis % rank


def resolve_axes(axes: Sequence[int], rank: int) -> tuple[int, ...]:
    """Count axes from the front, in their order. Raises Refusal where one is named twice."""
    found = tuple(resolve_axis(axis, rank) for axis in axes)
    if len(set(found)) != len(found):
        raise contradiction(f"it names the axes {list(axes)}, expected each once")
    return found
