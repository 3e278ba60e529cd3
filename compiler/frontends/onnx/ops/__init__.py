# SPDX-License-Identifier: Apache-2.0
"""One arm per kind of ONNX operator: what it becomes."""
