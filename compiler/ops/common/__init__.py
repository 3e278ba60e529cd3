# SPDX-License-Identifier: Apache-2.0
"""Code that several operators share: fixed point, windows, rows, checks."""
