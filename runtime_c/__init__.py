# SPDX-License-Identifier: Apache-2.0
"""The C runtime as package data: kernels, headers, check firmware."""
