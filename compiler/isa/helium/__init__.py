# SPDX-License-Identifier: Apache-2.0
"""The instruction set helium: weight layouts and prices of its kernels."""
