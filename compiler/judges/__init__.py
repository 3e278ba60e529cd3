# SPDX-License-Identifier: Apache-2.0
"""Judges: they compute the right answers, and another runtime's answers beside them."""
