# SPDX-License-Identifier: Apache-2.0
"""Holds one arm per kind of ONNX operator: it turns the operator into values of the graph."""
