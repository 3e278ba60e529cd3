# SPDX-License-Identifier: Apache-2.0
"""Models beside the checkout as quantizers write them: outputs near those that come with them."""

from __future__ import annotations

import numpy as np
import pytest

from mcuforge.compiler import reference
from mcuforge.compiler.frontends import read_model
from mcuforge.compiler.user_ports import port_of, to_file, to_graph
from tests.shared import shared

FINE = 2.0**-20  # of the largest float32 answer: a step of an output that nothing quantizes
# file: by how many steps of our outputs' scale an answer may differ
STEPS = {
    "T_convmixer": 1,
    "T_gpt_1e4": 1,
    "T_gpt_inf": 1,
    "T_gpt_sdpa": 1,
    "avgpool_variants": 1,
    "bn1d_mlp": 1,
    "bn_after_relu": 1,
    "bn_first": 1,
    "const_minus": 1,
    "gap_global_dyn": 1,
    "h_trt": 32,  # its float bias becomes an int32
    "groupnorm": 1,
    "h_opset12": 1,
    "h_qcdq": 1,
    "i_norm": 1,
    "i_sub": 1,
    "instancenorm": 1,
    "l2norm": 1,
    "mish": 1,
    "opset11": 1,
    "out_div": 1,
    "out_mean": 1,
    "out_tanh": 1,
    "partial_ops": 1,
    "qoperator": 1,
    "r_avg2_conv": 2,
    "r_mean_tok": 2,
    "s_convavg2": 1,
    "rmsnorm": 1,
    "siamese": 0.01 / FINE,
    "std_pool": 1,
    "where_mask": 1,
}


@pytest.mark.shared
@pytest.mark.parametrize(("name", "steps"), STEPS.items())
def test_outputs_are_near_the_known_ones(name: str, steps: float) -> None:
    graph = read_model(shared(f"cases/{name}.onnx"))
    known = np.load(shared(f"cases/{name}_onnx.npz"))
    inputs = []
    for tensor in graph.inputs:
        port = port_of(graph, tensor)
        fed = known[f"in_{tensor.name}"].reshape(1, *port.shape)
        inputs.append(to_graph(fed, port, tensor)[0])
    for place, (tensor, met) in enumerate(
        zip(graph.outputs, reference.run(graph, inputs), strict=True)
    ):
        ours, theirs = to_file(met[None], port_of(graph, tensor), tensor)[0], known[f"out_{place}"]
        assert ours.shape == theirs.shape
        step = tensor.scale if tensor.quant else FINE * np.abs(theirs).max()
        assert np.abs(ours - theirs).max() <= (steps + 1e-3) * step
