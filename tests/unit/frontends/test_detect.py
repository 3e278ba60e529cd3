# SPDX-License-Identifier: Apache-2.0
"""Files that are not models: the error names what each one is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mcuforge.compiler.frontends import read_model
from mcuforge.compiler.frontends.tflite.reader import read_tflite
from mcuforge.errors import CompileError, UserError
from tests.models.case_model import case_model
from tests.models.samples import SAMPLES

TFLITE = case_model(SAMPLES[0].case)


def refusal(path: Path) -> CompileError:
    with pytest.raises(CompileError) as caught:
        read_model(path)
    return caught.value


def test_a_model_is_read_by_path(tmp_path: Path) -> None:
    path = tmp_path / "conv.tflite"
    path.write_bytes(TFLITE)
    graph = read_model(path)
    assert (graph.name, graph.source) == ("conv", "conv.tflite")


@pytest.mark.parametrize(
    ("data", "what", "hint"),
    [
        (b"", "this is an empty file, expected a TFLite model", "copy or export it again"),
        (b"PK\x03\x04....", "this is a zip archive", "convert it: tf.lite.TFLiteConverter"),
        (b"\x89HDF\r\n\x1a\n", "this is an HDF5 file (Keras .h5)", "convert it: tf.lite"),
        (b"\x1f\x8b\x08", "this is gzip-compressed", "unpack it with gunzip first"),
        (b"\x7fELF\x01", "this is a program (ELF)", "give the model file it was built from"),
        (b"<!DOCTYPE html>", "this is a web page or XML", "download the model itself"),
        (b"version https://git-lfs.github.com/spec/v1", "this is a Git LFS", "git lfs pull"),
        (b'{"a": 1}', "this is a JSON text", "convert it: tf.lite"),
        (b"\x80\x02}q", "this is a Python pickle (PyTorch?)", "convert it: tf.lite"),
        (b"just words\n", "this is a text file", "give the .tflite or .onnx file"),
        (b"\0\0\0\0TFL2\0", "this is a TFLite file of version 2", "convert it: tf.lite"),
        (bytes(range(256)), "this is a file of an unknown kind", "convert it: tf.lite"),
    ],
)
def test_a_file_that_is_no_model_is_called_what_it_is(
    tmp_path: Path, data: bytes, what: str, hint: str
) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(data)
    error = refusal(path)
    assert error.what.startswith(what)
    assert error.where == "model.tflite"
    assert error.hint.startswith(hint)


def test_an_onnx_file_is_told_by_its_first_bytes_whatever_its_suffix(tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(b"\x08\x08\x12\x07pytorch")
    error = refusal(path)
    assert error.what == "the file is damaged: it holds no graph"
    assert error.where == "model.tflite"
    assert error.hint == "copy or export the file again"


@pytest.mark.parametrize(
    ("data", "what", "hint"),
    [
        (b"", "this is an empty file, expected an ONNX model", "copy or export it again"),
        (b"\x0a\xff\x0c", "the file is damaged: it is not a valid protobuf message", "copy or"),
        (b"version https://git-lfs.github.com/spec/v1", "this is a Git LFS", "git lfs pull"),
    ],
)
def test_an_onnx_file_is_told_by_its_suffix_too(
    tmp_path: Path, data: bytes, what: str, hint: str
) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(data)
    error = refusal(path)
    assert error.what.startswith(what)
    assert error.where == "model.onnx"
    assert error.hint.startswith(hint)


def test_an_onnx_file_is_no_tflite_file() -> None:
    with pytest.raises(CompileError) as caught:
        read_tflite(b"\x08\x08\x12\x07pytorch", name="model.onnx")
    assert caught.value.what == "this is an ONNX model, expected a TFLite model"
    assert caught.value.where == "model.onnx"
    assert caught.value.hint == "give it the suffix .onnx"


def test_a_missing_file_is_refused_with_the_models_that_are_there(tmp_path: Path) -> None:
    (tmp_path / "there.tflite").write_bytes(TFLITE)
    (tmp_path / "a.onnx").write_bytes(b"")
    error = refusal(tmp_path / "their.tflite")
    assert error.what == "there is no such file"
    assert error.where == str(tmp_path / "their.tflite")
    assert error.hint == "did you mean 'there.tflite'?"
    assert refusal(tmp_path / "net.tflite").hint == "the folder holds a.onnx, there.tflite"
    assert refusal(tmp_path / "nowhere" / "a.tflite").hint.startswith("check the path")


def test_a_folder_is_refused_with_what_is_in_it(tmp_path: Path) -> None:
    error = refusal(tmp_path)
    assert error.what == "this is a folder, expected a model file"
    assert error.where == str(tmp_path)
    assert error.hint == "check the path: it holds no .tflite or .onnx file"
    (tmp_path / "saved_model.pb").write_bytes(b"x")
    assert refusal(tmp_path).hint.startswith("a SavedModel: tf.lite.TFLiteConverter")


def test_a_pipe_is_refused_without_waiting_for_it(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    error = refusal(path)
    assert error.what == "this is a device or a pipe, expected a model file"
    assert error.where == str(path)
    assert error.hint == "save it to a file"


def test_a_huge_file_is_refused_without_reading_it(tmp_path: Path) -> None:
    path = tmp_path / "huge.tflite"
    with path.open("wb") as file:
        file.truncate(300 << 20)
    error = refusal(path)
    assert error.what == "the file has 300 MiB, expected at most 256 MiB"
    assert error.where == str(path)
    assert error.hint.startswith("quantize or shrink it")


def test_a_file_without_permission_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "secret.tflite"
    path.write_bytes(TFLITE)

    def denied(self: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", denied)
    error = refusal(path)
    assert error.what == "the file cannot be read: Permission denied"
    assert error.where == str(path)
    assert error.hint == "check the path and its permissions"


def test_a_path_with_a_null_byte_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be read"):
        read_model(f"{tmp_path}/a\0b.tflite")
