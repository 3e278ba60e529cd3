# SPDX-License-Identifier: Apache-2.0
"""Holds one arm per TFLite operator: it turns the operator into nodes of the graph."""
