# SPDX-License-Identifier: Apache-2.0
"""Tells what an operator does to samples that lie side by side in the first dimension.

The shapes for one sample and for all of them rule most mixing out (`Values.want_unmixed`). These
operators mix samples, or take them in another order, and leave such shapes.
"""

from mcuforge.compiler.frontends.tflite.ops.operator import NewNode
from mcuforge.compiler.frontends.tflite.tensors import FIX_SHAPE
from mcuforge.compiler.ops.concatenation import Concatenation
from mcuforge.compiler.ops.slice import Slice
from mcuforge.errors import Refusal


def want_apart(new: NewNode) -> None:
    """Refuse a node that would not do to all samples at once what it does to each."""
    op, output = new.op, new.output
    computed = [x for x in new.inputs if not x.is_constant]
    if isinstance(op, Concatenation) and op.axis == 0 and len(new.inputs) > 1:
        raise mixing("joins samples in the first dimension")
    if isinstance(op, Slice):
        whole = op.begin[0] == 0 and new.inputs[0].shape[0] == output.shape[0]
        if not whole or op.stride[0] != 1:
            raise mixing("cuts or reverses the first dimension, in which the samples lie")
    if len(computed) > 1 and len({len(x.shape) for x in computed}) > 1:
        raise mixing("lines the samples of one input up with another dimension of the other")


def mixing(what: str) -> Refusal:
    """Make the refusal of an operator that mixes the samples of a batch."""
    return Refusal(f"it {what}, supported: samples apart from each other", FIX_SHAPE)
