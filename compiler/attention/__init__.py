# SPDX-License-Identifier: Apache-2.0
"""Recognises attention in a graph and rewrites it into forms that the planner chooses from."""
