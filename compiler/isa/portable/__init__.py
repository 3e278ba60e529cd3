# SPDX-License-Identifier: Apache-2.0
"""Prices of the portable kernels on instruction sets without kernels of their own."""
