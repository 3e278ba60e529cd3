# SPDX-License-Identifier: Apache-2.0
"""Attention recognised in a graph and rewritten into the forms that plans choose from."""
