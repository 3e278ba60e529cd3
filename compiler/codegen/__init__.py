# SPDX-License-Identifier: Apache-2.0
"""Kernel calls to readable C."""
