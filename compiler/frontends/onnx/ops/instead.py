# SPDX-License-Identifier: Apache-2.0
"""Says of ONNX operators that are not read what to use instead.

An operator that becomes supported leaves this list; `tests/unit/frontends` looks that it does.
"""

from collections.abc import Mapping
from types import MappingProxyType

from mcuforge.errors import Advice, Phase, Refusal

REPLACE = "replace it in the model by supported operators: `mcuforge ops` lists them"
QDQ = Advice(
    "quantize to QDQ form: quantize_static(..., quant_format=QuantFormat.QDQ), "
    "or `mcuforge quantize MODEL --data FILE` on the float model",
    Phase.QUANTIZE,
)
INLINE = Advice(
    "write functions out first: onnx.inliner.inline_local_functions(model), then quantize again",
    Phase.EXPORT,
)
NOT_FUSED = Advice(
    "quantize the model as it was exported: onnxruntime's optimizers for its own operators "
    "(transformers.optimizer, levels above basic) come after, if at all",
    Phase.EXPORT,
)
ONNX_ONLY = Advice("export with operators of ONNX's own domain only", Phase.EXPORT)
BREVITAS = Advice(
    "export in QDQ form: brevitas.export.export_onnx_qcdq in place of QONNX", Phase.EXPORT
)
RECURRENT = "use convolutions over time (Conv1d, also dilated) or attention in its place"
CONTROL_FLOW = Advice(
    "export without control flow: trace the model instead of scripting it", Phase.EXPORT
)
OWN_CODE = "end the model before it, and do this in your own code"
BEFORE = "do this in your own code, and give the model its result"
SPELL = (
    "write it with Exp, Log, Sqrt, Tanh, Max, Min, Mul, Div and Add: a chain of such functions of "
    "one tensor becomes one table"
)
IDS = "look the vectors up in your own code, and give the model the vectors"
POOL = "use AveragePool or MaxPool in its place"
SEQUENCES = Advice("export without lists of tensors: Concat, Split and Slice do the same")
TRAINING = Advice("export for inference (model.eval()): it belongs to training", Phase.EXPORT)
CROP = "use Resize, Slice and Pad with constant arguments in its place"
REDUCE = (
    "write it with ReduceMean, and functions of one tensor (Abs, Exp, Log, Mul, Sqrt) around it"
)

OTHER_QUANTIZED_FORMS = (
    *("ConvInteger", "MatMulInteger", "DynamicQuantizeLinear", "DynamicQuantizeMatMul"),
    *("MatMulIntegerToFloat", "QAttention"),
)
INSTEAD: Mapping[str, str] = MappingProxyType(
    {
        "Atan": "use Tanh in its place",
        "CastLike": Advice("export with Cast, or with one type of number", Phase.EXPORT),
        "CumSum": "multiply by a constant triangular matrix (MatMul) in its place",
        "DeformConv": "use Conv in its place",
        "GatherElements": "use Gather along one axis, with constant indices",
        "GatherND": "use Gather along one axis, with constant indices",
        "GridSample": "sample in your own code, before the model",
        "LRN": "use BatchNormalization behind a convolution, which folds into it",
        "MaxUnpool": "use Resize (nearest) and then a Conv instead",
        "Mean": "add the tensors, and multiply by one number",
        "MeanVarianceNormalization": "use LayerNormalization or a folded BatchNormalization",
        "Sum": "add two tensors at a time (Add)",
        "Tan": "write it as Sin divided by Cos (Div)",
    }
    | dict.fromkeys(("LSTM", "GRU", "RNN"), RECURRENT)
    | dict.fromkeys(("If", "Loop", "Scan"), CONTROL_FLOW)
    | dict.fromkeys(("Acosh", "Asinh", "Atanh"), SPELL)
    | dict.fromkeys(("Acos", "Asin"), BEFORE)
    | dict.fromkeys(("Cosh", "Sinh"), SPELL)
    | dict.fromkeys(("ReduceLogSum", "ReduceLogSumExp"), REDUCE)
    | dict.fromkeys(("BitShift", "BitwiseAnd", "BitwiseNot", "BitwiseOr"), BEFORE)
    | dict.fromkeys(("BitwiseXor", "EyeLike", "ImageDecoder", "Det"), BEFORE)
    | dict.fromkeys(("BlackmanWindow", "HammingWindow", "HannWindow", "MelWeightMatrix"), BEFORE)
    | dict.fromkeys(("DFT", "STFT", "RegexFullMatch", "TfIdfVectorizer"), BEFORE)
    | dict.fromkeys(("StringConcat", "StringNormalizer", "StringSplit"), BEFORE)
    | dict.fromkeys(("OneHot",), IDS)
    | dict.fromkeys(("Compress", "Hardmax", "NonMaxSuppression", "NonZero"), OWN_CODE)
    | dict.fromkeys(("ReverseSequence", "ScatterElements", "ScatterND"), OWN_CODE)
    | dict.fromkeys(("TopK", "Unique", "MaxRoiPool", "RoiAlign"), OWN_CODE)
    | dict.fromkeys(("AffineGrid", "CenterCropPad", "Col2Im"), CROP)
    | dict.fromkeys(("GlobalLpPool", "LpPool"), POOL)
    | dict.fromkeys(("ConcatFromSequence", "SequenceAt", "SequenceConstruct"), SEQUENCES)
    | dict.fromkeys(("SequenceEmpty", "SequenceErase", "SequenceInsert"), SEQUENCES)
    | dict.fromkeys(("SequenceLength", "SequenceMap", "SplitToSequence"), SEQUENCES)
    | dict.fromkeys(("Optional", "OptionalGetElement", "OptionalHasElement"), SEQUENCES)
    | dict.fromkeys(("Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike"), TRAINING)
    | dict.fromkeys(("RandomUniform", "RandomUniformLike"), TRAINING)
    | dict.fromkeys(("NegativeLogLikelihoodLoss", "SoftmaxCrossEntropyLoss"), TRAINING)
    | dict.fromkeys(OTHER_QUANTIZED_FORMS, QDQ)
)

# by domain: what its operators are, and what to do
DOMAINS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "ai.onnx.ml": ("of classical machine learning, supported: neural networks", REPLACE),
        "com.microsoft": ("of onnxruntime, not of ONNX", NOT_FUSED),
        "onnx.brevitas": ("of Brevitas, not of ONNX", BREVITAS),
        "qonnx.custom_op.general": ("of QONNX, not of ONNX", BREVITAS),
        "org.pytorch.aten": ("of PyTorch, not of ONNX", ONNX_ONLY),
    }
)


def unsupported(op: str, domain: str, functions: frozenset[str]) -> Refusal:
    """Refuse an operator that nothing reads.

    functions: names of functions that the file defines by itself, as "domain.name".
    """
    kind = f"{domain}.{op}" if domain else op
    if kind in functions:
        return Refusal(f"{kind} is a function that the file defines itself", INLINE)
    if domain in ("", "com.microsoft") and op in INSTEAD:
        return Refusal(f"{op} is not supported yet", INSTEAD[op])
    if domain in DOMAINS:
        what, hint = DOMAINS[domain]
        return Refusal(f"{op} is not supported: it is {what}", hint)
    return Refusal(f"{kind} is not supported", REPLACE if not domain else ONNX_ONLY)
