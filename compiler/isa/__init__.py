# SPDX-License-Identifier: Apache-2.0
"""Weights and output stages in the order an ISA's kernels read them: one module per ISA."""
