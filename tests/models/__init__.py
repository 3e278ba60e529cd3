# SPDX-License-Identifier: Apache-2.0
"""Models and reference answers for tests: written by code, never downloaded."""
