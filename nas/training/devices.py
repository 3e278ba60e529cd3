# SPDX-License-Identifier: Apache-2.0
"""Where training runs: devices, threads, precision."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Literal

import torch

from mcuforge.errors import CompileError

Device = Literal["auto", "cpu", "cuda"]


def device_of(device: Device) -> torch.device:
    """The device to train on; "auto" is CUDA where there is one.

    On CUDA only operations with repeatable results are allowed from here on. Raises CompileError
    when CUDA is asked for and missing.
    """
    available = torch.cuda.is_available()
    if device == "cuda" and not available:
        raise CompileError(
            "PyTorch finds no CUDA device, expected one",
            "device cuda",
            "train with device cpu, or install a PyTorch that is built for CUDA",
        )
    if device == "cpu" or not available:
        return torch.device("cpu")
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS is repeatable with it only
    torch.use_deterministic_algorithms(True)
    return torch.device("cuda")


def lower_precision(
    precision: Literal["auto", "float32", "bfloat16"], device: torch.device
) -> AbstractContextManager[object]:
    """Multiply in bfloat16 within this context where the recipe says so; see Recipe.

    float16 is left out: its small range needs scaled losses, and devices without bfloat16 are
    older than 2020.
    """
    kind = device.type
    lower = precision == "bfloat16" or (
        precision == "auto" and kind == "cuda" and torch.cuda.is_bf16_supported()
    )
    return torch.autocast(kind, torch.bfloat16, enabled=lower)  # type: ignore[no-any-return]


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute with one thread: results do not depend on the machine's cores.

    Two threads of one process also train more slowly than two processes on a busy machine.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
