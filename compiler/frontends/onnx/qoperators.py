# SPDX-License-Identifier: Apache-2.0
"""Writes operators of integers (QLinearConv, QGemm, ...) as operators between DQ and Q.

`quantize_static(..., quant_format=QuantFormat.QOperator)` makes them. Both forms mean the same.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from mcuforge.compiler.frontends.onnx.file import Attribute, OnnxNode
from mcuforge.errors import Advice, Phase, Refusal

MICROSOFT = "com.microsoft"
IN_QDQ = Advice("quantize in QDQ form: quant_format=QuantFormat.QDQ", Phase.QUANTIZE)
OF_BIAS = "/scale of the bias"  # ends the names of values that no operator of the file gives
NONE: Mapping[str, Attribute] = MappingProxyType({})


class _Written:
    """Collects the nodes that one operator of integers stands for."""

    def __init__(self, node: OnnxNode) -> None:
        self.node = node
        self.nodes: list[OnnxNode] = []

    def input(self, place: int) -> str:
        """Return the name of an input; empty where it is missing."""
        return self.node.inputs[place] if place < len(self.node.inputs) else ""

    def add(
        self,
        op: str,
        inputs: tuple[str, ...],
        attributes: Mapping[str, Attribute] = NONE,
        output: str = "",
    ) -> str:
        """Add an operator of ONNX's own domain, and return the name of its output."""
        node = self.node
        first = node.outputs[0] if node.outputs else ""
        output = output or f"{first}/{len(self.nodes)}"
        name = f"{node.name}/{op}" if op in ("QuantizeLinear", "DequantizeLinear") else node.name
        made = OnnxNode(node.index, op, "", name, inputs, (output,), attributes)
        self.nodes.append(made)
        return output

    def real(self, place: int, axis: int = 1) -> str:
        """Dequantize an input that is followed by its scale and zero point."""
        inputs = tuple(self.input(place + i) for i in range(3))
        return self.add("DequantizeLinear", inputs, {"axis": axis})

    def bias(self, place: int, x_scale: str, weights_scale: str) -> tuple[str, ...]:
        """Dequantize an int32 bias, which is on the products' scale; empty where it is missing."""
        if not self.input(place):
            return ()
        output = f"{self.node.outputs[0] if self.node.outputs else ''}{OF_BIAS}"
        scale = self.add("Mul", (x_scale, weights_scale), output=output)
        return (self.add("DequantizeLinear", (self.input(place), scale), {"axis": 0}),)

    def result(self, value: str, place: int) -> None:
        """Quantize the result to the scale at `place` and its zero point; float without one."""
        outputs = self.node.outputs
        output = outputs[0] if outputs else ""
        if self.input(place):
            inputs = (value, self.input(place), self.input(place + 1))
            self.add("QuantizeLinear", inputs, output=output)
        else:
            self.add("Identity", (value,), output=output)


Write = Callable[[_Written], None]


def _conv(w: _Written) -> None:
    """x, scale, zero, weights, scale, zero, output's scale and zero, bias."""
    x, weights = w.real(0), w.real(3, axis=0)
    bias = w.bias(8, w.input(1), w.input(4))
    w.result(w.add("Conv", (x, weights, *bias), w.node.attributes), 6)


def _matmul(w: _Written) -> None:
    """a, scale, zero, b, scale, zero, output's scale and zero."""
    w.result(w.add("MatMul", (w.real(0), w.real(3, axis=-1))), 6)


def _gemm(w: _Written) -> None:
    """a, scale, zero, b, scale, zero, bias, output's scale and zero."""
    known = {name: value for name, value in w.node.attributes.items() if name != "alpha"}
    if w.node.attributes.get("alpha", 1.0) != 1.0:
        raise Refusal("alpha is not 1, supported: a product that nothing multiplies", IN_QDQ)
    columns = 0 if known.get("transB", 0) else 1
    a, b = w.real(0), w.real(3, axis=columns)
    bias = w.bias(6, w.input(1), w.input(4))
    w.result(w.add("Gemm", (a, b, *bias), known), 7)


def _pair(kind: str) -> Write:
    """Write an operator of a, scale, zero, b, scale, zero, output's scale and zero."""
    return lambda w: w.result(w.add(kind, (w.real(0), w.real(3))), 6)


def _one(kind: str, *dropped: str) -> Write:
    """Write an operator of x, scale, zero, and the output's two; `dropped`: attributes left out."""

    def write(w: _Written) -> None:
        if w.node.attributes.get("channels_last", 0):
            raise Refusal("its channels are last, supported: at axis 1", IN_QDQ)
        known = {k: v for k, v in w.node.attributes.items() if k not in dropped}
        w.result(w.add(kind, (w.real(0),), known), 3)

    return write


def _softmax(w: _Written) -> None:
    """x, scale, zero, output's scale and zero; the last axis by default, in every opset."""
    w.result(w.add("Softmax", (w.real(0),), {"axis": -1, **w.node.attributes}), 3)


def _average_pool(w: _Written) -> None:
    """x, scale, zero, output's scale and zero."""
    known = w.node.attributes
    if known.get("ceil_mode", 0) and known.get("count_include_pad", 0):
        raise Refusal(
            "it rounds its size up and counts its padding, supported: one of the two", IN_QDQ
        )
    _one("AveragePool", "channels_last")(w)


def _concat(w: _Written) -> None:
    """Output's scale and zero, then a value, scale and zero of each part."""
    parts = tuple(w.real(place) for place in range(2, len(w.node.inputs), 3))
    w.result(w.add("Concat", parts, w.node.attributes), 0)


def _where(w: _Written) -> None:
    """Condition, then x and y with scale and zero each, output's scale and zero."""
    w.result(w.add("Where", (w.input(0), w.real(1), w.real(4))), 7)


WRITERS: Mapping[tuple[str, str], Write] = MappingProxyType(
    {
        ("", "QLinearConv"): _conv,
        ("", "QLinearMatMul"): _matmul,
        (MICROSOFT, "QGemm"): _gemm,
        (MICROSOFT, "QLinearAdd"): _pair("Add"),
        (MICROSOFT, "QLinearMul"): _pair("Mul"),
        (MICROSOFT, "QLinearSigmoid"): _one("Sigmoid"),
        (MICROSOFT, "QLinearLeakyRelu"): _one("LeakyRelu"),
        (MICROSOFT, "QLinearSoftmax"): _softmax,
        (MICROSOFT, "QLinearAveragePool"): _average_pool,
        (MICROSOFT, "QLinearGlobalAveragePool"): _one("GlobalAveragePool", "channels_last"),
        (MICROSOFT, "QLinearReduceMean"): _one("ReduceMean"),
        (MICROSOFT, "QLinearConcat"): _concat,
        (MICROSOFT, "QLinearWhere"): _where,
    }
)


def without_integers(nodes: tuple[OnnxNode, ...]) -> tuple[OnnxNode, ...]:
    """Write each operator of integers as others; all others stay. Raises Refusal."""
    found: list[OnnxNode] = []
    for node in nodes:
        write = WRITERS.get((node.domain, node.op))
        if write is None:
            found.append(node)
            continue
        written = _Written(node)
        write(written)
        found += written.nodes
    return tuple(found)
