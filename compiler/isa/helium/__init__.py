# SPDX-License-Identifier: Apache-2.0
"""What is known of helium: weight layouts and prices of its kernels."""
