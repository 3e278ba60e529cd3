# SPDX-License-Identifier: Apache-2.0
"""Fuzzers of model files and of the serial line, as programs, and their tests."""
