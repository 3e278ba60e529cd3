# SPDX-License-Identifier: Apache-2.0
"""Compiles hook.c, which counts instructions and checks accesses a hundred times faster."""

import ctypes
import os
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

HOOK = Path(__file__).with_name("hook.c")


class Counter(ctypes.Structure):
    """`struct counter` of hook.c."""

    _fields_ = (
        ("count", ctypes.c_uint64),
        ("limit", ctypes.c_uint64),
        ("attention", ctypes.c_uint64),
        ("code_origin", ctypes.c_uint64),
        ("code_bytes", ctypes.c_uint64),
        ("code", ctypes.c_void_p),
        ("known", ctypes.c_void_p),
        ("stop", ctypes.c_void_p),
        ("read", ctypes.c_void_p),
        ("pc", ctypes.c_uint64),
        ("alias_origin", ctypes.c_uint64),
        ("thumb", ctypes.c_uint64),
        ("stopped", ctypes.c_uint64),
        ("misaligned", ctypes.c_uint64),
        ("misaligned_at", ctypes.c_uint64),
        ("misaligned_pc", ctypes.c_uint64),
        ("doubles", ctypes.c_uint64),
        ("refused", ctypes.c_uint64),
    )
    count: int
    limit: int
    attention: int
    stopped: int
    misaligned: int
    misaligned_at: int
    misaligned_pc: int
    doubles: int
    refused: int


@cache
def native_hook() -> ctypes.CDLL | None:
    """Compile hook.c for this machine, once per process; None where that cannot be.

    MCUFORGE_NO_NATIVE_HOOK=1 does without it, as a machine without a compiler must.
    """
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None or os.environ.get("MCUFORGE_NO_NATIVE_HOOK"):
        return None
    with tempfile.TemporaryDirectory(prefix="mcuforge-hook-") as folder:
        library = Path(folder) / "hook.so"
        command = [compiler, "-O2", "-std=c99", "-shared", "-fPIC", str(HOOK), "-o", str(library)]
        if subprocess.run(command, capture_output=True, check=False).returncode != 0:
            return None
        try:
            return ctypes.CDLL(str(library))  # stays loaded when the file is gone
        except OSError:  # a folder whose files may not be executed
            return None
