# SPDX-License-Identifier: Apache-2.0
"""Says of operators that are not read what to use instead, or where they come from.

Some are read where they work on shapes, and only there. An operator that is read leaves this list;
`tests/unit/frontends` looks that it does.
"""

from collections.abc import Mapping
from types import MappingProxyType

from mcuforge.errors import Advice, Phase, Refusal

REPLACE = "replace it in the model: `mcuforge ops` lists what is supported"
NO_FLEX = Advice(
    "convert with builtin operators only: target_spec.supported_ops without SELECT_TF_OPS",
    Phase.EXPORT,
)
# custom operators of compilers, by their names: who has compiled the file, and for what
COMPILED: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "ethos-u": ("by Vela for an Arm Ethos-U", "vela"),
        "edgetpu-custom-op": ("for a Coral Edge TPU", "edgetpu_compiler"),
        "NeutronGraph": ("for an eIQ Neutron NPU of NXP", "neutron-converter"),
        "DISPATCH_OP": ("ahead of time by LiteRT for an accelerator", "LiteRT's compiler"),
    }
)
DETECTION = "end the model before it, and choose boxes in your own code"
OWN_CODE = "end the model before it, and do this in your own code"
BEFORE = "do this in your own code, and give the model its result"
RECURRENT = (
    "write the layer out (Keras: unroll=True), or use convolutions over time (Conv1D, also "
    "dilated) or attention in its place"
)
STREAMING = "use convolutions over time (Conv1D, also dilated) over a window of the last inputs"
STATE = (
    "make the state an input and an output of the model, and hand it back to the next inference in "
    "your own code"
)
IDS = "look the vectors up in your own code, and give the model the vectors"
MOVE_OUT = "move arithmetic on shapes and indices out of the model"
COMPARE = "clamp with MINIMUM and MAXIMUM, or compare in your own code"
ONE_BRANCH = "export the branch you need: control flow is not compiled"
UNROLL = "write the loop out (Keras: unroll=True), so that no loop is left"
FLOAT_ONLY = "TFLite has it in float32 only: compute it before or after the model, in your own code"
NOT_STABLEHLO = Advice(
    "convert to TFLite's builtin operators: StableHLO is the form before the conversion",
    Phase.EXPORT,
)
FIXED_DILATION = Advice(
    "convert with fixed input shapes: the dilation then stays in CONV_2D", Phase.EXPORT
)
TRAINED = Advice(
    "convert the network for inference: this operator belongs to training", Phase.EXPORT
)

INSTEAD: Mapping[str, str] = MappingProxyType(
    {
        "ADD_N": "add two tensors at a time (ADD)",
        "CONV_3D": "use 2-D convolutions, with frames or depth as channels",
        "CONV_3D_TRANSPOSE": "use 2-D convolutions, with frames or depth as channels",
        "CUMSUM": "multiply by a constant triangular matrix (FULLY_CONNECTED) in its place",
        "DENSIFY": Advice("convert without tf.lite.Optimize.EXPERIMENTAL_SPARSITY", Phase.EXPORT),
        "FAKE_QUANT": Advice(
            "convert the trained network to int8: the converter takes the ranges from it",
            Phase.QUANTIZE,
        ),
        "GATHER_ND": "use GATHER along one axis, with constant indices",
        "L2_POOL_2D": "use AVERAGE_POOL_2D or MAX_POOL_2D in its place",
        "LOCAL_RESPONSE_NORMALIZATION": "use batch normalization, which folds into convolutions",
        "REDUCE_WINDOW": "use AVERAGE_POOL_2D or MAX_POOL_2D in its place",
        "RELU_0_TO_1": "clamp with MINIMUM and MAXIMUM in its place",
        "SVDF": STREAMING,
        "WHILE": UNROLL,
    }
    | dict.fromkeys(("BIDIRECTIONAL_SEQUENCE_LSTM", "BIDIRECTIONAL_SEQUENCE_RNN"), RECURRENT)
    | dict.fromkeys(("UNIDIRECTIONAL_SEQUENCE_LSTM", "UNIDIRECTIONAL_SEQUENCE_RNN"), RECURRENT)
    | dict.fromkeys(("LSTM", "RNN"), RECURRENT)
    | dict.fromkeys(("ASSIGN_VARIABLE", "CALL_ONCE", "READ_VARIABLE", "VAR_HANDLE"), STATE)
    | dict.fromkeys(("CALL", "IF"), ONE_BRANCH)
    | dict.fromkeys(("EMBEDDING_LOOKUP", "EMBEDDING_LOOKUP_SPARSE", "LSH_PROJECTION"), IDS)
    | dict.fromkeys(("CONCAT_EMBEDDINGS", "SKIP_GRAM", "ONE_HOT"), IDS)
    | dict.fromkeys(("HASHTABLE", "HASHTABLE_FIND", "HASHTABLE_IMPORT", "HASHTABLE_LOOKUP"), IDS)
    | dict.fromkeys(("HASHTABLE_SIZE", "SPARSE_TO_DENSE", "BUCKETIZE"), BEFORE)
    | dict.fromkeys(("RFFT2D", "COMPLEX_ABS", "REAL", "IMAG", "BITCAST"), BEFORE)
    | dict.fromkeys(("TOPK_V2", "UNIQUE", "WHERE", "REVERSE_SEQUENCE", "SCATTER_ND"), OWN_CODE)
    | dict.fromkeys(("SEGMENT_SUM", "UNSORTED_SEGMENT_MAX", "UNSORTED_SEGMENT_MIN"), OWN_CODE)
    | dict.fromkeys(("UNSORTED_SEGMENT_PROD", "UNSORTED_SEGMENT_SUM"), OWN_CODE)
    | dict.fromkeys(("MATRIX_DIAG", "MATRIX_SET_DIAG", "DYNAMIC_UPDATE_SLICE"), OWN_CODE)
    | dict.fromkeys(("NON_MAX_SUPPRESSION_V4", "NON_MAX_SUPPRESSION_V5"), DETECTION)
    | dict.fromkeys(("EQUAL", "NOT_EQUAL", "GREATER", "GREATER_EQUAL"), COMPARE)
    | dict.fromkeys(("LESS", "LESS_EQUAL", "LOGICAL_AND", "LOGICAL_NOT", "LOGICAL_OR"), COMPARE)
    | dict.fromkeys(("REDUCE_ALL", "REDUCE_ANY", "BITWISE_XOR", "RIGHT_SHIFT"), OWN_CODE)
    | dict.fromkeys(("ATAN2", "CEIL", "COS", "FLOOR", "FLOOR_DIV", "FLOOR_MOD"), FLOAT_ONLY)
    | dict.fromkeys(("ROUND", "SIGN", "SIN"), FLOAT_ONLY)
    | dict.fromkeys(("MULTINOMIAL", "RANDOM_STANDARD_NORMAL", "RANDOM_UNIFORM"), TRAINED)
)


def unsupported(name: str) -> Refusal:
    """Refuse an operator that nothing reads; `name` as in the file, "custom 'X'" for a custom one.

    Files that another compiler has compiled are called that.
    """
    if not name.startswith("custom '"):
        hint = NOT_STABLEHLO if name.startswith("STABLEHLO_") else INSTEAD.get(name, REPLACE)
        if hint == STATE:  # several operators, one reason
            return Refusal("it keeps state between inferences, which is not supported yet", hint)
        return Refusal(f"{name} is not supported yet", hint)
    custom = name.removeprefix("custom '").removesuffix("'")
    if custom in COMPILED:
        target, compiler = COMPILED[custom]
        return Refusal(
            f"the file is compiled {target}: its operators are hidden in {name}",
            Advice(f"give the .tflite file that {compiler} was given", Phase.FILE),
        )
    if custom.startswith("Flex"):
        return Refusal(f"{name} is an operator of TensorFlow, not of TFLite", NO_FLEX)
    if custom == "TFLite_Detection_PostProcess":
        return Refusal(f"{name} is not supported yet", DETECTION)
    return Refusal(
        f"{name} is known to its maker alone, supported: TFLite's builtin operators",
        "replace it by builtin operators, or end the model before it and do this in your own code",
    )
