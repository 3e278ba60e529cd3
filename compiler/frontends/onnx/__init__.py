# SPDX-License-Identifier: Apache-2.0
"""Reads ONNX model files into graphs."""
