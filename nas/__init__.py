# SPDX-License-Identifier: Apache-2.0
"""Architecture search: networks as descriptions, and what candidates cost on a board."""
