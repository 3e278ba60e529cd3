# SPDX-License-Identifier: Apache-2.0
"""Tests: unit, golden, emulated, hardware; models made by code."""
