# SPDX-License-Identifier: Apache-2.0
"""A planned schedule as C: model.h, model.c, weights.h, weights.c."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined

from mcuforge.compiler.codegen.constants import ConstantArray, ConstantPool, literal
from mcuforge.compiler.codegen.names import comment, distinct, identifier
from mcuforge.compiler.ir import DType, Tensor
from mcuforge.compiler.ops.base import Argument, Blob, Params, RingRows, RowOf, Slot
from mcuforge.compiler.schedule.memory import ALIGNMENT
from mcuforge.compiler.schedule.schedule import Layer as ScheduledLayer
from mcuforge.compiler.schedule.schedule import Schedule


@dataclass(frozen=True)
class Port:
    """An input or output of the generated model."""

    name: str  # the user's tensor name
    shape: str
    c_type: str
    offset: int  # bytes from the start of the arena
    bytes: int
    elements: int
    dtype: DType
    scale: float
    zero_point: int

    @property
    def quantised(self) -> bool:
        """Whether an element is an integer that stands for a real value."""
        return self.dtype is not DType.FLOAT32

    @property
    def scale_literal(self) -> str:
        """The scale as a C float."""
        return literal(float(np.float32(self.scale)))

    @property
    def zero_literal(self) -> str:
        """The zero-point as a macro's value: '83', '(-128)'."""
        return f"({self.zero_point})" if self.zero_point < 0 else str(self.zero_point)

    @property
    def meaning(self) -> str:
        """', real = 0.1 * (q + 5)': what an integer stands for; a float says it itself."""
        if self.dtype is DType.FLOAT32:
            return ""
        zero = f"(q {'-' if self.zero_point > 0 else '+'} {abs(self.zero_point)})"
        return f", real = {np.float32(self.scale)!s} * {zero if self.zero_point else 'q'}"


@dataclass(frozen=True)
class Layer:
    """One layer as the template prints it."""

    index: int
    about: str
    structs: tuple[tuple[str, str, tuple[tuple[str, str], ...]], ...]  # tag, name, fields
    calls: tuple[tuple[str, tuple[str, ...]], ...]  # kernel symbol, arguments


@dataclass(frozen=True)
class GeneratedModel:
    """What the templates see and what the check firmware and reports need to know."""

    name: str  # prefix of every public symbol
    arena_bytes: int
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    layers: tuple[Layer, ...]
    kernels: tuple[str, ...]
    constants: tuple[ConstantArray, ...]
    files: Mapping[str, str]  # file name -> text

    @property
    def weights_bytes(self) -> int:
        """Bytes of every constant array."""
        return sum(c.bytes for c in self.constants)


def environment() -> Environment:
    """The templates of this package, strict about undefined names."""
    return Environment(
        loader=PackageLoader("mcuforge.compiler.codegen"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # C, not HTML
    )


def generate(schedule: Schedule, offsets: Mapping[str, int], arena_bytes: int) -> GeneratedModel:
    """C for `schedule` with each buffer at `offsets[name]` bytes of one arena.

    The text depends on nothing but the arguments: no dates, no paths.
    """
    name = identifier(schedule.graph.name)
    pool = ConstantPool(name)
    layer_ids = distinct([identifier(step.node.name) for step in schedule.layers])
    printer = _Printer(schedule, offsets, pool)
    layers = tuple(
        printer.layer(i, step, layer_id)
        for i, (step, layer_id) in enumerate(zip(schedule.layers, layer_ids, strict=True))
    )
    kernels = tuple(sorted({c.kernel for s in schedule.layers for c in s.calls}))
    view = {
        "name": name,
        "NAME": name.upper(),
        "title": comment(schedule.graph.name),
        "arena_bytes": max(arena_bytes, 1),
        "alignment": ALIGNMENT,
        "inputs": tuple(printer.port(t) for t in schedule.graph.inputs),
        "outputs": tuple(printer.port(t) for t in schedule.graph.outputs),
        "layers": layers,
        "kernels": kernels,
        "constants": pool.arrays(),
    }
    env = environment()
    files = {
        file: env.get_template(f"{file}.j2").render(view)
        for file in ("model.h", "model.c", "weights.h", "weights.c")
    }
    return GeneratedModel(
        name=name,
        arena_bytes=max(arena_bytes, 1),
        inputs=tuple(printer.port(t) for t in schedule.graph.inputs),
        outputs=tuple(printer.port(t) for t in schedule.graph.outputs),
        layers=layers,
        kernels=kernels,
        constants=pool.arrays(),
        files=files,
    )


def example_main(model: GeneratedModel) -> str:
    """A minimal main.c that shows the generated model's use."""
    return (
        environment()
        .get_template("main.c.j2")
        .render(
            name=model.name, NAME=model.name.upper(), inputs=model.inputs, output=model.outputs[0]
        )
    )


@dataclass(frozen=True)
class _Printer:
    """Turns calls into text: arena addresses, constant names, struct initialisers."""

    schedule: Schedule
    offsets: Mapping[str, int]
    pool: ConstantPool

    def port(self, tensor: Tensor) -> Port:
        return Port(
            name=comment(tensor.name),
            shape=shape_text(tensor),
            c_type=tensor.dtype.c_type,
            offset=self.offsets[self.schedule.buffer(tensor).name],
            bytes=tensor.bytes,
            elements=tensor.elements,
            dtype=tensor.dtype,
            scale=tensor.quant.scale[0] if tensor.quant is not None else 1.0,
            zero_point=tensor.zero_point,
        )

    def layer(self, index: int, step: ScheduledLayer, layer_id: str) -> Layer:
        node = step.node
        reads = " + ".join(shape_text(t) for t in node.activations)
        about = f"{comment(node.name)}: {node.op.kind} {reads} -> {shape_text(node.output)}"
        structs, calls = [], []
        for number, call in enumerate(step.calls):
            params_name = f"p{index}" if len(step.calls) == 1 else f"p{index}_{number}"
            if call.params is not None:
                structs.append(self.struct(call.params, params_name, layer_id))
            arguments = tuple(
                self.argument(argument, step, layer_id, params_name) for argument in call.args
            )
            calls.append((f"mcuforge_{call.kernel}", arguments))
        return Layer(index, about, tuple(structs), tuple(calls))

    def argument(
        self, argument: Argument, step: ScheduledLayer, layer_id: str, params_name: str
    ) -> str:
        assert not isinstance(argument, RowOf)  # of row forms, which no schedule has yet
        if argument is Slot.FIRST_ROW:
            return "0"
        if argument is Slot.END_ROW:
            return str(step.node.output.rows)
        if isinstance(argument, Blob):
            return self.pool.name(argument, layer_id)
        if argument is Slot.PARAMS:
            return f"&{params_name}"
        if argument is Slot.SCRATCH:
            return f"a + {self.offsets[step.scratch_name]}"
        assert isinstance(argument, Tensor)
        if argument.data is not None:
            return self.pool.name(Blob("constant", argument.data), layer_id)
        address = f"a + {self.offsets[self.schedule.buffer(argument).name]}"
        return address if argument.dtype is DType.INT8 else f"(void *)({address})"

    def struct(
        self, params: Params, name: str, layer_id: str
    ) -> tuple[str, str, tuple[tuple[str, str], ...]]:
        fields = []
        for field, value in params.fields:
            if isinstance(value, Blob):
                text = self.pool.name(value, layer_id)
            elif isinstance(value, RingRows):
                text = literal(value.tensor.rows)
            elif isinstance(value, tuple):
                text = "{" + ", ".join(literal(v) for v in value) + "}"
            else:
                text = "0" if value is None else literal(value)
            fields.append((field, text))
        return f"mcuforge_{params.struct}", name, tuple(fields)


def shape_text(tensor: Tensor) -> str:
    """'25x5x64': the shape without the batch."""
    return "x".join(str(d) for d in (tensor.shape[1:] or tensor.shape)) or "1"
