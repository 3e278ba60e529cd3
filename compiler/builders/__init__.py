# SPDX-License-Identifier: Apache-2.0
"""Writers of graphs and model files: for tests, scripts and the search."""
