# SPDX-License-Identifier: Apache-2.0
"""Samples for the check: a user's .npz file, or a fixed seed over the inputs' full range."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mcuforge.compiler.ir import Array, DType, Graph, Tensor
from mcuforge.compiler.ops.quantize import Quantize
from mcuforge.errors import CompileError

SEED = 20231121


@dataclass(frozen=True, eq=False)
class Samples:
    """Inputs for the check: per model input an array (samples, *shape without batch)."""

    inputs: tuple[Array, ...]
    labels: NDArray[np.int64] | None  # (samples)
    origin: str  # "data.npz", or how they were drawn

    @property
    def count(self) -> int:
        """Number of samples."""
        return len(self.inputs[0])

    def sample(self, index: int) -> tuple[Array, ...]:
        """One sample with its batch dimension of 1, as `reference.run` takes it."""
        return tuple(x[index][None] for x in self.inputs)


def random_samples(graph: Graph, count: int) -> Samples:
    """`count` samples drawn uniformly over each input's full quantised range, seed fixed.

    A float32 input is drawn over the real range its Quantize node represents, or [-1, 1).
    """
    rng = np.random.default_rng(SEED)
    return Samples(
        tuple(_draw(graph, t, count, rng) for t in graph.inputs),
        None,
        f"random, seed {SEED}, full input range",
    )


def _draw(graph: Graph, tensor: Tensor, count: int, rng: np.random.Generator) -> Array:
    shape = (count, *tensor.shape[1:])
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

    Values of the input's own dtype are raw; float32 values are real and quantised with the input's
    scale. Raises CompileError for files that are no .npz, missing or odd arrays, wrong shapes.
    """
    arrays = _read(path)
    names = ["x"] if len(graph.inputs) == 1 and "x" in arrays else []
    names = names or [f"x{i}" for i in range(len(graph.inputs))]
    missing = [n for n in names if n not in arrays]
    if missing:
        raise CompileError(
            f"the data file has no array '{missing[0]}', it has {sorted(arrays) or 'none'}",
            str(path),
            f"np.savez('data.npz', {missing[0]}=inputs, y=labels)",
        )
    inputs = tuple(
        _matching(arrays[n], t, n, path)[:limit] for n, t in zip(names, graph.inputs, strict=True)
    )
    counts = {len(x) for x in inputs}
    labels = _labels(arrays["y"], path)[:limit] if "y" in arrays else None
    if labels is not None:
        counts.add(len(labels))
    if len(counts) > 1 or counts == {0}:
        raise CompileError(
            f"the arrays hold {sorted(counts)} samples, wanted the same number, at least 1",
            str(path),
            "give every array one row per sample",
        )
    return Samples(inputs, labels, path.name)


def _read(path: Path) -> dict[str, Array]:
    try:
        with np.load(path, allow_pickle=False) as data:
            if not hasattr(data, "files"):
                raise ValueError("a single array, not an archive")
            return {name: np.asarray(data[name]) for name in data.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, KeyError) as error:
        raise CompileError(
            f"the data file cannot be read as .npz: {error}",
            str(path),
            "write it with np.savez('data.npz', x=inputs, y=labels)",
        ) from error


def _matching(x: Array, tensor: Tensor, name: str, path: Path) -> Array:
    want = tensor.shape[1:]
    if x.ndim < 1 or int(np.prod(x.shape[1:], dtype=np.int64)) != int(np.prod(want)):
        raise CompileError(
            f"array '{name}' has shape {list(x.shape)}, wanted [n, {', '.join(map(str, want))}]",
            str(path),
            f"reshape it to the input '{tensor.name}' with the samples first",
        )
    if x.dtype == tensor.dtype.numpy:
        return x.reshape(len(x), *want)
    if x.dtype == np.float32 and tensor.quant is not None and tensor.dtype is not DType.INT32:
        if not np.isfinite(x).all():
            raise CompileError(
                f"array '{name}' holds NaN or infinity, wanted finite real values",
                str(path),
                "clean the data before the check",
            )
        # divided in float32 as TFLite does, halves away from zero; doubles so that the half is exact
        ratio = (x / np.float32(tensor.scale)).astype(np.float64)
        rounded = np.trunc(ratio + np.copysign(0.5, ratio)) + tensor.zero_point
        limits = np.iinfo(tensor.dtype.value)
        clipped: Array = np.clip(rounded, limits.min, limits.max).astype(tensor.dtype.numpy)
        return clipped.reshape(len(x), *want)
    raise CompileError(
        f"array '{name}' is {x.dtype}, wanted {tensor.dtype.value} (raw) or float32 (real)",
        str(path),
        f"x.astype(np.{tensor.dtype.value}), or real values as float32",
    )


def _labels(y: Array, path: Path) -> NDArray[np.int64]:
    if y.ndim != 1 or y.dtype.kind not in "iu":
        raise CompileError(
            f"labels 'y' are {y.dtype} of shape {list(y.shape)}, wanted integers of shape [n]",
            str(path),
            "y.astype(np.int64), one class index per sample",
        )
    return y.astype(np.int64)
