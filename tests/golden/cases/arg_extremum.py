# SPDX-License-Identifier: Apache-2.0
"""ARG_MAX and ARG_MIN along any axis, and ONNX's rule for equal elements."""

from mcuforge.compiler.ops.arg_extremum import ArgMax, ArgMin
from tests.golden.case import Case, Operand, OwnCase

INT32 = 2  # tflite.TensorType


def case(name: str, shape: tuple[int, ...], axis: int, smallest: bool = False) -> Case:
    """Along `axis`, counted from the front."""
    kind = "ArgMin" if smallest else "ArgMax"
    inputs = (Operand(shape, 0.1, 4), Operand((), dtype="int32", data=(axis,)))
    output = Operand(shape[:axis] + shape[axis + 1 :], dtype="int32")
    name = f"{kind}, {name}"
    code = "ARG_MIN" if smallest else "ARG_MAX"
    return Case(name, code, inputs, (output,), (f"{kind}Options", {"OutputType": INT32}))


def last(kind: type[ArgMax | ArgMin], shape: tuple[int, ...], axis: int) -> OwnCase:
    """The last of equal elements; the axis stays as 1."""
    kept = tuple(1 if i == axis else n for i, n in enumerate(shape))
    operands = (Operand(shape, 0.1, 4),), Operand(kept, dtype="int32")
    return OwnCase(f"{kind.__name__}, the last along {axis}", kind(axis, True), *operands)


CASES = (
    *(case("classes", (1, 10), 1, smallest) for smallest in (False, True)),
    *(case("channels of an image", (1, 5, 4, 7), 3, smallest) for smallest in (False, True)),
    *(case("columns of an image", (1, 5, 4, 3), 2, smallest) for smallest in (False, True)),
    *(case("rows of an image", (1, 5, 4, 3), 1, smallest) for smallest in (False, True)),
    case("the batch", (1, 5, 4), 0),
    case("one element", (1, 4, 1), 2),
    case("two channels", (1, 9, 5, 2), 3),
    case("features of tokens", (1, 6, 33), 2),
    *(last(kind, (1, 5, 40), 2) for kind in (ArgMax, ArgMin)),
    *(last(kind, (1, 300, 3), 1) for kind in (ArgMax, ArgMin)),
)
WHOLE_ONLY = (
    "ArgMax, classes",
    "ArgMin, classes",
    "ArgMax, rows of an image",
    "ArgMin, rows of an image",
    "ArgMax, the batch",
    "ArgMax, the last along 1",
    "ArgMin, the last along 1",
)
