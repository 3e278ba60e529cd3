# SPDX-License-Identifier: Apache-2.0
"""The instruction set rv32: weight layouts and prices of its kernels."""
