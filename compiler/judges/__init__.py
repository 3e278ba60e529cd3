# SPDX-License-Identifier: Apache-2.0
"""Judges: they compute the right answers, and another runtime's answers beside them."""

EXACT_MARK = " (exact)"  # in a reference's name: the answers must equal what stands before it
