# SPDX-License-Identifier: Apache-2.0
"""What is known of rv32: weight layouts and prices of its kernels."""
