# SPDX-License-Identifier: Apache-2.0
"""Recognizes attention in a graph and rewrites it into forms that the planner chooses from."""
