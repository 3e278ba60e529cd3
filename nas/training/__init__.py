# SPDX-License-Identifier: Apache-2.0
"""Training with PyTorch: shared weights, single networks, quantization (extra `nas`)."""
