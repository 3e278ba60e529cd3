# SPDX-License-Identifier: Apache-2.0
"""`mcuforge quantize`: a float ONNX model to the int8 file that mcuforge compiles."""

from dataclasses import KW_ONLY, dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

from typer import Argument, Option

from mcuforge.commands.options import Json, Quiet, report_verdict, with_flags
from mcuforge.errors import CompileError
from mcuforge.report.files import refuse_unwritable, write_whole
from mcuforge.report.model import Calibration, QuantizeReport
from mcuforge.report.progress import Stages

CALIBRATION_SAMPLES = 200
LEAST_AGREEMENT = 0.9
SUFFIX = "_int8.onnx"


@dataclass(frozen=True)
class Request:
    """The arguments of `mcuforge quantize`; `out`: None for MODEL_int8.onnx beside the model."""

    model: Annotated[Path, Argument(metavar="MODEL", help="A float32 .onnx file.")]
    data: Annotated[
        Path,
        Option(
            "--data",
            "-d",
            metavar="FILE",
            help=".npz with float32 x in the model's own layout, and optional labels y.",
        ),
    ]
    _: KW_ONLY
    out: Annotated[
        Path | None,
        Option("--out", "-o", metavar="FILE", help="The int8 file; MODEL_int8.onnx without it."),
    ] = None
    samples: Annotated[
        int | None,
        Option(
            "--samples",
            "-n",
            min=1,
            metavar="N",
            help="Samples to calibrate on, spread evenly over --data; 200 without it.",
        ),
    ] = None
    asymmetric: Annotated[
        bool, Option("--asymmetric", help="Give activations zero points of their own.")
    ] = False
    per_channel: Annotated[
        bool,
        Option(
            "--per-channel/--per-tensor", help="One weight scale per channel, or one per tensor."
        ),
    ] = True
    min_agreement: Annotated[
        float,
        Option(
            min=0,
            max=1,
            metavar="SHARE",
            help="Fail where int8 names the float model's class in a smaller share of samples.",
        ),
    ] = LEAST_AGREEMENT


def quantize(request: Request, stages: Stages) -> QuantizeReport:
    """Quantize, compare with the float model, write the file, and see whether mcuforge reads it.

    The verdict is a fail where it does not, and where the two models answer too differently.
    Raises CompileError for files other than float ONNX models, data that does not fit the model,
    and whatever onnxruntime refuses; nothing is written then.
    """
    from mcuforge.compiler.builders.onnx_quantizer import Options, quantize_model
    from mcuforge.compiler.frontends.detect import read_file
    from mcuforge.flow import float_model
    from mcuforge.flow.data import load_samples

    out = request.out or request.model.with_name(request.model.stem + SUFFIX)
    if out.resolve() == request.model.resolve():
        raise CompileError(
            "the output is the model itself, expected another file", str(out), "name it with --out"
        )
    refuse_unwritable(out)
    content = read_file(request.model)
    file = float_model.read_float(content, request.model)
    samples = load_samples(float_model.as_graph(file, request.model), request.data)
    calibrate = float_model.spread(samples.count, request.samples or CALIBRATION_SAMPLES)
    options = Options(request.asymmetric, request.per_channel)
    with stages.stage("quantizing, then running both models"):
        found = quantize_model(request.model, samples.inputs, calibrate, options)
    with TemporaryDirectory(prefix="mcuforge-quantize-") as folder:
        fresh = Path(folder) / out.name
        fresh.write_bytes(found.file)
        refused = float_model.refusal_of(fresh)
    answers = float_model.compare_answers(found.float_answers, found.int8_answers, samples)
    is_random = float_model.looks_random(samples.inputs)
    apart = float_model.answer_reasons(
        answers, request.min_agreement, samples.origin, is_random=is_random
    )
    reasons = (*refused, *apart)
    write_whole(out, found.file)
    return QuantizeReport(
        model=float_model.file_facts(request.model, content, file),
        output=float_model.file_facts(out, found.file),
        calibration=Calibration(
            samples.origin, len(calibrate), request.asymmetric, request.per_channel, is_random
        ),
        answers=answers,
        verdict="fail" if reasons else "pass",
        reasons=reasons,
    )


@with_flags
def command(request: Request, *, json: Json = None, quiet: Quiet = False) -> None:
    """Quantize a float ONNX model to int8 with onnxruntime, and say what accuracy it costs."""
    from mcuforge.report.text import print_quantize

    report_verdict(QuantizeReport, partial(quantize, request), print_quantize, json, quiet)
