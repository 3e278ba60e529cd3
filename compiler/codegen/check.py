# SPDX-License-Identifier: Apache-2.0
"""check_model.c: the generated model as the check firmware sees it."""

from collections.abc import Sequence
from dataclasses import dataclass

from mcuforge.compiler.audio.lfbe import Lfbe
from mcuforge.compiler.codegen.constants import literal
from mcuforge.compiler.codegen.model import GeneratedModel, render
from mcuforge.compiler.codegen.names import string_literal
from mcuforge.compiler.codegen.ports import Port
from mcuforge.compiler.tensors import DType, Tensor
from mcuforge.runtime_c.sources import CANARY_BYTES


@dataclass(frozen=True)
class Benchmark:
    """An MLPerf Tiny benchmark: its model id, how the runner feeds it, which answer it expects.

    Source: mlcommons/tiny, benchmark/api and the reference submissions.
    """

    id: str
    input_bytes: int
    output_elements: int
    feed: str
    answer: str


BENCHMARKS = (
    Benchmark("kws01", 490, 12, "CHECK_FEED_RAW", "CHECK_ANSWER_VALUES"),
    Benchmark("ic01", 3072, 10, "CHECK_FEED_U8", "CHECK_ANSWER_VALUES"),
    Benchmark("vww01", 27648, 2, "CHECK_FEED_U8", "CHECK_ANSWER_VALUES"),
    Benchmark("ad01", 640, 640, "CHECK_FEED_F32", "CHECK_ANSWER_MSE"),
    Benchmark("sww01", 1200, 3, "CHECK_FEED_RAW", "CHECK_ANSWER_VALUES"),
)


LISTENING = "sww01"
MOST_LOGGED = 40_000  # the longest recording has 37,500 chunks of audio
LEAST_LOGGED = 1_000  # 32 seconds
COMMAND_BYTES = 1_024  # by which commands that load audio are longer than others


def benchmark_of(model: GeneratedModel) -> Benchmark:
    """Find the MLPerf Tiny benchmark with the model's sizes, or make one with the model's name.

    The runner knows a benchmark by its id, so a model of the same sizes answers as that benchmark.
    """
    if len(model.inputs) == 1 and len(model.outputs) == 1:
        sizes = (model.inputs[0].bytes, model.outputs[0].elements)
        if model.inputs[0].dtype is DType.INT8:
            for benchmark in BENCHMARKS:
                if (benchmark.input_bytes, benchmark.output_elements) == sizes:
                    return benchmark
    feed, answer = "CHECK_FEED_RAW", "CHECK_ANSWER_VALUES"
    return Benchmark(model.name, model.inputs[0].bytes, model.outputs[0].elements, feed, answer)


def db_bytes(model: GeneratedModel) -> int:
    """Count the bytes of input 0 as the MLPerf Tiny runner sends it."""
    wide = benchmark_of(model).feed == "CHECK_FEED_F32"
    return model.inputs[0].elements * 4 if wide else model.inputs[0].bytes


@dataclass(frozen=True)
class Listening:
    """What a model that listens has in its firmware beside itself."""

    features: Lfbe
    log_bytes: int  # activations that are kept


def listens(inputs: Sequence[Tensor | Port], outputs: Sequence[Tensor | Port]) -> bool:
    """Tell whether the benchmark of a model with these inputs and outputs plays audio to it."""
    if any(port.dtype is not DType.INT8 for port in (*inputs, *outputs)):
        return False
    sizes = ([port.bytes for port in inputs], [port.elements for port in outputs])
    return any(
        b.id == LISTENING and sizes == ([b.input_bytes], [b.output_elements]) for b in BENCHMARKS
    )


def listening(model: GeneratedModel, ram_bytes: int) -> Listening | None:
    """Say what a model that listens needs in `ram_bytes`; None if they are too few.

    The log takes what is left, up to MOST_LOGGED.
    """
    port = model.inputs[0]
    features = Lfbe(float(port.scale), port.zero_point)
    left = ram_bytes - 2 * features.samples - 4 * features.window - COMMAND_BYTES
    return Listening(features, min(left, MOST_LOGGED)) if left >= LEAST_LOGGED else None


def check_model(
    model: GeneratedModel,
    model_hash: bytes,
    build: str,
    *,
    db: bool = True,
    poison: bool = False,
    listening: Listening | None = None,
) -> str:
    """Write the text of check_model.c.

    model_hash: SHA-256 of the user's file (32 bytes). build: names this build in a hello; the
    compiler adds its own version. db: whether the board has RAM for the text protocol's own copy of
    the input. poison: whether poison.c (see `poison`) is part of the build. listening: what audio.c
    (see `audio_c`) computes, if it is.
    """
    return render(
        "check_model.c.j2",
        name=model.name,
        NAME=model.name.upper(),
        title=string_literal(model.name),
        benchmark=benchmark_of(model),
        benchmark_id=string_literal(benchmark_of(model).id),
        build=string_literal(f"{build} "),
        canary_bytes=CANARY_BYTES,
        arenas=model.arenas,
        staging_bytes=max((port.row_bytes for port in model.streamed), default=0),
        poison=poison,
        features=listening and listening.features,
        log_bytes=listening.log_bytes if listening else 0,
        db_bytes=db_bytes(model) if db else 0,
        hash=[f"0x{b:02x}" for b in model_hash],
        inputs=[_tensor(p) for p in model.inputs],
        outputs=[_tensor(p) for p in model.outputs],
    )


def _tensor(port: Port) -> str:
    """Write one `struct check_tensor` initializer."""
    dtype = f"CHECK_{port.dtype.name}"
    name = string_literal(port.name)
    scale = literal(float(port.scale))
    row_bytes = port.row_bytes if port.streamed else 0
    numbers = f"{port.bytes}, {port.elements}, {dtype}, {scale}, {port.zero_point}, {row_bytes}"
    return f"{{{name}, {numbers}}}"
