# SPDX-License-Identifier: Apache-2.0
"""Tells what kind of file this is, and what to do with a file that we cannot read.

It stands below both front ends and imports neither.
"""

import stat
from difflib import get_close_matches
from pathlib import Path

from mcuforge.errors import CompileError

TFLITE_IDENTIFIER = b"TFL3"  # bytes 4 to 7 of a file
LARGEST_FILE_BYTES = 256 << 20
SNIFFED_BYTES = 512
UNKNOWN = "a file of an unknown kind"
TO_TFLITE = (
    "convert it: tf.lite.TFLiteConverter, full-integer quantization, then give the .tflite; "
    "or torch.onnx.export and `mcuforge quantize`, then give the .onnx"
)

# How a file begins, what kind it is, what to do with it.
BEGINNINGS: tuple[tuple[bytes, str, str], ...] = (
    (b"version https://git-lfs", "a Git LFS pointer, the model is elsewhere", "git lfs pull"),
    (b"\x89HDF", "an HDF5 file (Keras .h5)", TO_TFLITE),
    (b"PK\x03\x04", "a zip archive (Keras .keras, PyTorch .pt?)", TO_TFLITE),
    (b"\x1f\x8b", "gzip-compressed", "unpack it with gunzip first"),
    (b"\x7fELF", "a program (ELF)", "give the model file it was built from"),
    (b"<", "a web page or XML", "download the model itself, not the page that shows it"),
    (b"{", "a JSON text", TO_TFLITE),
    (b"\x80", "a Python pickle (PyTorch?)", TO_TFLITE),
)


def read_file(path: Path) -> bytes:
    """Read a file's bytes. Raises CompileError for a missing, unreadable or too large file."""
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise CompileError("this is a folder, expected a model file", str(path), _inside(path))
        if not stat.S_ISREG(status.st_mode):
            raise CompileError(
                "this is a device or a pipe, expected a model file", str(path), "save it to a file"
            )
        if status.st_size > LARGEST_FILE_BYTES:
            raise CompileError(
                f"the file has {status.st_size / 2**20:.0f} MiB, "
                f"expected at most {LARGEST_FILE_BYTES >> 20} MiB",
                str(path),
                "quantize or shrink it: it is too large for any microcontroller",
            )
        return path.read_bytes()
    except FileNotFoundError:
        raise CompileError("there is no such file", str(path), _near(path)) from None
    except (OSError, ValueError) as problem:
        reason = problem.strerror if isinstance(problem, OSError) else str(problem)
        raise CompileError(
            f"the file cannot be read: {reason}", str(path), "check the path and its permissions"
        ) from None


def check_tflite(data: bytes, file: str) -> None:
    """Raise CompileError for bytes that do not begin like a TFLite file, and say what they are."""
    if data[4:8] == TFLITE_IDENTIFIER:
        return
    what, hint = describe(data)
    raise CompileError(f"this is {what}, expected a TFLite model", file, hint)


def describe(data: bytes) -> tuple[str, str]:
    """Name the kind of bytes that are not a TFLite file, and what to do with them."""
    if not data:
        return "an empty file", "copy or export it again"
    for beginning, what, hint in BEGINNINGS:
        if data.startswith(beginning):
            return what, hint
    if is_onnx(data):
        return "an ONNX model", "give it the suffix .onnx"
    if data[4:7] == TFLITE_IDENTIFIER[:3]:
        return f"a TFLite file of version {data[7:8].decode('ascii', 'replace')}", TO_TFLITE
    if all(byte in b"\t\r\n" or 32 <= byte < 127 for byte in data[:SNIFFED_BYTES]):
        return "a text file", "give the .tflite or .onnx file"
    return UNKNOWN, TO_TFLITE


def is_onnx(data: bytes) -> bool:
    """True for bytes that begin like a protobuf ModelProto: ir_version, then a known field."""
    return len(data) > 2 and data[0] == 0x08 and data[1] < 0x20 and data[2] in (0x12, 0x3A, 0x42)


def _near(path: Path) -> str:
    """Hint at a missing path: the model beside it with nearly that name, or all of them."""
    near = get_close_matches(path.name, _models(path.parent), n=1, cutoff=0.8)
    return f"did you mean '{near[0]}'?" if near else _inside(path.parent)


def _models(folder: Path) -> list[str]:
    """Return the names of a folder's model files, in order; empty where it cannot be read."""
    try:
        return sorted(p.name for p in folder.iterdir() if p.suffix in (".tflite", ".onnx"))
    except OSError:
        return []


def _inside(folder: Path) -> str:
    """Hint at the models in a folder."""
    names = _models(folder)
    if (folder / "saved_model.pb").exists():
        return f"a SavedModel: tf.lite.TFLiteConverter.from_saved_model('{folder.name}')"
    if names:
        return f"the folder holds {', '.join(names[:5])}"
    return "check the path: it holds no .tflite or .onnx file"
