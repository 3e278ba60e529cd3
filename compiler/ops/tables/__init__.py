# SPDX-License-Identifier: Apache-2.0
"""Operators on one int8 element: each is a table of 256 answers."""
