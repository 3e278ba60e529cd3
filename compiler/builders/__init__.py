# SPDX-License-Identifier: Apache-2.0
"""Builders of graphs and model files, for scripts, tests and the architecture search."""
