# SPDX-License-Identifier: Apache-2.0
"""Parts of the page of a search: scales, plots, the network's diagram, tables, sentences."""
