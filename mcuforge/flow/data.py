# SPDX-License-Identifier: Apache-2.0
"""Samples for the check: a user's .npz file, or a fixed seed over the inputs' full range."""

from __future__ import annotations

import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mcuforge.compiler.ir import Array, DType, Graph, Port, Tensor
from mcuforge.compiler.ops.quantize import Quantize, rounded_quotient
from mcuforge.compiler.ops.tables.table import clamp_to
from mcuforge.compiler.user_ports import to_graph
from mcuforge.errors import CompileError

SEED = 20231121


@dataclass(frozen=True, eq=False)
class Samples:
    """Inputs for the check: per model input an array (samples, *the input's shape)."""

    inputs: tuple[Array, ...]
    labels: NDArray[np.int64] | None  # (samples)
    origin: str  # "data.npz", or how they were drawn
    drawn: bool = False  # by us: they say nothing of the accuracy on the user's own data

    @property
    def count(self) -> int:
        """Number of samples."""
        return len(self.inputs[0])

    def sample(self, index: int) -> tuple[Array, ...]:
        """One sample, as `reference.run` takes it."""
        return tuple(x[index] for x in self.inputs)


def random_samples(graph: Graph, count: int) -> Samples:
    """`count` samples drawn uniformly over each input's full quantised range, seed fixed.

    A float32 input is drawn over the real range its Quantize node represents, or [-1, 1).
    """
    rng = np.random.default_rng(SEED)
    return Samples(
        tuple(_draw(graph, t, count, rng) for t in graph.inputs),
        None,
        f"random, seed {SEED}, full input range",
        drawn=True,
    )


def _draw(graph: Graph, tensor: Tensor, count: int, rng: np.random.Generator) -> Array:
    shape = (count, *tensor.shape)
    if tensor.dtype is DType.FLOAT32:
        low, high = -1.0, 1.0
        for node in graph.readers(tensor):
            if isinstance(node.op, Quantize):
                bounds = np.iinfo(node.output.dtype.value)
                low = (float(bounds.min) - node.output.zero_point) * node.output.scale
                high = (float(bounds.max) - node.output.zero_point) * node.output.scale
        return rng.uniform(low, high, shape).astype(np.float32)
    limits = np.iinfo(tensor.dtype.value)
    drawn = rng.integers(limits.min, limits.max, shape, endpoint=True)
    return drawn.astype(tensor.dtype.numpy)


def load_samples(graph: Graph, path: Path, limit: int | None = None) -> Samples:
    """Samples of an .npz file: `x` or `x0`, `x1`, ... and optional integer labels `y`.

    Samples are as the model's file has its inputs: their shape (for ONNX usually NCHW) and dtype.
    A sample may leave out dimensions of 1 or be flat. Values of the input's own dtype are raw;
    float32 values are real and quantised with the input's scale. Raises CompileError for files that
    are no .npz, missing or odd arrays, wrong shapes, real values that are not finite.
    """
    arrays = _read(path)
    names = [f"x{i}" for i in range(len(graph.inputs))]
    if len(names) == 1 and ("x" in arrays or "x0" not in arrays):
        names = ["x"]
    missing = [n for n in names if n not in arrays]
    if missing:
        raise CompileError(
            f"the data file has no array '{missing[0]}', it has {sorted(arrays) or 'none'}",
            str(path),
            f"np.savez('data.npz', {', '.join(f'{n}=...' for n in names)}, y=labels)",
        )
    found = {
        name: _matching(arrays[name], tensor, graph.ports.get(tensor.name), name, path)
        for name, tensor in zip(names, graph.inputs, strict=True)
    }
    labels = _labels(arrays["y"], graph.outputs[0], path) if "y" in arrays else None
    counts = {name: len(x) for name, x in found.items()}
    if labels is not None:
        counts["y"] = len(labels)
    if len(set(counts.values())) > 1 or 0 in counts.values():
        held = ", ".join(f"{name} {count}" for name, count in counts.items())
        raise CompileError(
            f"the arrays hold these numbers of samples: {held}; wanted one number, at least 1",
            str(path),
            "give every array one row per sample",
        )
    inputs = tuple(x[:limit] for x in found.values())
    return Samples(inputs, None if labels is None else labels[:limit], path.name)


def _read(path: Path) -> dict[str, Array]:
    """The arrays of a .npz file. A damaged archive fails in any of these ways, pickles by ours."""
    if not path.is_file():
        met = "this is a folder" if path.is_dir() else "there is no such file"
        raise CompileError(f"{met}, wanted a data file", str(path), "give the path of an .npz file")
    damage = (OSError, ValueError, EOFError, KeyError, RuntimeError, ArithmeticError, MemoryError)
    try:
        with path.open("rb") as file:  # numpy leaves a file open that it cannot read
            loaded = np.load(file, allow_pickle=False)
            if isinstance(loaded, np.ndarray):
                raise ValueError("it is a single array (.npy), no archive")
            with loaded as data:
                return {name: np.asarray(data[name]) for name in data.files}
    except (*damage, zipfile.BadZipFile, zlib.error) as error:
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise CompileError(
            f"the data file cannot be read as .npz: {reason}",
            str(path),
            "write it with np.savez('data.npz', x=inputs, y=labels)",
        ) from error


def _matching(x: Array, tensor: Tensor, port: Port | None, name: str, path: Path) -> Array:
    """`x` as (samples, *the input's shape) in the input's dtype."""
    whole = tensor.shape if port is None else port.shape
    dtype = np.dtype(tensor.dtype.value if port is None else port.dtype)
    shape = whole if len(whole) < 2 else whole[1:]
    flat, squeezed = (tensor.elements,), tuple(d for d in shape if d != 1)
    if x.ndim < 1 or (x.shape[1:] != flat and tuple(d for d in x.shape[1:] if d != 1) != squeezed):
        raise CompileError(
            f"array '{name}' has shape {list(x.shape)}, wanted [n, {', '.join(map(str, shape))}]",
            str(path),
            _shape_hint(x, tensor, shape, name),
        )
    takes_real = tensor.dtype is not DType.INT32 and tensor.quant is not None
    real = x.dtype == np.float32 and (dtype == np.float32 or takes_real)
    if x.dtype != dtype and not real:
        wanted = f"{dtype} (raw) or float32 (real)" if dtype != np.float32 else "float32 (real)"
        raise CompileError(
            f"array '{name}' is {x.dtype}, wanted {wanted}",
            str(path),
            _dtype_hint(x, dtype),
        )
    if real and not np.isfinite(x).all():
        raise CompileError(
            f"array '{name}' holds NaN or infinity, wanted finite real values",
            str(path),
            "clean the data before the check",
        )
    values = x.reshape(len(x), *whole)
    if port is not None:
        return to_graph(values, port, tensor)
    if x.dtype == dtype:
        return values
    rounded = rounded_quotient(values.astype(np.float32), tensor.scale) + tensor.zero_point
    return clamp_to(tensor, rounded).astype(tensor.dtype.numpy)


def _shape_hint(x: Array, tensor: Tensor, shape: tuple[int, ...], name: str) -> str:
    """What brings `x` into the input's shape; for images the other way round, how to turn them."""
    for order in ((0, 3, 1, 2), (0, 2, 3, 1)):
        if x.ndim == 4 and tuple(x.shape[axis] for axis in order[1:]) == shape:
            layout = "NCHW" if order[1] == 3 else "NHWC"
            axes = ", ".join(map(str, order))
            return f"{name}.transpose({axes}): the file has the input '{tensor.name}' as {layout}"
    return f"reshape it to the input '{tensor.name}' with the samples first"


def _dtype_hint(x: Array, dtype: np.dtype[np.generic]) -> str:
    """What brings values into the input's dtype without a mistake in their meaning."""
    if dtype != np.float32:
        return f"x.astype(np.{dtype}), or real values as float32"
    if x.dtype.kind in "iub":
        return "give what the model was trained on: normalised, then x.astype(np.float32)"
    return "x.astype(np.float32)"


def _to_indices(y: Array) -> str:
    """What makes class indices of labels: of a one-hot row each, of a column, of other types."""
    if y.ndim == 2 and y.shape[1] > 1 and y.dtype.kind in "fiub":
        return "y.argmax(axis=1)"
    return "y.ravel()" if y.ndim == 2 and y.dtype.kind in "iu" else "y.astype(np.int64)"


def _labels(y: Array, output: Tensor, path: Path) -> NDArray[np.int64]:
    if y.ndim != 1 or y.dtype.kind not in "iu":
        raise CompileError(
            f"labels 'y' are {y.dtype} of shape {list(y.shape)}, wanted integers of shape [n]",
            str(path),
            f"{_to_indices(y)}, one class index per sample",
        )
    if output.elements > 1 and y.size and (int(y.min()) < 0 or int(y.max()) >= output.elements):
        raise CompileError(
            f"labels 'y' run from {int(y.min())} to {int(y.max())}, "
            f"the model's classes from 0 to {output.elements - 1}",
            str(path),
            "number the classes as the model's output does",
        )
    return y.astype(np.int64)
