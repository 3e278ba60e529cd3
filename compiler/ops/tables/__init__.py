# SPDX-License-Identifier: Apache-2.0
"""Operators on single int8 elements: each is a table of 256 answers."""
