# SPDX-License-Identifier: Apache-2.0
"""Train, quantize and write the demo: examples/digits/digits_cnn.tflite and digits_test.npz.

    pip install -e '.[nas]'
    python -m scripts.make_demo_model

The model is a depthwise-separable CNN on scikit-learn's handwritten digits (8x8 grey, 10 classes,
shipped with the package). PyTorch trains it in float. The script then folds the batch norms and
quantizes to int8: weights symmetric per channel, activations by their range over the training
images. The labelled test images are the 360 that the training never saw.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tflite
import torch
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn

from mcuforge.compiler.builders.tflite_writer import (
    ModelSpec,
    OperatorSpec,
    TensorSpec,
    write_model,
)

ROOT = Path(__file__).resolve().parent.parent
SEED = 7
EPOCHS = 60
Float = NDArray[np.float32]


class Layer(nn.Module):  # type: ignore[misc]
    """Convolution, batch norm, ReLU; depthwise when `groups` says so."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, groups: int) -> None:
        super().__init__()
        # TFLite's SAME puts the odd row and column of a stride of 2 at the bottom and right
        first, last = (kernel - stride) // 2, kernel // 2
        self.pad = nn.ZeroPad2d((first, last, first, last))
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, groups=groups, bias=False)
        self.norm = nn.BatchNorm2d(outputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.norm(self.conv(self.pad(x))))

    def folded(self) -> tuple[Float, Float]:
        """Fold the batch norm: float32 weights (co, ci, kh, kw) and bias (co,)."""
        factor = self.norm.weight / torch.sqrt(self.norm.running_var + self.norm.eps)
        weights = self.conv.weight * factor[:, None, None, None]
        bias = self.norm.bias - self.norm.running_mean * factor
        return weights.detach().numpy(), bias.detach().numpy()


class Net(nn.Module):  # type: ignore[misc]
    """8x8x1 -> 10 logits, about 7,000 parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            [
                Layer(1, 16, 3, 1, 1),
                Layer(16, 16, 3, 1, 16),
                Layer(16, 32, 1, 1, 1),
                Layer(32, 32, 3, 2, 32),
                Layer(32, 64, 1, 1, 1),
                Layer(64, 64, 3, 1, 64),
                Layer(64, 64, 1, 1, 1),
            ]
        )
        self.head = nn.Linear(64, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for layer in self.layers:
            x = layer(x)
        return self.head(x.mean(dim=(2, 3)))


def train(x: Float, y: NDArray[np.int64]) -> Net:
    """Train the float network on x, float32 (n, 1, 8, 8) in 0..1."""
    torch.manual_seed(SEED)
    torch.use_deterministic_algorithms(True)
    net = Net()
    optimizer = torch.optim.AdamW(net.parameters(), lr=3e-3, weight_decay=1e-3)
    plan = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, EPOCHS)
    images, labels = torch.from_numpy(x), torch.from_numpy(y)
    for _ in range(EPOCHS):
        net.train()
        for batch in torch.randperm(len(images)).split(64):
            dy, dx = torch.randint(-1, 2, (2,)).tolist()
            moved = torch.roll(images[batch], (dy, dx), (2, 3))
            loss = nn.functional.cross_entropy(net(moved), labels[batch], label_smoothing=0.05)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        plan.step()
    net.eval()
    return net


class Quantizer:
    """Collects the tensors and operators of the int8 model."""

    def __init__(self) -> None:
        self.tensors: list[TensorSpec] = []
        self.operators: list[OperatorSpec] = []

    def add(self, tensor: TensorSpec) -> int:
        self.tensors.append(tensor)
        return len(self.tensors) - 1

    def activation(self, name: str, values: Float, shape: tuple[int, ...]) -> int:
        """Add an activation whose range is that of `values`, zero included."""
        low, high = min(float(values.min()), 0.0), max(float(values.max()), 0.0)
        scale = float(np.float32((high - low) / 255))
        return self.add(TensorSpec(name, shape, "int8", (scale,), (round(-128 - low / scale),)))

    def weights(self, name: str, values: Float, axis: int, source: int) -> tuple[int, Float]:
        """Add symmetric per-channel weights; return them with the scales of their bias."""
        others = tuple(i for i in range(values.ndim) if i != axis)
        scales = np.maximum(np.abs(values).max(axis=others), 1e-6).astype(np.float32) / 127
        shape = [-1 if i == axis else 1 for i in range(values.ndim)]
        data = np.clip(np.round(values / scales.reshape(shape)), -127, 127).astype(np.int8)
        tensor = TensorSpec(
            name, values.shape, "int8", tuple(map(float, scales)), (0,) * len(scales), axis, data
        )
        input_scale = self.tensors[source].scale
        assert input_scale is not None
        return self.add(tensor), (np.float32(input_scale[0]) * scales).astype(np.float32)

    def bias(self, name: str, values: Float, scales: Float) -> int:
        data = np.round(values / scales).astype(np.int32)
        zeros = (0,) * len(scales)
        shape = (len(values),)
        return self.add(TensorSpec(name, shape, "int32", tuple(map(float, scales)), zeros, 0, data))


def quantize(net: Net, calibration: Float) -> ModelSpec:
    """Quantize the network; activation ranges are those of the float values on `calibration`."""
    q = Quantizer()
    x = torch.from_numpy(calibration)
    here = q.activation("image", calibration, (1, 8, 8, 1))
    feed = here
    for index, layer in enumerate(net.layers):
        weights, bias = layer.folded()
        depthwise = layer.conv.groups > 1
        stride, kernel = layer.conv.stride[0], layer.conv.kernel_size[0]
        x = layer(x).detach()
        kind = "depthwise" if depthwise else "conv" if kernel > 1 else "pointwise"
        name = f"block{index}/{kind}"
        # TFLite: depthwise weights (1, kh, kw, co), others (co, kh, kw, ci)
        order = (1, 2, 3, 0) if depthwise else (0, 2, 3, 1)
        axis = 3 if depthwise else 0
        w, scales = q.weights(f"{name}/weights", weights.transpose(order), axis, here)
        b = q.bias(f"{name}/bias", bias, scales)
        size = x.shape[2]
        out = q.activation(name, x.numpy(), (1, size, size, x.shape[1]))
        options = {
            "Padding": tflite.Padding.SAME,
            "StrideH": stride,
            "StrideW": stride,
            "DilationHFactor": 1,
            "DilationWFactor": 1,
            "FusedActivationFunction": tflite.ActivationFunctionType.RELU,
        }
        if depthwise:
            options["DepthMultiplier"] = 1
        code = "DEPTHWISE_CONV_2D" if depthwise else "CONV_2D"
        table = "DepthwiseConv2DOptions" if depthwise else "Conv2DOptions"
        q.operators.append(OperatorSpec(code, (here, w, b), (out,), (table, options)))
        here = out
    pooled = x.mean(dim=(2, 3))
    axes = q.add(TensorSpec("pool/axes", (2,), "int32", data=np.array([1, 2], np.int32)))
    out = q.activation("pool", pooled.numpy(), (1, 64))
    q.operators.append(OperatorSpec("MEAN", (here, axes), (out,), ("ReducerOptions", {})))
    here = out
    logits = net.head(pooled).detach().numpy()
    head = net.head.weight.detach().numpy()
    # one scale for the whole head, as TFLite's fully connected kernels have it
    scale = float(np.float32(np.abs(head).max() / 127))
    data = np.clip(np.round(head / scale), -127, 127).astype(np.int8)
    w = q.add(TensorSpec("head/weights", head.shape, "int8", (scale,), (0,), 0, data))
    pooled_scale = q.tensors[here].scale
    assert pooled_scale is not None
    product = np.full(1, np.float32(pooled_scale[0]) * np.float32(scale), np.float32)
    bias = np.round(net.head.bias.detach().numpy() / product).astype(np.int32)
    b = q.add(TensorSpec("head/bias", (10,), "int32", (float(product[0]),), (0,), 0, bias))
    out = q.activation("head", logits, (1, 10))
    activation = ("FullyConnectedOptions", {"FusedActivationFunction": 0})
    q.operators.append(OperatorSpec("FULLY_CONNECTED", (here, w, b), (out,), activation))
    soft = q.add(TensorSpec("probabilities", (1, 10), "int8", (1 / 256,), (-128,)))
    q.operators.append(OperatorSpec("SOFTMAX", (out,), (soft,), ("SoftmaxOptions", {"Beta": 1.0})))
    return ModelSpec(tuple(q.tensors), tuple(q.operators), (feed,), (soft,))


def main() -> None:
    """Train, quantize, write both files, print the float network's accuracy."""
    digits = load_digits()
    images = (digits.images / 16).astype(np.float32)[:, None]
    x, test_x, y, test_y = train_test_split(
        images, digits.target, test_size=360, random_state=SEED, stratify=digits.target
    )
    net = train(x, y)
    with torch.no_grad():
        right = net(torch.from_numpy(test_x)).argmax(dim=1).numpy() == test_y
        model = write_model(quantize(net, x))
    folder = ROOT / "examples" / "digits"
    (folder / "digits_cnn.tflite").write_bytes(model)
    # real values: deploy quantizes them with the input's own scale
    np.savez_compressed(
        folder / "digits_test.npz",
        x=test_x.transpose(0, 2, 3, 1).astype(np.float32),
        y=test_y.astype(np.int64),
    )
    print(f"float accuracy {right.mean():.4f} on {len(test_y)} images, model {len(model):,} bytes")


if __name__ == "__main__":
    main()
