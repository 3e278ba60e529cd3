# SPDX-License-Identifier: Apache-2.0
"""What is known of armv7em: weight layouts and prices of its kernels."""
