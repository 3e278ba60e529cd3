# SPDX-License-Identifier: Apache-2.0
"""Draws a memory plan, time against address: as SVG, as a page, as a table and in letters."""
