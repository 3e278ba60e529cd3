# SPDX-License-Identifier: Apache-2.0
"""Samples: every odd data file is refused in three lines, every sound one is read exactly."""

from __future__ import annotations

import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest

from mcuforge.compiler.graph import Graph, Node
from mcuforge.compiler.ops.add import Add
from mcuforge.compiler.ops.dequantize import Dequantize
from mcuforge.compiler.ops.quantize import Quantize
from mcuforge.compiler.ops.tables.relu import Relu
from mcuforge.compiler.tensors import Array, DType, Quant, Tensor
from mcuforge.errors import CompileError
from mcuforge.flow.data import SEED, load_samples, random_samples
from tests.golden.case import Case, Operand
from tests.models.case_model import case_model
from tests.models.oracle import run_reference
from tests.unit.compiler.graphs import graph, relu, tensor

HINT = "write it with np.savez('data.npz', x=inputs, y=labels)"


def image_model(shape: tuple[int, ...] = (1, 4, 3, 2)) -> Graph:
    """One int8 input of scale 0.1 and zero point -5."""
    x, out = tensor("image", shape), tensor("out", shape)
    return graph([x], [relu(x, out)], [out])


def float_model() -> Graph:
    """One float32 input, quantized by the model itself."""
    x, out = tensor("real", (1, 6), DType.FLOAT32, None), tensor("out")
    return graph([x], [Node("q", Quantize(), (x,), out)], [out])


def two_inputs() -> Graph:
    """Two int8 inputs of shape (1, 6)."""
    a, b, out = tensor("a"), tensor("b"), tensor("out")
    return graph([a, b], [Node("sum", Add(), (a, b), out)], [out])


def save(path: Path, **arrays: object) -> Path:
    """An .npz file of arrays."""
    np.savez(path, **{name: np.asarray(value) for name, value in arrays.items()})
    return path


def refused(model: Graph, path: Path, limit: int | None = None) -> list[str]:
    """The three lines a data file meets."""
    with pytest.raises(CompileError) as caught:
        load_samples(model, path, limit)
    lines = str(caught.value).splitlines()
    assert len(lines) == 3
    assert lines[1] == f"where: {path}"
    return [lines[0].removeprefix("error: "), lines[2].removeprefix("try:   ")]


def lines_of_refusal(path: Path) -> int:
    """3 when a data file is refused, 0 when it is read."""
    try:
        load_samples(image_model(), path)
    except CompileError as error:
        return len(str(error).splitlines())
    return 0


@pytest.fixture
def npz(tmp_path: Path) -> Path:
    return tmp_path / "data.npz"


def test_raw_values_of_the_inputs_own_type_are_taken_as_they_are(npz: Path) -> None:
    x = np.arange(48, dtype=np.int8).reshape(2, 4, 3, 2)
    samples = load_samples(image_model(), save(npz, x=x, y=[7, 3]))
    assert samples.count == 2
    assert samples.origin == "data.npz"
    assert samples.inputs[0].dtype == np.int8
    np.testing.assert_array_equal(samples.sample(1)[0], x[1:2])
    assert samples.labels is not None
    assert samples.labels.tolist() == [7, 3]
    assert samples.labels.dtype == np.int64


@pytest.mark.parametrize("shape", [(4, 3, 2), (1, 4, 3, 2), (24,), (4, 1, 3, 2)])
def test_dimensions_of_one_may_be_left_out_or_all_be_flat(
    npz: Path, shape: tuple[int, ...]
) -> None:
    x = np.arange(48, dtype=np.int8).reshape(2, *shape)
    samples = load_samples(image_model(), save(npz, x=x))
    assert samples.labels is None
    assert samples.sample(0)[0].shape == (1, 4, 3, 2)
    np.testing.assert_array_equal(samples.inputs[0].reshape(-1), x.reshape(-1))


@pytest.mark.parametrize("shape", [(6,), (1,), ()])
def test_inputs_without_a_batch_are_fed_whole(npz: Path, shape: tuple[int, ...]) -> None:
    model = image_model(shape)
    drawn = random_samples(model, 3)
    assert drawn.sample(2)[0].shape == shape
    samples = load_samples(model, save(npz, x=drawn.inputs[0]))
    np.testing.assert_array_equal(samples.inputs[0], drawn.inputs[0])


def test_several_inputs_are_x0_x1(npz: Path) -> None:
    a, b = np.zeros((3, 6), np.int8), np.ones((3, 6), np.int8)
    samples = load_samples(two_inputs(), save(npz, x1=b, x0=a))
    assert [int(x.max()) for x in samples.inputs] == [0, 1]
    assert [x.shape for x in samples.sample(2)] == [(1, 6), (1, 6)]


def test_a_single_input_may_be_called_x0(npz: Path) -> None:
    x = np.zeros((3, 6), np.int8)
    assert load_samples(image_model((1, 6)), save(npz, x0=x)).count == 3


def test_the_limit_takes_the_first_samples_and_their_labels(npz: Path) -> None:
    x = np.arange(30, dtype=np.int8).reshape(5, 6)
    samples = load_samples(image_model((1, 6)), save(npz, x=x, y=range(5)), limit=2)
    assert samples.count == 2
    assert samples.labels is not None
    assert samples.labels.tolist() == [0, 1]
    assert load_samples(image_model((1, 6)), npz, limit=99).count == 5


def test_real_values_are_quantized_as_tflite_quantizes_them(npz: Path) -> None:
    scale, zero = np.float32(0.1), -5
    halves = (np.arange(-300, 300) + 0.5).astype(np.float32) * scale
    edges = np.concatenate([np.nextafter(halves, 9e9), halves, np.nextafter(halves, -9e9)])
    almost = np.array([0.5, -0.5, 1.5], np.float32)
    almost = np.nextafter(almost, np.float32(0)) * scale
    rng = np.random.default_rng(0)
    x = np.concatenate([edges, almost, rng.normal(0, 10, 2001).astype(np.float32), [0.0, -0.0]])
    x = x.astype(np.float32).reshape(1, -1)
    size = x.shape[1]
    case = Case(
        "q",
        "QUANTIZE",
        (Operand((1, size), dtype="float32"),),
        (Operand((1, size), float(scale), zero),),
    )
    want = run_reference(case_model(case), [x])[0]
    model = image_model((1, size))
    x_tensor = Tensor("image", (1, size), DType.INT8, Quant((float(scale),), zero))
    model = graph([x_tensor], [Node("r", Relu("relu"), (x_tensor,), model.outputs[0])], [])
    got = load_samples(model, save(npz, x=x)).inputs[0][0]
    np.testing.assert_array_equal(got, want)


def test_values_beyond_the_range_saturate(npz: Path) -> None:
    x = np.array([[3e38, -3e38, 1e9, -1e9, 12.71, -12.31]], np.float32)
    got = load_samples(image_model((1, 6)), save(npz, x=x)).inputs[0]
    np.testing.assert_array_equal(got.reshape(-1), [127, -128, 127, -128, 122, -128])


def test_a_float_input_keeps_real_values(npz: Path) -> None:
    x = np.linspace(-3, 3, 12, dtype=np.float32).reshape(2, 6)
    got = load_samples(float_model(), save(npz, x=x)).inputs[0]
    assert got.dtype == np.float32
    np.testing.assert_array_equal(got.reshape(2, 6), x)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("model", [image_model((1, 6)), float_model()], ids=["int8", "float32"])
def test_values_that_are_not_finite_are_refused(npz: Path, model: Graph, value: float) -> None:
    x = np.zeros((2, 6), np.float32)
    x[1, 3] = value
    what, hint = refused(model, save(npz, x=x))
    assert what == "array 'x' holds NaN or infinity, expected finite real values"
    assert hint == "clean the data before the check"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "No data left in file"),
        (b"just text, no archive", ""),
        (b"PK\x03\x04 and then nothing of a zip", ""),
        (b"\x93NUMPY\x01\x00v\x00{broken", ""),
    ],
)
def test_a_file_that_is_no_archive_is_refused(npz: Path, content: bytes, reason: str) -> None:
    npz.write_bytes(content)
    what, hint = refused(image_model(), npz)
    assert what.startswith("the data file cannot be read as .npz: ")
    assert reason in what
    assert hint == HINT


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    what, hint = refused(image_model(), tmp_path / "none.npz")
    assert what == "there is no such file, expected a data file"
    assert hint == "give the path of an .npz file"


def test_a_folder_is_refused(tmp_path: Path) -> None:
    assert refused(image_model(), tmp_path)[0] == "this is a folder, expected a data file"


def test_a_single_array_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.npy"
    np.save(path, np.zeros((2, 24), np.int8))
    what, _ = refused(image_model(), path)
    assert what.endswith("it is a single array (.npy), not an archive")


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("kept", [0.2, 0.5, 0.9, 0.99])
def test_a_truncated_file_is_refused(npz: Path, compressed: bool, kept: float) -> None:
    x = np.random.default_rng(0).integers(-128, 127, (50, 24), dtype=np.int8)
    (np.savez_compressed if compressed else np.savez)(npz, x=x)
    whole = npz.read_bytes()
    npz.write_bytes(whole[: int(len(whole) * kept)])
    assert refused(image_model(), npz)[0].startswith("the data file cannot be read as .npz: ")


def test_no_damaged_byte_is_our_fault(npz: Path) -> None:
    np.savez_compressed(npz, x=np.zeros((5, 24), np.int8), y=np.arange(5))
    whole = npz.read_bytes()
    rng = np.random.default_rng(1)
    outcomes = set()
    for at in range(0, len(whole), 3):
        damaged = bytearray(whole)
        damaged[at] = int(rng.integers(256))
        npz.write_bytes(damaged)
        outcomes.add(lines_of_refusal(npz))
    assert outcomes == {0, 3}


def test_an_encrypted_archive_is_refused(npz: Path) -> None:
    save(npz, x=np.zeros((2, 24), np.int8))
    content = bytearray(npz.read_bytes())
    local, central = content.find(b"PK\x03\x04"), content.find(b"PK\x01\x02")
    content[local + 6] |= 1
    content[central + 8] |= 1
    npz.write_bytes(content)
    assert "encrypted" in refused(image_model(), npz)[0]


def test_no_pickle_is_ever_loaded(npz: Path, tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[object, tuple[object, ...]]:
            return (Path.touch, (tmp_path / "sprung",))

    with zipfile.ZipFile(npz, "w") as archive:
        archive.writestr("x.npy", pickle.dumps(Trap()))
    assert refused(image_model(), npz)[0].startswith("array 'x' has shape []")  # bytes, as they are
    np.savez(npz, x=np.array([Trap()], dtype=object))
    assert refused(image_model(), npz)[0].startswith("the data file cannot be read as .npz: ")
    npz.write_bytes(pickle.dumps(Trap()))
    assert refused(image_model(), npz)[0].startswith("the data file cannot be read as .npz: ")
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize(
    ("model", "arrays", "missing", "held", "example"),
    [
        (image_model(), {"images": 1}, "x", "['images']", "x=..."),
        (image_model(), {}, "x", "none", "x=..."),
        (two_inputs(), {"x": 1}, "x0", "['x']", "x0=..., x1=..."),
        (two_inputs(), {"x0": 1, "y": 1}, "x1", "['x0', 'y']", "x0=..., x1=..."),
    ],
)
def test_a_missing_array_is_named_with_those_there_are(
    npz: Path, model: Graph, arrays: dict[str, int], missing: str, held: str, example: str
) -> None:
    what, hint = refused(model, save(npz, **arrays))
    assert what == f"the data file has no array '{missing}', it has {held}"
    assert hint == f"np.savez('data.npz', {example}, y=labels)"


@pytest.mark.parametrize("dtype", ["float64", "float16", "uint8", "int16", "int64", "bool", "<U3"])
def test_another_type_is_refused(npz: Path, dtype: str) -> None:
    what, hint = refused(image_model(), save(npz, x=np.zeros((2, 24), dtype)))
    assert what == f"array 'x' is {np.dtype(dtype)}, expected int8 (raw) or float32 (real)"
    assert hint == "x.astype(np.int8), or real values as float32"


@pytest.mark.parametrize(
    "shape", [(2, 2, 3, 4), (2, 3, 4, 2), (2, 4, 3, 3), (24,), (2, 6, 4), (), (2, 2, 12)]
)
def test_another_shape_is_refused_even_of_as_many_values(npz: Path, shape: tuple[int, ...]) -> None:
    what, hint = refused(image_model(), save(npz, x=np.zeros(shape, np.int8)))
    assert what == f"array 'x' has shape {list(shape)}, expected [n, 4, 3, 2]"
    assert hint == "reshape it to the input 'image' with the samples first"


@pytest.mark.parametrize(
    ("labels", "said", "remedy"),
    [
        (np.zeros(2, np.float32), "float32 of shape [2]", "y.astype(np.int64)"),
        (np.zeros((2, 1), np.int32), "int32 of shape [2, 1]", "y.ravel()"),
        (np.eye(2, 24), "float64 of shape [2, 24]", "y.argmax(axis=1)"),
        (np.int64(3), "int64 of shape []", "y.astype(np.int64)"),
        (np.array(["cat", "dog"]), "<U3 of shape [2]", "y.astype(np.int64)"),
    ],
)
def test_labels_are_integers_one_per_sample(
    npz: Path, labels: Array, said: str, remedy: str
) -> None:
    what, hint = refused(image_model(), save(npz, x=np.zeros((2, 24), np.int8), y=labels))
    assert what == f"labels 'y' are {said}, expected integers of shape [n]"
    assert hint == f"{remedy}, one class index per sample"


@pytest.mark.parametrize(("labels", "said"), [([0, 24], "from 0 to 24"), ([-1, 3], "from -1 to 3")])
def test_labels_name_classes_the_model_has(npz: Path, labels: list[int], said: str) -> None:
    what, _ = refused(image_model(), save(npz, x=np.zeros((2, 24), np.int8), y=labels))
    assert what == f"labels 'y' run {said}, expected 0 to 23 as in the model"


def test_numbers_of_samples_that_differ_are_refused_whatever_the_limit(npz: Path) -> None:
    save(npz, x=np.zeros((4, 24), np.int8), y=[1, 2, 3])
    for limit in (None, 2):
        what, hint = refused(image_model(), npz, limit)
        assert what == (
            "the arrays hold these numbers of samples: x 4, y 3, expected equal numbers above 0"
        )
        assert hint == "give every array one row per sample"
    save(npz, x0=np.zeros((4, 6), np.int8), x1=np.zeros((5, 6), np.int8))
    assert "x0 4, x1 5" in refused(two_inputs(), npz)[0]


def test_no_samples_at_all_are_refused(npz: Path) -> None:
    what, _ = refused(image_model(), save(npz, x=np.zeros((0, 4, 3, 2), np.int8)))
    assert what.startswith("the arrays hold these numbers of samples: x 0,")


def test_random_samples_are_the_same_each_time_and_cover_the_whole_range() -> None:
    first, second = random_samples(image_model(), 300), random_samples(image_model(), 300)
    np.testing.assert_array_equal(first.inputs[0], second.inputs[0])
    assert (first.inputs[0].min(), first.inputs[0].max()) == (-128, 127)
    assert first.labels is None
    assert first.origin == f"random, seed {SEED}, full input range"


def test_random_real_values_cover_what_the_model_can_represent() -> None:
    drawn = random_samples(float_model(), 500).inputs[0]
    low, high = (-128 + 5) * 0.1, (127 + 5) * 0.1
    assert drawn.dtype == np.float32
    assert low <= drawn.min() < low + 0.2
    assert high - 0.2 < drawn.max() <= high


def test_random_real_values_nobody_quantizes_are_between_minus_one_and_one() -> None:
    x, q = tensor("x", (1, 6), DType.FLOAT32, None), tensor("q")
    out = tensor("out", (1, 6), DType.FLOAT32, None)
    model = graph([x, q], [Node("d", Dequantize(), (q,), out)], [out])
    drawn = random_samples(model, 100).inputs[0]
    assert -1 <= drawn.min() < drawn.max() < 1


def test_the_digest_of_samples_is_of_what_was_given_and_runs(tmp_path: Path) -> None:
    model = image_model()
    x = random_samples(model, 4).inputs[0]
    real = x.astype(np.float32) / 100
    named = {"x": real, "y": np.array([0, 1, 0, 1])}
    whole = load_samples(model, save(tmp_path / "a.npz", **named)).sha256
    assert load_samples(model, save(tmp_path / "b.npz", **named), 9).sha256 == whole
    other = {"y": np.array([0, 1, 1, 1])}
    near = {"x": np.nextafter(real, np.float32(9))}  # which no quantization tells apart
    found = {
        load_samples(model, save(tmp_path / "c.npz", **named), 3).sha256,
        load_samples(model, save(tmp_path / "d.npz", **(named | other))).sha256,
        load_samples(model, save(tmp_path / "e.npz", **(named | near))).sha256,
        load_samples(model, save(tmp_path / "f.npz", x=real)).sha256,
        random_samples(model, 4).sha256,
    }
    assert len(found | {whole}) == 6
