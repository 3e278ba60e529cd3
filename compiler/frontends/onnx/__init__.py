# SPDX-License-Identifier: Apache-2.0
"""ONNX model files to graphs."""
