# SPDX-License-Identifier: Apache-2.0
"""Architecture search under a board's budgets; empty in this release."""
