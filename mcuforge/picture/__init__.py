# SPDX-License-Identifier: Apache-2.0
"""A memory plan as a picture: time against address, as SVG, as a page and as a table."""
