# SPDX-License-Identifier: Apache-2.0
"""Tests of nas/: descriptions of networks, and what candidates of a search cost."""
