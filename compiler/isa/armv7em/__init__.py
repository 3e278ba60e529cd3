# SPDX-License-Identifier: Apache-2.0
"""The instruction set armv7em: weight layouts and prices of its kernels."""
