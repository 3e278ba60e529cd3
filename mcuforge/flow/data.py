# SPDX-License-Identifier: Apache-2.0
"""Gives samples to check with: the user's .npz file, or random ones from a fixed seed."""

import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mcuforge.compiler.graph import Graph, Port
from mcuforge.compiler.ops.quantize import Quantize, rounded_quotient
from mcuforge.compiler.ops.tables.table import clamp_to
from mcuforge.compiler.tensors import Array, DType, Tensor
from mcuforge.compiler.user_ports import to_graph
from mcuforge.errors import CompileError
from mcuforge.flow.checkpoint import check_digest

SEED = 20231121
DEFAULT_SAMPLES = 32
DEFAULT_MACS = 4_000_000_000  # of all default samples: some minutes on an emulated board
FEWEST_SAMPLES = 2


@dataclass(frozen=True, eq=False)
class Samples:
    """Inputs for the check: one array (samples, *the input's shape) per model input."""

    inputs: tuple[Array, ...]
    labels: NDArray[np.int64] | None  # (samples)
    origin: str  # "data.npz", or how they were drawn
    drawn: bool = False  # by us: they say nothing about the accuracy on the user's own data
    given: tuple[Array, ...] = ()  # the inputs as the user gave them; empty: as they are here

    @property
    def sha256(self) -> str:
        """A digest of what runs and of its labels; the same for models that quantize otherwise."""
        labels = () if self.labels is None else (self.labels,)
        return check_digest((*(self.given or self.inputs), *labels), ("y",) if labels else ())

    @property
    def count(self) -> int:
        """The number of samples."""
        return len(self.inputs[0])

    def sample(self, index: int) -> tuple[Array, ...]:
        """Return one sample as `reference.run` takes it, in the inputs' shapes and dtypes."""
        return tuple(x[index] for x in self.inputs)


def choose_samples(graph: Graph, data: Path | None, count: int | None) -> Samples:
    """Load the user's samples, or draw random ones: fewer than `DEFAULT_SAMPLES` for a slow model.

    data: an .npz file, None for random samples. count: how many, None for all or the default.
    """
    if data is not None:
        return load_samples(graph, data, count)
    _refuse_count(count, "random samples")
    usual = default_samples(graph.macs)
    drawn = random_samples(graph, count or usual)
    if count is not None or usual == DEFAULT_SAMPLES:
        return drawn
    macs = f"{graph.macs / 1e6:,.0f} million MACs"
    return replace(drawn, origin=f"{drawn.origin}; few, since an inference has {macs}")


def default_samples(macs: int) -> int:
    """Choose how many random samples to run of a model with `macs` MACs per inference."""
    return max(FEWEST_SAMPLES, min(DEFAULT_SAMPLES, DEFAULT_MACS // max(macs, 1)))


def random_samples(graph: Graph, count: int) -> Samples:
    """Draw `count` samples uniformly over each input's full quantized range, with a fixed seed.

    A float32 input is drawn over the real range that its Quantize node represents, or [-1, 1).
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
    """Load samples from an .npz file: `x` or `x0`, `x1`, ... and optional integer labels `y`.

    Samples have the shape and dtype of the inputs in the model's file (for ONNX usually NCHW). A
    sample may leave out dimensions of 1 or be flat. Values of the input's own dtype are raw;
    float32 values are real and are quantized with the input's scale. limit: the first so many
    samples. Raises CompileError for files other than .npz, missing or unusable arrays, wrong shapes
    and real values that are not finite.
    """
    return samples_of(graph, read_npz(path), str(path), path.name, limit)


def samples_of(
    graph: Graph,
    arrays: Mapping[str, Array],
    where: str,
    origin: str,
    limit: int | None = None,
    *,
    noun: str = "the data file",
    made: str = "np.savez('data.npz', {})",
) -> Samples:
    """Make samples of arrays by name, as `load_samples` does of a file's.

    where: what errors call them; origin: what reports call them. noun: what holds them; made: how
    the user makes that, with {} for the arrays. Raises CompileError.
    """
    _refuse_count(limit, where)
    names = [f"x{i}" for i in range(len(graph.inputs))]
    if len(names) == 1 and ("x" in arrays or "x0" not in arrays):
        names = ["x"]
    missing = [n for n in names if n not in arrays]
    if missing:
        raise CompileError(
            f"{noun} has no array '{missing[0]}', it has {sorted(arrays) or 'none'}",
            where,
            made.format(", ".join((*(f"{name}=..." for name in names), "y=labels"))),
        )
    found = {
        name: _matching(arrays[name], tensor, graph.ports.get(tensor.name), name, where)
        for name, tensor in zip(names, graph.inputs, strict=True)
    }
    labels = _labels(arrays["y"], graph.outputs[0], where) if "y" in arrays else None
    counts = {name: len(x) for name, x in found.items()}
    if labels is not None:
        counts["y"] = len(labels)
    if len(set(counts.values())) > 1 or 0 in counts.values():
        held = ", ".join(f"{name} {count}" for name, count in counts.items())
        raise CompileError(
            f"the arrays hold these numbers of samples: {held}, expected equal numbers above 0",
            where,
            "give every array one row per sample",
        )
    inputs = tuple(x[:limit] for x in found.values())
    given = tuple(arrays[name][:limit] for name in names)
    return Samples(inputs, None if labels is None else labels[:limit], origin, given=given)


def _refuse_count(count: int | None, where: str) -> None:
    """Raise CompileError for a number of samples that is not 1 or more; None is all or usual."""
    if count is not None and (not isinstance(count, int) or count < 1):
        raise CompileError(
            f"{count} samples are asked for, expected an integer of 1 or more",
            where,
            "leave the number out to run all of them",
        )


def read_npz(path: Path) -> dict[str, Array]:
    """Read the arrays of an .npz file by name, in the shapes and dtypes they were saved in.

    Raises CompileError for a missing or damaged file and for pickled objects.
    """
    if not path.is_file():
        met = "this is a folder" if path.is_dir() else "there is no such file"
        raise CompileError(
            f"{met}, expected a data file", str(path), "give the path of an .npz file"
        )
    # numpy and zipfile raise any of these for a damaged archive
    damage = (OSError, ValueError, EOFError, KeyError, RuntimeError, ArithmeticError, MemoryError)
    try:
        with path.open("rb") as file:  # numpy leaves a file open that it cannot read
            loaded = np.load(file, allow_pickle=False)
            if isinstance(loaded, np.ndarray):
                raise ValueError("it is a single array (.npy), not an archive")
            with loaded as data:
                return {name: np.asarray(data[name]) for name in data.files}
    except (*damage, zipfile.BadZipFile, zlib.error) as error:
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise CompileError(
            f"the data file cannot be read as .npz: {reason}",
            str(path),
            "write it with np.savez('data.npz', x=inputs, y=labels)",
        ) from error


def _matching(x: Array, tensor: Tensor, port: Port | None, name: str, where: str) -> Array:
    """Convert `x` to (samples, *the input's shape) in the input's dtype."""
    whole = tensor.shape if port is None else port.shape
    dtype = np.dtype(tensor.dtype.value if port is None else port.dtype)
    shape = whole[1:] if len(whole) > 1 and whole[0] == 1 else whole
    flat, squeezed = (tensor.elements,), tuple(d for d in shape if d != 1)
    if x.ndim < 1 or (x.shape[1:] != flat and tuple(d for d in x.shape[1:] if d != 1) != squeezed):
        raise CompileError(
            f"array '{name}' has shape {list(x.shape)}, expected [n, {', '.join(map(str, shape))}]",
            where,
            _shape_hint(x, tensor, shape, name),
        )
    takes_real = tensor.dtype is not DType.INT32 and tensor.quant is not None
    real = x.dtype == np.float32 and (dtype == np.float32 or takes_real)
    if x.dtype != dtype and not real:
        wanted = f"{dtype} (raw) or float32 (real)" if dtype != np.float32 else "float32 (real)"
        raise CompileError(
            f"array '{name}' is {x.dtype}, expected {wanted}", where, _dtype_hint(x, dtype)
        )
    if real and not np.isfinite(x).all():
        raise CompileError(
            f"array '{name}' holds NaN or infinity, expected finite real values",
            where,
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
    """Say how to bring `x` into the input's shape; images in the other layout are transposed."""
    for order in ((0, 3, 1, 2), (0, 2, 3, 1)):
        if x.ndim == 4 and tuple(x.shape[axis] for axis in order[1:]) == shape:
            layout = "NCHW" if order[1] == 3 else "NHWC"
            axes = ", ".join(map(str, order))
            return f"{name}.transpose({axes}): the file has the input '{tensor.name}' as {layout}"
    return f"reshape it to the input '{tensor.name}' with the samples first"


def _dtype_hint(x: Array, dtype: np.dtype[np.generic]) -> str:
    """Say how to bring values into the input's dtype without changing their meaning."""
    if dtype != np.float32:
        return f"x.astype(np.{dtype}), or real values as float32"
    if x.dtype.kind in "iub":
        return "normalize as for training, then x.astype(np.float32)"
    return "x.astype(np.float32)"


def to_indices(y: Array) -> str:
    """Say how to make class indices of labels: of one-hot rows, of a column, of other types."""
    if y.ndim == 2 and y.shape[1] > 1 and y.dtype.kind in "fiub":
        return "y.argmax(axis=1)"
    return "y.ravel()" if y.ndim == 2 and y.dtype.kind in "iu" else "y.astype(np.int64)"


def _labels(y: Array, output: Tensor, where: str) -> NDArray[np.int64]:
    if y.ndim != 1 or y.dtype.kind not in "iu":
        raise CompileError(
            f"labels 'y' are {y.dtype} of shape {list(y.shape)}, expected integers of shape [n]",
            where,
            f"{to_indices(y)}, one class index per sample",
        )
    if output.elements > 1 and y.size and (int(y.min()) < 0 or int(y.max()) >= output.elements):
        raise CompileError(
            f"labels 'y' run from {int(y.min())} to {int(y.max())}, "
            f"expected 0 to {output.elements - 1} as in the model",
            where,
            "number the classes as the model's output does",
        )
    return y.astype(np.int64)
