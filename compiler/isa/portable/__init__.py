# SPDX-License-Identifier: Apache-2.0
"""The prices of portable kernels on instruction sets without kernels of their own."""
