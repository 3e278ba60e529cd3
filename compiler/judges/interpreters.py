# SPDX-License-Identifier: Apache-2.0
"""Runs the TFLite interpreters, and knows where each deviates from tflite-runtime 2.14.

tflite-runtime 2.14 with its reference kernels (BUILTIN_REF) defines the answers that mcuforge must
match exactly. It exists up to Python 3.11. Its successors changed a few kernels. The tables here
were measured: every golden case ran through every interpreter (docs/judges.md).
`tests/golden/test_interpreters.py` repeats that for the installed ones.
"""

import importlib.util
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from math import prod
from typing import Protocol

import numpy as np

from mcuforge.compiler.frontends.tflite.file import RawModel
from mcuforge.compiler.graph import Node
from mcuforge.compiler.ops.tables.exp import Exp
from mcuforge.compiler.ops.tables.gelu import Gelu
from mcuforge.compiler.ops.tables.leaky_relu import LeakyRelu
from mcuforge.compiler.ops.tables.log import Log
from mcuforge.compiler.ops.tables.logistic import Logistic
from mcuforge.compiler.ops.tables.lookup import Lookup
from mcuforge.compiler.ops.tables.tanh import Tanh
from mcuforge.compiler.tensors import Array, DType

EXACT = "tflite-runtime 2.14"
# Their tables come from the machine's C library, whose floats may differ in the last bit.
FROM_C_LIBRARY = (Exp, Gelu, Log, Logistic, Lookup, Tanh)
ONE_STEP = 1.0


@dataclass(frozen=True)
class Deviation:
    """An operator, as the file names it, for which an interpreter deviates from 2.14.

    applies: selects the nodes of that operator; None: all of them.
    refuses: the interpreter does not run these nodes.
    rare: it differs by one step in one of tens of thousands of elements. Golden cases do not show
    that; `compare_interpreters --scales` does.
    """

    operator: str
    applies: Callable[[Node], bool] | None = None
    refuses: bool = False
    rare: bool = False

    def holds_for(self, node: Node) -> bool:
        """Whether the interpreter deviates for this node."""
        named = self.operator == operator_name(node)
        return named and (self.applies is None or self.applies(node))


@dataclass(frozen=True)
class Interpreter:
    """An installed interpreter and its deviations from tflite-runtime 2.14."""

    distribution: str
    version: str
    deviations: tuple[Deviation, ...] = ()
    measured: bool = True  # this release was compared with 2.14; other releases never judge alone

    @property
    def name(self) -> str:
        """The name in reports: 'tflite-runtime 2.14.0 BUILTIN_REF'."""
        kernels = "" if self.distribution == MICRO else " BUILTIN_REF"
        return f"{self.distribution} {self.version}{kernels}"

    def deviating(self, nodes: Iterable[Node]) -> tuple[Node, ...]:
        """Return the nodes for which it is known to deviate, or which it does not run.

        All nodes where this release was never compared.
        """
        if not self.measured:
            return tuple(nodes)
        return tuple(node for node in nodes if self._deviation(node) is not None)

    def refuses(self, nodes: Iterable[Node]) -> bool:
        """True where it is known that it does not run one of `nodes`."""
        found = (self._deviation(node) for node in nodes)
        return any(deviation.refuses for deviation in found if deviation is not None)

    def explains(self, node: Node, largest: float) -> bool:
        """Whether a difference of `largest` steps in `node` has a known cause."""
        known = self._deviation(node)
        if known is not None and not known.rare:
            return True
        rounding = known is not None or isinstance(node.op, FROM_C_LIBRARY)
        return rounding and largest <= ONE_STEP

    def _deviation(self, node: Node) -> Deviation | None:
        for deviation in self.deviations:
            if deviation.holds_for(node):
                return deviation
        return None


def operator_name(node: Node) -> str:
    """Return the name of the file's operator that a node comes from: 'CONV_2D'."""
    return node.origin.rpartition(" ")[2]


def _slopes_down(node: Node) -> bool:
    return isinstance(node.op, LeakyRelu) and node.op.alpha < 0


def _moves_uint8(node: Node) -> bool:
    return node.output.dtype is DType.UINT8


def _quantizes_to_uint8(node: Node) -> bool:
    return _moves_uint8(node) and node.inputs[0].dtype is DType.FLOAT32


RUNTIME, LITERT, MICRO = "tflite-runtime", "ai-edge-litert", "tflite-micro"
OF_MICRO = (
    *(
        Deviation(operator, _moves_uint8, refuses=True)
        for operator in (
            *("CONCATENATION", "GATHER", "PACK", "PAD", "PADV2", "RESIZE_NEAREST_NEIGHBOR"),
            *("STRIDED_SLICE", "TRANSPOSE", "UNPACK"),
        )
    ),
    Deviation("QUANTIZE", _quantizes_to_uint8, refuses=True),
    Deviation("EXP", refuses=True),
    Deviation("GELU", refuses=True),
    Deviation("RELU_N1_TO_1", refuses=True),
    Deviation("LEAKY_RELU", _slopes_down),
    Deviation("LOGISTIC"),  # at scales that a trained network does not have
    Deviation("RELU6"),  # as a separate operator; fused it is exact
    Deviation("TANH"),  # output scales other than 1/128
    # 2.14 multiplies two scales in float32, TFLite Micro in double
    Deviation("BATCH_MATMUL", rare=True),
    Deviation("FULLY_CONNECTED", rare=True),
    Deviation("HARD_SWISH", rare=True),
    Deviation("MUL", rare=True),
)
MICRO_MEASURED = "0.dev20261023182759"
LITERT_MEASURED = ((1, 2), (2, 3))
# first version (major, minor) -> the deviations of it and later ones, up to the next entry
OF_LITERT: tuple[tuple[tuple[int, int], tuple[Deviation, ...]], ...] = (
    ((0, 0), ()),
    ((1, 3), (Deviation("FULLY_CONNECTED"),)),
    ((2, 1), (Deviation("FULLY_CONNECTED"), Deviation("LEAKY_RELU", _slopes_down))),
)


def deviations_of(distribution: str, released: str) -> tuple[Deviation, ...]:
    """Return a release's known deviations; one newer than all gets the last entry."""
    if distribution == MICRO:
        return OF_MICRO
    if distribution == RUNTIME:
        return ()
    return [found for first, found in OF_LITERT if first <= major_minor(released)][-1]


def installed() -> tuple[Interpreter, ...]:
    """Return the interpreters of this Python; those that fully agree with 2.14 come first."""
    found = []
    for distribution in (RUNTIME, MICRO, LITERT):
        if importlib.util.find_spec(distribution.replace("-", "_")) is None:
            continue
        try:
            released = version(distribution)
        except PackageNotFoundError:  # a folder with that name, not an installed package
            continue
        known = deviations_of(distribution, released)
        found.append(
            Interpreter(distribution, released, known, is_measured(distribution, released))
        )
    return tuple(sorted(found, key=lambda one: bool(one.deviations)))


def is_measured(distribution: str, released: str) -> bool:
    """Whether this release ran every golden case (docs/judges.md)."""
    if distribution == MICRO:
        return released == MICRO_MEASURED
    release = major_minor(released)
    if distribution == RUNTIME:
        return release == (2, 14)
    return LITERT_MEASURED[0] <= release <= LITERT_MEASURED[1]


def major_minor(released: str) -> tuple[int, int]:
    """Return (2, 14) for '2.14.0'."""
    major, minor = (int(number) for number in (*re.findall(r"\d+", released), "0", "0")[:2])
    return major, minor


class Engine(Protocol):
    """One model in an interpreter."""

    def run(self, inputs: Sequence[Array]) -> tuple[Array, ...]:
        """Compute one inference; every output in the file's shape and dtype.

        inputs: each in its own dtype, of as many elements as the file's tensor.
        """
        ...

    def tensor(self, index: int) -> Array:
        """Return the value of tensor `index` after a run, in the file's shape and dtype.

        All tensors must have been kept (`load`, keep_all).
        """
        ...


def load(distribution: str, model: bytes, file: RawModel, *, keep_all: bool = False) -> Engine:
    """Load `model` into an interpreter. file: its tables. keep_all: tensors keep their values.

    Raises RuntimeError or ValueError, as the interpreter does, for a model it refuses.
    """
    if distribution not in (RUNTIME, LITERT, MICRO):
        raise ValueError(f"the interpreter {distribution} is unknown")
    return (_Micro if distribution == MICRO else _Lite)(distribution, model, file, keep_all)


class _Lite:
    """tflite-runtime or ai-edge-litert with their reference kernels, on one thread."""

    def __init__(self, distribution: str, model: bytes, file: RawModel, keep_all: bool) -> None:
        if distribution == RUNTIME:
            from tflite_runtime import interpreter as runtime
        else:
            from ai_edge_litert import interpreter as runtime
        self._engine = runtime.Interpreter(
            model_content=model,
            experimental_op_resolver_type=runtime.OpResolverType.BUILTIN_REF,
            experimental_preserve_all_tensors=keep_all,
            num_threads=1,
        )
        self._engine.allocate_tensors()
        self._inputs = self._engine.get_input_details()
        self._outputs = self._engine.get_output_details()

    def run(self, inputs: Sequence[Array]) -> tuple[Array, ...]:
        for detail, x in zip(self._inputs, inputs, strict=True):
            self._engine.set_tensor(detail["index"], x.reshape(detail["shape"]))
        self._engine.invoke()
        return tuple(self.tensor(detail["index"]) for detail in self._outputs)

    def tensor(self, index: int) -> Array:
        value: Array = self._engine.get_tensor(index)
        return value


class _Micro:
    """TFLite Micro's interpreter, which needs to know how much memory it may take."""

    def __init__(self, distribution: str, model: bytes, file: RawModel, keep_all: bool) -> None:
        from tflite_micro import runtime

        keep = runtime.InterpreterConfig.kPreserveAllTensors
        record = runtime.InterpreterConfig.kAllocationRecording
        self._file = file
        self._engine = runtime.Interpreter.from_bytes(
            model,
            arena_size=arena_bytes(file),
            intrepreter_config=keep if keep_all else record,  # their spelling
        )

    def run(self, inputs: Sequence[Array]) -> tuple[Array, ...]:
        for place, (index, x) in enumerate(zip(self._file.inputs, inputs, strict=True)):
            self._engine.set_input(x.reshape(self._file.tensors[index].shape), place)
        self._engine.invoke()
        return tuple(
            np.array(self._engine.get_output(place)) for place in range(len(self._file.outputs))
        )

    def tensor(self, index: int) -> Array:
        return np.array(self._engine.GetTensor(index, 0)["tensor_data"])


def arena_bytes(file: RawModel) -> int:
    """Estimate ample memory for TFLite Micro: all tensors at once, and its notes about each."""
    widest = 8  # bytes of an element
    elements = sum(prod(max(n, 1) for n in tensor.shape) for tensor in file.tensors)
    return (1 << 20) + widest * elements + 4096 * (len(file.tensors) + len(file.operators))
