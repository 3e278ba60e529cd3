# SPDX-License-Identifier: Apache-2.0
"""Operator cases as data, run through every link of the oracle chain."""
